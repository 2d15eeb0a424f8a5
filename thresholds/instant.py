"""Instants: UTC times as text, and as whole seconds since the Unix epoch."""

import calendar
import datetime as dt
import functools
import re
from typing import Final

from thresholds.errors import InvalidValueError
from thresholds.faults import excerpt

UTC_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
"""`2026-12-01T00:00:00Z` (RFC 3339, UTC, no fraction)."""

FIRST_YEAR: Final = 1970
_DIGITS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_DATE: Final = frozenset("Ymd")


def parse_instant(text: str, pattern: str = UTC_FORMAT) -> int:
    """Return the seconds since the epoch that *text*, a time in UTC, spells in exactly *pattern*.

    Digits are ASCII and as many as *pattern* has; dates are real, from 1970 to 9999. Raises
    `InvalidValueError`, code `bad_instant`.
    """
    parts = _compiled(pattern).fullmatch(text)
    if parts is None:
        raise _bad(text, pattern, "is not written as this file's times are")
    numbers = {name: int(digits) for name, digits in parts.groupdict().items()}
    if numbers["Y"] < FIRST_YEAR:
        raise _bad(text, pattern, f"is before {FIRST_YEAR}")
    try:
        moment = dt.datetime(  # noqa: DTZ001  # read as UTC by timegm
            numbers["Y"],
            numbers["m"],
            numbers["d"],
            numbers.get("H", 0),
            numbers.get("M", 0),
            numbers.get("S", 0),
        )
    except ValueError:
        raise _bad(text, pattern, "is not a real date and time") from None
    return calendar.timegm(moment.timetuple())


def format_instant(seconds: int, pattern: str = UTC_FORMAT) -> str:
    """Return the UTC time *seconds* after the epoch as *pattern* writes it (years 1970 to 9999)."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime(pattern)


def check_instant_format(pattern: str) -> None:
    """Raise `InvalidValueError` (`bad_instant_format`) unless *pattern* can be read strictly.

    It holds %Y, %m and %d, may hold %H, %M and %S, each once, and nothing else after a percent sign.
    """
    names = re.findall(r"%(.?)", pattern, re.DOTALL)
    if len(names) != len(set(names)) or not _DATE <= set(names) <= set(_DIGITS):
        raise InvalidValueError(
            code="bad_instant_format",
            message=f"'{excerpt(pattern)}' is not a usable format for times",
            remedy="use %Y, %m, %d and optionally %H, %M, %S, each once, such as %Y-%m-%dT%H:%M:%SZ",
        )


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    check_instant_format(pattern)
    pieces = re.split(r"(%.)", pattern)
    return re.compile(
        "".join(
            f"(?P<{piece[1]}>[0-9]{{{_DIGITS[piece[1]]}}})" if piece.startswith("%") else re.escape(piece)
            for piece in pieces
        )
    )


def _bad(text: str, pattern: str, reason: str) -> InvalidValueError:
    return InvalidValueError(
        code="bad_instant",
        message=f"the time '{excerpt(text)}' {reason}",
        remedy=f"write a UTC time such as {format_instant(1_796_083_200, pattern)}",
    )
