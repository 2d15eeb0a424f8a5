"""One syslog message as RFC 5424 writes it, and how it is framed on a stream. Pure.

    <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [STRUCTURED-DATA] MSG

A body that a program reads (CEF, JSON) goes without a byte order mark, which RFC 8259 forbids in JSON and no CEF parser
expects: that is MSG-ANY. Text for people is MSG-UTF8, with one (section 6.4).
"""

import datetime as dt
import enum
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

BOM: Final = b"\xef\xbb\xbf"
NIL: Final = "-"

FACILITIES: Final = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "security", "console", "clock"),
    *(f"local{number}" for number in range(8)),
)
"""By their numbers, 0 to 23 (section 6.2.1); 13 and 14 are "log audit" and "log alert" there."""

HOSTNAME_LENGTH: Final = 255
APP_NAME_LENGTH: Final = 48
PROCID_LENGTH: Final = 128
MSGID_LENGTH: Final = 32
SD_NAME_LENGTH: Final = 32

NOT_PRINTABLE_ASCII: Final = re.compile(r"[^\x21-\x7e]+")
NOT_SD_NAME: Final = re.compile(r'[^\x21-\x7e]+|[="\]]+')
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""What would let a value end a line or move a terminal's cursor; RFC 5424 lets a receiver change it (6.4)."""
TO_ESCAPE: Final = re.compile(r'(["\\\]])')
ESCAPED: Final = r"\\\1"


class Severity(enum.IntEnum):
    """How bad it is (section 6.2.1)."""

    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFORMATIONAL = 6


class Element(msgspec.Struct, frozen=True):
    """One SD-ELEMENT: its name (with `@` and an enterprise number where it is not of the IANA) and its parameters."""

    name: str
    parameters: Mapping[str, str]


class Message(msgspec.Struct, frozen=True):
    """All that a syslog message says; what is too long for its field or not allowed in it is cut or replaced."""

    facility: str
    severity: Severity
    at: dt.datetime
    hostname: str
    app_name: str
    process: str
    kind: str
    """MSGID: what sort of message it is."""
    elements: Sequence[Element]
    body: str | bytes
    """Text for people, which gets a byte order mark, or bytes that a program reads, which get none."""


def encode(message: Message) -> bytes:
    """Return *message* as bytes, without framing."""
    priority = FACILITIES.index(message.facility) * 8 + message.severity
    header = " ".join(
        (
            f"<{priority}>1",
            timestamp(message.at),
            _header(message.hostname, HOSTNAME_LENGTH),
            _header(message.app_name, APP_NAME_LENGTH),
            _header(message.process, PROCID_LENGTH),
            _header(message.kind, MSGID_LENGTH),
            "".join(map(_element, message.elements)) or NIL,
        )
    )
    body = message.body if isinstance(message.body, bytes) else BOM + message.body.encode("utf-8", "replace")
    return header.encode("utf-8", "replace") + b" " + body


def timestamp(at: dt.datetime) -> str:
    """Return an instant with milliseconds in UTC (section 6.2.3)."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def on_one_line(text: str) -> str:
    """Return *text* with a space for each run of control characters."""
    return CONTROL.sub(" ", text)


def octet_counted(message: bytes) -> bytes:
    """Return `LEN SP MSG` (RFC 5425 4.3, RFC 6587 3.4.1)."""
    return b"%d %b" % (len(message), message)


def line_framed(message: bytes) -> bytes:
    """Return the message and a line feed (RFC 6587 3.4.2); one inside would end it early and becomes a space."""
    return message.replace(b"\n", b" ") + b"\n"


def _header(value: str, longest: int) -> str:
    return NOT_PRINTABLE_ASCII.sub("_", value)[:longest] or NIL


def _element(element: Element) -> str:
    parameters = "".join(
        f' {_name(name)}="{TO_ESCAPE.sub(ESCAPED, on_one_line(value))}"'
        for name, value in element.parameters.items()
    )
    return f"[{_name(element.name)}{parameters}]"


def _name(name: str) -> str:
    return NOT_SD_NAME.sub("_", name)[:SD_NAME_LENGTH]
