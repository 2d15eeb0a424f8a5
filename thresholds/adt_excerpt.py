"""The lines of a file around its faults, for people who mend them. The bytes may hold anything."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from thresholds.adt_rows import cells_of, read_text
from thresholds.faults import Fault, excerpt
from thresholds.profile import Profile

MOST_LINES: Final = 100
"""Lines with faults that are shown; the others are told of by their number."""

MOST_CELLS: Final = 40
"""Cells of a line that are shown."""


class Cell(msgspec.Struct, frozen=True):
    """One cell, made printable, at most 80 characters."""

    text: str
    is_faulty: bool


class Line(msgspec.Struct, frozen=True):
    """One line of the file."""

    number: int
    cells: tuple[Cell, ...]
    faults: tuple[Fault, ...]
    """Of this line, in order; empty for a line that stands beside a faulty one."""
    after_gap: bool
    """Whether lines are left out before it."""


def lines_around(data: bytes, faults: Iterable[Fault], profile: Profile) -> tuple[Line, ...]:
    """Return the first lines with faults and those beside them, in file order.

    Faults of the whole file are in none of them. A line that cannot be read as cells is one cell.
    """
    by_line: defaultdict[int, list[Fault]] = defaultdict(list)
    for fault in faults:
        if fault.line:
            by_line[fault.line].append(fault)
    if not by_line:
        return ()
    text, _ = read_text(data, profile)
    lines = text.removesuffix("\n").split("\n")
    shown = sorted(by_line)[:MOST_LINES]
    wanted = {near for number in shown for near in (number - 1, number, number + 1)}
    found: list[Line] = []
    for number in sorted(wanted):
        if 1 <= number <= len(lines) or number in by_line:
            own = tuple(by_line.get(number, ())) if number in shown else ()
            line = lines[number - 1] if number <= len(lines) else ""
            before = found[-1].number if found else 1  # the header is above the table
            cells = _cells(line.removesuffix("\r"), own, profile.separator)
            found.append(Line(number, cells, own, number > before + 1))
    return tuple(found)


def _cells(line: str, faults: tuple[Fault, ...], separator: str) -> tuple[Cell, ...]:
    columns = {fault.column for fault in faults}
    read = cells_of(line, separator)
    texts = [line] if read is None else read
    whole = columns == {0} or (read is None and bool(columns))
    cells = [
        Cell(excerpt(text), whole or column in columns) for column, text in enumerate(texts[:MOST_CELLS], 1)
    ]
    if columns and max(columns) > len(texts) and read is not None:
        cells.append(Cell("", is_faulty=True))  # a cell that is missing
    return tuple(cells)
