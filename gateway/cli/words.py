"""Times and numbers as a person says them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_TWICE: Final = 2
"""A unit is used from two of it on: 90 minutes, not 2 hours."""


def _spoken(seconds: int) -> tuple[int, str]:
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= _TWICE * size), _UNITS[-1])
    return round(seconds / size), unit


def duration(seconds: int) -> str:
    """Return *seconds* in the unit that fits: 40 s, 12 min, 5 h, 2 d."""
    number, unit = _spoken(seconds)
    return f"{number} {unit}"


def utc(instant: str) -> str:
    """Return an RFC 3339 time as `2026-12-01 10:00:00 UTC`."""
    day, _, time = instant.removesuffix("Z").partition("T")
    return f"{day} {time.partition('.')[0]} UTC"


def forecast(found: Mapping[str, Any]) -> str:
    """Return a forecast of the API: `in 12 min (9-20 min)`, nine in ten of which come true."""
    seconds, earliest, latest = found["seconds"], found["earliest"], found["latest"]
    if seconds == 0:
        return "passed"
    if seconds is None:
        return "-" if earliest is None else f"unlikely, in {duration(earliest)} at the earliest"
    between = _between(seconds if earliest is None else earliest, latest)
    possible = "" if found["confidence"] == "likely" else ", possible"
    return f"in {duration(seconds)} ({between}){possible}"


def _between(earliest: int, latest: int | None) -> str:
    if latest is None:
        return f"{duration(earliest)} or later"
    (first, unit), (last, last_unit) = _spoken(earliest), _spoken(latest)
    return f"{first}-{last} {unit}" if unit == last_unit else f"{first} {unit}-{last} {last_unit}"


SPANS: Final = 40
"""Spans of numbers that are named at the most."""


def spans(numbers: Sequence[int]) -> str:
    """Return ascending numbers as `4, 7-9`; of very many spans the first, and that --json names all."""
    found = [str(first) if first == last else f"{first}-{last}" for first, last in _spans(numbers)]
    more = f" and more (--json names all {len(numbers)})" if len(found) > SPANS else ""
    return ", ".join(found[:SPANS]) + more


def _spans(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for number in numbers:
        if first is None or last is None:
            first = number
        elif number != last + 1:
            yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last
