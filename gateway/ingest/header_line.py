"""Reads one line of NDJSON: the header of a service request, or the request itself as a string."""

import datetime as dt
from typing import Annotated, Final, NamedTuple

import msgspec

from gateway.ingest.document import DOCUMENT_MAX_BYTES, too_large
from gateway.ingest.duis import Classify, communication, read_command_variant, read_service_request
from gateway.ingest.errors import IngestError, shown
from thresholds.model import Communication

LINE_MAX_BYTES: Final = DOCUMENT_MAX_BYTES + 1024 * 1024
"""One document and what its quotes and line ends take as JSON."""

DEVICES_MAX: Final = 50_000
"""Devices that one firmware update can name (DUIS 5.4, `DeviceIDList`: 1,199,999 characters)."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)


class HeaderLine(NamedTuple):
    """What one line says."""

    communication: Communication
    observed_at_ms: int | None
    """Milliseconds since the Unix epoch; None where the line names no time."""


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    request_id: str | None = None
    command_variant: int | None = None
    service_reference_variant: str | None = None
    duis: str | None = None
    observed_at: str | None = None
    devices: Annotated[int, msgspec.Meta(ge=0, le=DEVICES_MAX)] = 0


_decode = msgspec.json.Decoder(_Line).decode


def read_header_line(line: bytes, classify: Classify) -> HeaderLine:
    """Return the communication of one line and when it was observed.

    A line is `{"request_id","command_variant","service_reference_variant","observed_at"}`, for a firmware
    update with `"devices"` (how many its list names), or `{"duis","observed_at"}`; `observed_at` is UTC as in RFC 3339 (`2026-12-01T00:00:00Z`) and may be
    absent. Raises IngestError: `too_large`, `line_malformed`, `field_missing`, `observed_at_malformed`,
    and what `read_service_request` raises.
    """
    if len(line) > LINE_MAX_BYTES:
        raise too_large(len(line), LINE_MAX_BYTES)
    try:
        fields = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(str(error)) from None
    return HeaderLine(_communication(fields, classify), _observed_at_ms(fields.observed_at))


def _communication(fields: _Line, classify: Classify) -> Communication:
    header = (fields.request_id, fields.command_variant, fields.service_reference_variant)
    if fields.duis is None:
        return _of_header(*header, classify, fields.devices)
    if header != (None, None, None):
        raise _malformed("duis and header fields")  # noqa: TRY003 - the message is made in one place
    return read_service_request(fields.duis.encode(), classify, encoding="UTF-8")


def _of_header(
    request_id: str | None, command_variant: int | None, variant: str | None, classify: Classify, devices: int
) -> Communication:
    if request_id is None:
        raise _missing("request_id")
    if command_variant is None:
        raise _missing("command_variant")
    if variant is None:
        raise _missing("service_reference_variant")
    command = command_variant if 0 < command_variant < 10 else read_command_variant(f"{command_variant:d}")  # noqa: PLR2004
    return communication(request_id, command, variant, classify, devices)


def _observed_at_ms(text: str | None) -> int | None:
    """Return *text* in whole milliseconds, the rest cut off."""
    if text is None:
        return None
    try:
        moment = msgspec.convert(text, dt.datetime)
    except msgspec.ValidationError:
        raise _observed_at_malformed(text) from None
    if moment.utcoffset() != dt.timedelta(0):
        raise _observed_at_malformed(text)
    return (moment - _EPOCH) // _MILLISECOND


def _missing(name: str) -> IngestError:
    return IngestError("field_missing", f"the line has no {name}", f"Send {name}, or the request as duis.")


def _observed_at_malformed(text: str) -> IngestError:
    return IngestError(
        "observed_at_malformed",
        f"observed_at {shown(text)!r} is not a time in UTC",
        "Send it as in RFC 3339, such as 2026-12-01T00:00:00Z.",
    )


def _malformed(reason: str) -> IngestError:
    return IngestError(
        "line_malformed",
        f"the line is not a service request: {shown(reason)}",
        "Send one JSON object with request_id, command_variant and service_reference_variant, or duis.",
    )
