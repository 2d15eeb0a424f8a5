"""Readers of syslog and CEF, written from the standards alone: a second opinion on our writers."""

import re
from typing import Any, Final, NamedTuple

HEADER: Final = re.compile(
    rb"<(?P<pri>0|[1-9]\d{0,2})>1 "
    rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    rb"(?P<host>[\x21-\x7e]{1,255}) (?P<app>[\x21-\x7e]{1,48}) (?P<process>[\x21-\x7e]{1,128}) "
    rb"(?P<kind>[\x21-\x7e]{1,32}) "
)
SD_NAME: Final = re.compile(r"[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}")


class Parsed(NamedTuple):
    """A message of RFC 5424."""

    facility: int
    severity: int
    time: str
    host: str
    app: str
    process: str
    kind: str
    elements: dict[str, dict[str, str]]
    body: bytes


def parse_syslog(message: bytes) -> Parsed:
    """Parse by the grammar of RFC 5424 section 6; raise `ValueError` where it is not kept."""
    match = HEADER.match(message)
    if match is None:
        raise ValueError(message[:200])
    elements, rest = _structured(message[match.end() :])
    if rest and not rest.startswith(b" "):
        raise ValueError(rest[:50])
    facility, severity = divmod(int(match["pri"]), 8)
    time, host, app, process, kind = (
        match[name].decode() for name in ("time", "host", "app", "process", "kind")
    )
    return Parsed(facility, severity, time, host, app, process, kind, elements, rest[1:])


def _structured(data: bytes) -> tuple[dict[str, dict[str, str]], bytes]:
    """Read SD-ELEMENTs byte by byte; return them and what comes after."""
    if data.startswith(b"-"):
        return {}, data[1:]
    elements: dict[str, dict[str, str]] = {}
    at = 0
    while data[at : at + 1] == b"[":
        end = min(place for place in (data.find(b" ", at), data.find(b"]", at)) if place > 0)
        name = _name(data[at + 1 : end])
        if name in elements:
            raise ValueError(name)
        elements[name], at = _parameters(data, end)
    if not elements:
        raise ValueError(data[:50])
    return elements, data[at:]


def _parameters(data: bytes, at: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while data[at : at + 1] == b" ":
        equals = data.index(b'="', at)
        name, value, at = _name(data[at + 1 : equals]), bytearray(), equals + 2
        while data[at : at + 1] != b'"':
            if data[at : at + 1] == b"]":
                raise ValueError(data[at:])
            at += data[at : at + 1] == b"\\" and data[at + 1 : at + 2] in {b"\\", b'"', b"]"}
            value += data[at : at + 1]
            at += 1
        found[name] = value.decode("utf-8")
        at += 1
    if data[at : at + 1] != b"]":
        raise ValueError(data[at : at + 20])
    return found, at + 1


def _name(raw: bytes) -> str:
    name = raw.decode("ascii")
    if not SD_NAME.fullmatch(name):
        raise ValueError(name)
    return name


def parse_cef(line: str) -> tuple[list[str], dict[str, Any]]:
    """Return the seven texts of the header and the extension by key."""
    if "\n" in line or not line.startswith("CEF:"):
        raise ValueError(line)
    header: list[str] = []
    text, at = "", len("CEF:")
    while len(header) < 7:
        if line[at] == "\\":
            text, at = text + line[at + 1], at + 2
        elif line[at] == "|":
            header.append(text)
            text, at = "", at + 1
        else:
            text, at = text + line[at], at + 1
    return header, _extension(line[at:])


def _extension(text: str) -> dict[str, Any]:
    """Read keys, letters and digits before an `=` that no backslash escapes; a value lasts to the next key."""
    found: dict[str, Any] = {}
    starts = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)=", text))
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        raw = text[start.end() : following.start() if following else len(text)]
        if start[1] in found:
            raise ValueError(start[1])
        found[start[1]] = re.sub(r"\\(.)", lambda one: {"n": "\n", "r": "\r"}.get(one[1], one[1]), raw)
    return found
