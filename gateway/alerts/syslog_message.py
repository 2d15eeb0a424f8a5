"""An alert as a syslog message: structured data for routing, and a body in the format that the receiver reads. Pure."""

import datetime as dt
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from gateway.alerts import cef, rfc5424
from gateway.alerts.facts import kind_of
from gateway.alerts.message import SCHEMA, Alert
from gateway.alerts.ocsf import detection_finding
from gateway.alerts.rfc5424 import Element, Message, Severity

APP_NAME: Final = "adt-gateway"
ELEMENT: Final = "adtGateway"
FIGURES: Final = "adtFigures"
"""The element of a heartbeat: what it says of the gateway, by name."""

Format = Literal["cef", "ocsf", "text"]
"""CEF, an OCSF event as JSON, or the title for people."""

SEVERITIES: Final[Mapping[str, Severity]] = MappingProxyType(
    {"quarantine": Severity.CRITICAL, "warning": Severity.WARNING}
)
"""By the level; where the marking keeps it back, `ERROR`."""


class Origin(msgspec.Struct, frozen=True):
    """What is the same in every message of one channel."""

    facility: str
    host: str
    process: str
    enterprise: int
    """Private enterprise number behind the `@` of our element (RFC 5424 7.2.2)."""
    format: Format
    longest: int
    """Bytes that the receiver takes, without framing."""


def encode(alert: Alert, origin: Origin) -> bytes:
    """Return the message, no longer than `origin.longest`.

    What is too long is cut where it keeps its sense: CEF loses whole fields, JSON gives way to the title, and the
    parameter `cut` says how many bytes the whole message would have had.
    """
    body = BODIES[origin.format]
    whole = _message(alert, origin, body(alert, origin, None), cut=0)
    if len(whole) <= origin.longest:
        return whole
    room = origin.longest - len(_message(alert, origin, b"", cut=len(whole)))
    return _message(alert, origin, body(alert, origin, room), cut=len(whole))


def elements(alert: Alert, enterprise: int, *, cut: int = 0) -> tuple[Element, ...]:
    """Return the structured data: enough to route, to join the alerts of one incident and to drop repeats."""
    ours = {
        "schema": SCHEMA,
        "alert": alert.id,
        "instance": alert.instance,
        "incident": str(alert.incident or ""),
        "event": alert.event,
        "kind": kind_of(alert.facts) if alert.facts else "",
        "level": alert.facts.level if alert.facts else "",
        "state": alert.state if alert.incident else "",
        "marking": alert.marking,
        "user": alert.user_id,
        "cut": str(cut or ""),
    }
    known = {name: value for name, value in ours.items() if value}
    origin = Element("origin", {"software": APP_NAME, "swVersion": cef.VERSION[:32]})
    told = origin, Element(f"{ELEMENT}@{enterprise}", known)
    if not alert.figures:
        return told
    figures = {name: str(value) for name, value in alert.figures.items()}
    return *told, Element(f"{FIGURES}@{enterprise}", figures)


def severity(alert: Alert) -> Severity:
    """Return how bad it is."""
    match alert.event:
        case "heartbeat" | "test":
            return Severity.INFORMATIONAL
    if alert.is_over:
        return Severity.NOTICE
    if alert.facts is None:
        return Severity.ERROR
    return SEVERITIES.get(alert.facts.level, Severity.WARNING)


def _message(alert: Alert, origin: Origin, body: str | bytes, *, cut: int) -> bytes:
    return rfc5424.encode(
        Message(
            facility=origin.facility,
            severity=severity(alert),
            at=dt.datetime.fromisoformat(alert.at),
            hostname=origin.host,
            app_name=APP_NAME,
            process=origin.process,
            kind=cef.signature(alert),
            elements=elements(alert, origin.enterprise, cut=cut),
            body=body,
        )
    )


def _cef(alert: Alert, origin: Origin, room: int | None) -> bytes:
    return cef.encode(alert, origin.host, room).encode("utf-8", "replace")


def _ocsf(alert: Alert, origin: Origin, room: int | None) -> str | bytes:
    event = msgspec.json.encode(detection_finding(alert))
    return event if room is None or len(event) <= room else _text(alert, origin, room)


def _text(alert: Alert, origin: Origin, room: int | None) -> str:
    del origin
    title = rfc5424.on_one_line(alert.title)
    if room is None:
        return title
    return title.encode("utf-8", "replace")[: max(room - len(rfc5424.BOM), 0)].decode("utf-8", "ignore")


BODIES: Final[Mapping[Format, Callable[[Alert, Origin, int | None], str | bytes]]] = MappingProxyType(
    {"cef": _cef, "ocsf": _ocsf, "text": _text}
)
"""How each body is made for so many bytes of room; None for any."""
