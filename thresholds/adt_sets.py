"""The rules that hold between the rows of one ADT file: no two may say different things of one time."""

from collections.abc import Iterator
from typing import Any

from thresholds.adt_table import Table
from thresholds.faults import Complaint, Fault
from thresholds.instant import format_instant
from thresholds.profile import Field, Profile

_Key = tuple[str, str, str, int]
"""User ID, communication, service and length of the period in seconds."""

_Exceptions = dict[_Key, list[tuple[int, int, int]]]
"""Beginning, end and line of each exception of a key."""


def set_faults(table: Table, profile: Profile) -> Iterator[Fault]:
    """Yield the faults between rows whose key and times can be read."""
    first: dict[tuple[_Key, int, int | None], int] = {}
    standing: dict[_Key, tuple[int, int]] = {}
    exceptions: _Exceptions = {}
    for line, key, start, end in _entries(table):
        earlier = first.setdefault((key, start, end), line)
        if earlier != line:
            yield table.fault(_duplicate(earlier), line, Field.USER_ID)
        elif end is not None:
            exceptions.setdefault(key, []).append((start, end, line))
        elif standing.setdefault(key, (start, line))[1] != line:
            yield table.fault(_second_standing(standing[key][1]), line, Field.EFFECTIVE_FROM)
    yield from _overlaps(table, exceptions)
    if table.is_whole:  # else the standing row may be the one that cannot be read
        yield from _without_standing(table, profile, standing, exceptions)
    yield from _mixed(table, profile, standing)
    yield from _too_early(table, profile, standing, exceptions)


def _entries(table: Table) -> Iterator[tuple[int, _Key, int, int | None]]:
    """Return line, key and times of each row in which they can be read."""
    columns = table.columns(
        Field.USER_ID,
        Field.COMMUNICATION,
        Field.SERVICE,
        Field.PERIOD,
        Field.EFFECTIVE_FROM,
        Field.EFFECTIVE_TO,
    )
    for line, *values in zip(table.lines, *columns, strict=True):
        if table.is_whole or not any(isinstance(value, Complaint) for value in values):
            user, communication, service, period, start, end = values
            yield line, (user, communication, service, period.seconds), start, end


def _overlaps(table: Table, exceptions: _Exceptions) -> Iterator[Fault]:
    """Yield each exception that begins before an earlier one of its key has ended."""
    for found in exceptions.values():
        latest, holder = 0, 0
        for start, end, line in sorted(found):
            if start < latest and start < end:
                later, other = max(line, holder), min(line, holder)
                message = f"this exception overlaps the one in line {other}"
                remedy = "let one end before the other begins"
                yield table.fault(
                    Complaint("overlapping_exceptions", message, remedy), later, Field.EFFECTIVE_FROM
                )
            if end > latest:
                latest, holder = end, line


def _without_standing(
    table: Table, profile: Profile, standing: dict[_Key, Any], exceptions: _Exceptions
) -> Iterator[Fault]:
    complaint = Complaint(
        "exception_without_standing",
        "no standing threshold of this file counts what the exception counts, so outside it there is no limit",
        "add a row with the same key and no end",
        severity=profile.rules.exception_without_standing,
    )
    for key, found in exceptions.items():
        if key not in standing:
            for _, _, line in found:
                yield table.fault(complaint, line, Field.EFFECTIVE_TO)


def _mixed(table: Table, profile: Profile, standing: dict[_Key, tuple[int, int]]) -> Iterator[Fault]:
    """Yield the first line of each time, but the first, from which standing thresholds hold."""
    lines: dict[int, int] = {}
    for start, line in standing.values():
        lines.setdefault(start, line)
    for start, line in list(lines.items())[1:]:
        text = format_instant(start, profile.instant_format)
        complaint = Complaint(
            "mixed_effective_from",
            f"{text} differs from line {next(iter(lines.values()))}: a file comes into force as a whole, and what it"
            " replaces ends then",
            "let all standing thresholds of a file begin at one time, or split the file",
            text,
            profile.rules.mixed_effective_from,
        )
        yield table.fault(complaint, line, Field.EFFECTIVE_FROM)


def _too_early(
    table: Table, profile: Profile, standing: dict[_Key, tuple[int, int]], exceptions: _Exceptions
) -> Iterator[Fault]:
    """Yield each exception that begins before the file comes into force, with its standing thresholds."""
    in_force = min((start for start, _ in standing.values()), default=0)
    for found in exceptions.values():
        for start, _, line in found:
            if start < in_force:
                text = format_instant(start, profile.instant_format)
                begins = format_instant(in_force, profile.instant_format)
                complaint = Complaint(
                    "exception_too_early",
                    f"the exception begins before the file comes into force, with its standing thresholds, at {begins}",
                    "let it begin then or later, or submit it with the file that is in force at that time",
                    text,
                )
                yield table.fault(complaint, line, Field.EFFECTIVE_FROM)


def _duplicate(earlier: int) -> Complaint:
    message = f"the row counts the same over the same time as line {earlier}"
    return Complaint("duplicate_row", message, "remove one of the two rows")


def _second_standing(earlier: int) -> Complaint:
    message = f"line {earlier} is a standing threshold of the same key"
    return Complaint("second_standing", message, "keep one, or give this one an end")
