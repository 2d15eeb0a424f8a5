"""Periods: ISO 8601 durations from `PT1M` to `P31D`, in whole seconds."""

import re
from typing import Final

from thresholds.errors import InvalidValueError
from thresholds.faults import excerpt
from thresholds.model import Alignment, Period

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400
SHORTEST: Final = MINUTE
LONGEST: Final = 31 * DAY

_WEEKS: Final = re.compile(r"P([0-9]{1,7})W")
_DURATION: Final = re.compile(
    r"P(?=.)(?:([0-9]{1,7})D)?(?:T(?=.)(?:([0-9]{1,7})H)?(?:([0-9]{1,7})M)?(?:([0-9]{1,7})S)?)?"
)


def parse_period(text: str, alignment: Alignment = Alignment.ROLLING) -> Period:
    """Return the period that an ISO 8601 duration spells: weeks alone, or days and time.

    Years, months and fractions are refused, for a window has one length in seconds. A calendar
    window longer than one hour has whole minutes. Raises `InvalidValueError`, code `bad_period`.
    """
    seconds = _seconds(text)
    if not SHORTEST <= seconds <= LONGEST:
        raise _bad(text, "is outside PT1M to P31D")
    if alignment is Alignment.CALENDAR and seconds > HOUR and seconds % MINUTE:
        raise _bad(text, "is longer than one hour and not of whole minutes")
    return Period(seconds, text)


def format_period(seconds: int) -> str:
    """Return the shortest ISO 8601 duration of days and time with this length."""
    days, rest = divmod(seconds, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    time = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
    return "P" + (f"{days}D" if days else "") + (f"T{time}" if time else "")


def _seconds(text: str) -> int:
    if weeks := _WEEKS.fullmatch(text):
        return int(weeks[1]) * 7 * DAY
    parts = _DURATION.fullmatch(text)
    if parts is None:
        raise _bad(text, "is not an ISO 8601 duration of weeks, or of days, hours, minutes and seconds")
    units = (DAY, HOUR, MINUTE, 1)
    return sum(int(number) * unit for number, unit in zip(parts.groups("0"), units, strict=True))


def _bad(text: str, reason: str) -> InvalidValueError:
    return InvalidValueError(
        code="bad_period",
        message=f"the period '{excerpt(text)}' {reason}",
        remedy="write a period such as PT1H, P1D or P1W",
    )
