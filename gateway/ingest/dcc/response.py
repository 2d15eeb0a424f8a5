"""Reads DUIS Responses (DCC User Interface Specification, XML schema 5.4): answers and DCC alerts.

Elements are known by namespace and local name, so every prefix and every schema version is read. A quarantine is
known by the element `QuarantinedRequest`: the schema binds no alert code to any content.
"""

import enum
import re
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec
from lxml.etree import _Element

from gateway.ingest.document import read_document
from gateway.ingest.duis import NAMESPACE, read_request_id
from gateway.ingest.errors import IngestError, MessageTooLarge, shown

RESPONSE_MAX_BYTES: Final = 4 * 1024 * 1024
"""Of a Response that is read at all: logs of a device are the largest that the DCC sends."""
QUARANTINE_MAX_BYTES: Final = 64 * 1024
"""Of a Response that speaks of quarantine, which is kept: the schema allows about 4 000 bytes."""
UNSIGNED_INT_MAX: Final = 2**32 - 1
ACCEPTED: Final = "I99"
"""The code by which the DCC says that it took a request; its answer comes later."""


class BreachKind(enum.StrEnum):
    """Why the DCC holds a request, by the element that says so."""

    USER_THRESHOLD = "user_threshold"
    DCC_THRESHOLD = "dcc_threshold"
    ATTRIBUTE_LIMITS = "attribute_limits"


class Held(msgspec.Struct, frozen=True):
    """A request that the DCC says it holds (`QuarantinedRequest`)."""

    breach: BreachKind
    request_id: str
    event_ref: str
    """`QuarantineEventRef`: an integer of at most 20 digits, in its shortest form."""

    @property
    def user_id(self) -> str:
        """The originator."""
        return self.request_id[:23]

    @property
    def device(self) -> str:
        """The target."""
        return self.request_id[24:47]


class DccResponse(msgspec.Struct, frozen=True):
    """What a DUIS Response says; nothing in it is believed before its signature is verified."""

    kind: Literal["quarantine", "alert", "answer", "device_alert"]
    response_code: str
    """Such as `I0` or `E65`; empty where there is none."""
    responded_at_ms: int
    """The DCC's own time, in milliseconds since the epoch; one without a zone is taken as UTC."""
    request_id: str = ""
    """The request that is answered; empty for alerts."""
    response_id: str = ""
    alert_code: str = ""
    """`DCCAlertCode`"""
    alert: str = ""
    """The local name of the element that says what the alert is about."""
    throttled_sequence: int | None = None
    throttled_count: int | None = None
    held: Held | None = None

    @property
    def stands_for(self) -> int:
        """For how many alerts this one stands: a throttled one is sent instead of several."""
        return max(1, self.throttled_count or 0)

    @property
    def is_acknowledgement(self) -> bool:
        """Whether the DCC says by it that it took a message or refused it, and not what came of the request.

        A request that is sent again while it is held gets one too. The answer of a device has a ResponseID, an
        acknowledgement has none.
        """
        refused = self.response_code.startswith("E") and not self.response_id
        return self.kind == "answer" and (refused or self.response_code == ACCEPTED)


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"


RESPONSE: Final = _name("Response")
_BODIES: Final = ("ResponseMessage", "SMETS1ResponseMessage", "DeviceAlertMessage", "DCCAlertMessage")
_BREACHES: Final = {
    _name("ADUserThresholdBreach"): BreachKind.USER_THRESHOLD,
    _name("ADDCCThresholdBreach"): BreachKind.DCC_THRESHOLD,
    _name("ADAttributeLimitsBreach"): BreachKind.ATTRIBUTE_LIMITS,
}
_SPACE: Final = " \t\r\n"
_CODE: Final = re.compile(r"[A-Z][A-Z0-9]{0,15}")
_EVENT: Final = re.compile(r"([+-]?)0*([0-9]{1,20})")
_COUNT: Final = re.compile(r"\+?0*([0-9]{1,10})")
_DATE_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,12}))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def read_response(data: bytes) -> DccResponse:
    """Return what the DUIS Response *data* says.

    Raises IngestError: the codes of `read_document`, and `too_large`, `not_a_response`, `element_missing`,
    `element_repeated`, `element_malformed`, `alert_unknown`, `request_id_malformed`.
    """
    if len(data) > RESPONSE_MAX_BYTES:
        raise _too_large(len(data), RESPONSE_MAX_BYTES)
    root = read_document(data)
    if root.tag != RESPONSE:
        msg = f"the document is {shown(root.tag)!r}, not a Response of DUIS"
        raise IngestError("not_a_response", msg, "Send responses and DCC alerts here; requests elsewhere.")
    header = _one(root, "Header")
    message = _only(_one(root, "Body"))
    local = message.tag.removeprefix(f"{{{NAMESPACE}}}")
    if local not in _BODIES:
        raise _malformed("Body", message.tag, f"one of {', '.join(_BODIES)}")
    found = DccResponse(
        kind="device_alert" if local == "DeviceAlertMessage" else "answer",
        response_code=_text(header, "ResponseCode", _CODE, "such as I0 or E65"),
        responded_at_ms=_date_time(_needed(header, "ResponseDateTime")),
        request_id=_request_id(_maybe(header, "RequestID")),
        response_id=_request_id(_maybe(header, "ResponseID")),
    )
    if local != "DCCAlertMessage":
        return found
    return _alert(found, message, len(data))


