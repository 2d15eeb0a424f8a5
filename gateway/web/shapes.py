"""What the API takes and answers, as types: the handlers answer with them, and the description is made of them."""

from typing import Annotated, Any, get_type_hints

import msgspec

from gateway.alerts.facts import Facts
from gateway.health import PartHealth
from gateway.operations.rates import ShownRate
from gateway.operations.signing import SigningError
from gateway.store.adt_files import StoredFile
from gateway.store.deliveries import DeliveryRow
from gateway.store.incidents import StoredIncident
from gateway.web.answers import is_instant
from thresholds.faults import Fault
from thresholds.model import Alignment

Instant = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339, UTC."""

Optional = msgspec.UnsetType


def with_instants(kept: type[msgspec.Struct], name: str, **more: Any) -> type[msgspec.Struct]:
    """Return the type of what `instants` makes of *kept*, with *more* fields or other types of them."""
    hints = get_type_hints(kept)
    fields: dict[str, Any] = {
        field: _as_text(hints[field]) if is_instant(field) else hints[field]
        for field in kept.__struct_fields__
    }
    needed = [(field, kind) for field, kind in (fields | more).items() if not _may_lack(kind)]
    others = [(field, kind, msgspec.UNSET) for field, kind in more.items() if _may_lack(kind)]
    return msgspec.defstruct(name, [*needed, *others], kw_only=True)


def _as_text(kind: Any) -> Any:
    return Instant if kind in {int, float} else Instant | None


def _may_lack(kind: Any) -> bool:
    return Optional in getattr(kind, "__args__", ())


ShownDelivery = with_instants(DeliveryRow, "ShownDelivery")
AdtFile = with_instants(
    StoredFile,
    "AdtFile",
    may_approve=bool | Optional,
    signing_error=SigningError | None | Optional,
    delivery=ShownDelivery | None | Optional,
)
SubmittedFile = with_instants(StoredFile, "SubmittedFile", warnings=list[Fault])
Incident = with_instants(StoredIncident, "Incident", detail=Facts | None)
"""`detail` is null in lists where the incident is classified."""


class AdtFiles(msgspec.Struct, frozen=True):
    """All files, newest first."""

    files: list[AdtFile]  # type: ignore[valid-type] # made above


class Incidents(msgspec.Struct, frozen=True):
    """Candidate incidents, newest first."""

    incidents: list[Incident]  # type: ignore[valid-type] # made above


class ShownThreshold(msgspec.Struct, frozen=True):
    """A threshold in force."""

    user_id: str
    communication: str
    service: str
    period: str
    alignment: Alignment
    warning: int
    quarantine: int
    effective_from: Instant
    effective_to: Instant | None
    file_id: int | None
    line: int | None


class Thresholds(msgspec.Struct, frozen=True):
    """The thresholds in force, exceptions included."""

    thresholds: list[ShownThreshold]


class Rates(msgspec.Struct, frozen=True):
    """Every count, nearest to its quarantine level first."""

    rates: list[ShownRate]


class History(msgspec.Struct, frozen=True, rename={"first": "from", "end": "to"}):
    """What a threshold would have counted in each step of *step* seconds."""

    user_id: str
    communication: str
    service: str
    first: Instant
    end: Instant
    step: int
    counts: list[int]


class ShownRecord(msgspec.Struct, frozen=True):
    """An audit record; `body` is what is hashed, or empty where it is *withheld*."""

    number: int
    body: str
    hash: str
    withheld: bool = False


class Records(msgspec.Struct, frozen=True):
    """A page of the audit chain."""

    records: list[ShownRecord]


class Alive(msgspec.Struct, frozen=True):
    """The daemon lives."""

    status: str = "alive"


class Ready(msgspec.Struct, frozen=True):
    """Whether every part that is needed works, and how each does."""

    ready: bool
    parts: list[PartHealth]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457; `code` is stable, `detail` says what happened, `remedy` what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    remedy: str
    part: str | Optional = msgspec.UNSET
    """`token` where the token did not do its part."""
    sha256: str | Optional = msgspec.UNSET
    rows: int | Optional = msgspec.UNSET
    fault_count: int | Optional = msgspec.UNSET
    faults: list[Fault] | Optional = msgspec.UNSET
    """The first faults of a file that was refused."""
    warnings: list[Fault] | Optional = msgspec.UNSET
