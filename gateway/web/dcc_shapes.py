"""What the API answers about the DCC's messages, as types, and how kept values become them."""

from typing import Any, get_type_hints

import msgspec

from gateway.clock import to_text
from gateway.operations.quarantine import Pm11
from gateway.store.dcc_alerts import ListedAlert
from gateway.store.pm11 import Delay
from gateway.store.quarantine_reports import Expected, Unexpected
from gateway.store.quarantined import HeldRow
from gateway.web.shapes import Instant

_MS = "_ms"


def texts(value: msgspec.Struct, **more: Any) -> dict[str, Any]:
    """Return the fields of *value*, every `…_at_ms` and `…_at` as RFC 3339 text named `…_at`, and *more*."""
    shown: dict[str, Any] = {}
    for name, item in msgspec.structs.asdict(value).items():
        if name.endswith(("_at_ms", "_until_ms")):
            shown[name.removesuffix(_MS)] = None if item is None else to_text(item / 1000)
        elif name.endswith("_at"):
            shown[name] = None if item is None else to_text(item)
        else:
            shown[name] = item
    return shown | more


def _shape(kept: type[msgspec.Struct], name: str, **more: Any) -> type[msgspec.Struct]:
    """Return the type of what `texts` makes of *kept*, with *more* fields."""
    hints = get_type_hints(kept)
    fields: dict[str, Any] = {}
    for field in kept.__struct_fields__:
        if field.endswith(("_at_ms", "_until_ms", "_at")):
            fields[field.removesuffix(_MS)] = Instant if hints[field] is int else Instant | None
        else:
            fields[field] = hints[field]
    return msgspec.defstruct(name, [*(fields | more).items()], kw_only=True)


DccAlertRow = _shape(ListedAlert, "DccAlertRow")
QuarantinedRequest = _shape(HeldRow, "QuarantinedRequest")
DccAlert = _shape(ListedAlert, "DccAlert", content=str, held=QuarantinedRequest | None)
ExpectedQuarantine = _shape(Expected, "ExpectedQuarantineRow", verdict=str)
UnexpectedQuarantine = _shape(Unexpected, "UnexpectedQuarantineRow")
Pm11Request = _shape(Delay, "Pm11Request", seconds_at_least=float, seconds_at_most=float, within=str)


class DccAlerts(msgspec.Struct, frozen=True):
    """Alerts that speak of quarantine, believed or not, newest first."""

    count: int
    alerts: list[DccAlertRow]  # type: ignore[valid-type] # made above


class QuarantinedRequests(msgspec.Struct, frozen=True):
    """Requests that the DCC holds or held; who waits longest first."""

    count: int
    requests: list[QuarantinedRequest]  # type: ignore[valid-type] # made above


class ShownDifferences(msgspec.Struct, frozen=True):
    """Where our thresholds and the DCC's do not agree."""

    expected: list[ExpectedQuarantine]  # type: ignore[valid-type] # made above
    unexpected: list[UnexpectedQuarantine]  # type: ignore[valid-type] # made above


class ShownPm11(msgspec.Struct, frozen=True):
    """DSP PM 11 of a month, and its slowest requests."""

    measure: str
    sums: Pm11
    requests: list[Pm11Request]  # type: ignore[valid-type] # made above