def _alert(header: DccResponse, message: _Element, size: int) -> DccResponse:
    alert = _only(_one(message, "DCCAlert"))
    found = msgspec.structs.replace(
        header,
        kind="alert",
        alert_code=_text(message, "DCCAlertCode", _CODE, "such as N46"),
        alert=shown(alert.tag.removeprefix(f"{{{NAMESPACE}}}")),
        throttled_sequence=_count(message, "ThrottledAlertSequenceId"),
        throttled_count=_count(message, "ThrottledAlertCount"),
    )
    if alert.tag != _name("QuarantinedRequest"):
        return found
    if size > QUARANTINE_MAX_BYTES:
        raise _too_large(size, QUARANTINE_MAX_BYTES)
    return msgspec.structs.replace(found, kind="quarantine", held=_held(alert))


def _held(quarantined: _Element) -> Held:
    breach = _only(quarantined)
    if breach.tag not in _BREACHES:
        # A kind that a later schema adds may not pass by as if it were none.
        msg = f"QuarantinedRequest holds {shown(breach.tag)!r}, which is not known"
        raise IngestError("alert_unknown", msg, "Look at the message itself; the schema may have changed.")
    event = _EVENT.fullmatch(_needed(breach, "QuarantineEventRef"))
    if event is None:
        raise _malformed(
            "QuarantineEventRef", _needed(breach, "QuarantineEventRef"), "an integer of 20 digits at most"
        )
    number = int(event[2])
    request_id, _ = read_request_id(_needed(breach, "RequestID"))
    return Held(_BREACHES[breach.tag], request_id, str(-number if event[1] == "-" else number))


def _one(parent: _Element, local: str) -> _Element:
    """Return the only child of that name."""
    found = list(parent.iterchildren(_name(local)))
    if len(found) != 1:
        code = "element_repeated" if found else "element_missing"
        msg = f"there are {len(found)} {local} in {shown(parent.tag)}, not one"
        raise IngestError(code, msg, "Send the DCC's message whole and unchanged.")
    return found[0]


def _only(parent: _Element) -> _Element:
    """Return the only child of any name."""
    if len(parent) != 1:
        code = "element_repeated" if len(parent) else "element_missing"
        msg = f"{shown(parent.tag)} holds {len(parent)} elements, not one"
        raise IngestError(code, msg, "Send the DCC's message whole and unchanged.")
    return parent[0]


def _maybe(parent: _Element, local: str) -> str:
    """Return the text of the only child of that name; empty where there is none."""
    if parent.find(_name(local)) is None:
        return ""
    return _needed(parent, local)


def _needed(parent: _Element, local: str) -> str:
    found = _one(parent, local)
    if len(found):
        raise _malformed(local, found[0].tag, "text alone")
    return (found.text or "").strip(_SPACE)


def _text(parent: _Element, local: str, form: re.Pattern[str], words: str) -> str:
    text = _needed(parent, local)
    if form.fullmatch(text) is None:
        raise _malformed(local, text, words)
    return text


def _count(parent: _Element, local: str) -> int | None:
    if parent.find(_name(local)) is None:
        return None
    text = _needed(parent, local)
    matched = _COUNT.fullmatch(text)
    if matched is None or int(matched[1]) > UNSIGNED_INT_MAX:
        raise _malformed(local, text, f"a number from 0 to {UNSIGNED_INT_MAX}")
    return int(matched[1])


def _request_id(text: str) -> str:
    return read_request_id(text)[0] if text else ""


def _date_time(text: str) -> int:
    """Return milliseconds since the epoch of an xs:dateTime."""
    matched = _DATE_TIME.fullmatch(text)
    try:
        if matched is None:
            raise ValueError  # noqa: TRY301 - one answer for every form that is none
        moment = datetime.fromisoformat(matched[1] + (matched[3] or "Z"))
        milliseconds = int((matched[2] or "0").ljust(3, "0")[:3])
        found = int(moment.astimezone(UTC).timestamp()) * 1000 + milliseconds
    except (ValueError, OverflowError):
        raise _malformed("ResponseDateTime", text, "a time such as 2026-12-01T00:00:00.000Z") from None
    if found < 0:
        raise _malformed("ResponseDateTime", text, "a time since 1970")
    return found


def _too_large(size: int, limit: int) -> MessageTooLarge:
    return MessageTooLarge(
        "too_large", f"{size} bytes, at most {limit} are read", "Send one message of the DCC; none is larger."
    )


def _malformed(what: str, text: str, form: str) -> IngestError:
    return IngestError("element_malformed", f"{what} {shown(text)!r} is malformed", f"Send {form}.")
