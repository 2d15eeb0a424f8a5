"""From rows of cells to columns of values, each distinct cell judged once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from thresholds.adt_cells import cell_rule
from thresholds.adt_rows import Rows
from thresholds.catalogue import Catalogue
from thresholds.faults import Complaint, Fault, FaultList, at, attempt, excerpt
from thresholds.model import Threshold, UserId
from thresholds.profile import Column, Field, Profile

Users = Mapping[UserId, frozenset[str]]
"""Our User IDs and the user roles (IS, GS, ED …) of each."""


class Table(msgspec.Struct, frozen=True):
    """The rows that have all their cells. A cell that cannot be read is a `Complaint`."""

    lines: list[int]
    values: dict[Field, list[Any]]
    places: dict[Field, tuple[int, str]]
    """Column number and header of each field."""
    is_whole: bool
    """Whether every row is there and every cell could be read."""

    def columns(self, *fields: Field) -> list[list[Any]]:
        """Return the values of *fields*, one list for each."""
        return [self.values[field] for field in fields]

    def fault(self, complaint: Complaint, line: int, field: Field) -> Fault:
        """Return the fault that *complaint* is in this line and field."""
        return at(complaint, line, *self.places[field])


def read_table(rows: Rows, profile: Profile, catalogue: Catalogue, users: Users, found: FaultList) -> Table:
    """Judge each cell of *rows* (line 1 is the header), add the faults to *found*, return the values."""
    lines, kept = _whole_rows(rows, profile, found)
    constants = {Field.EFFECTIVE_TO: "", **profile.constants.given()}
    added = {field: text for field, text in constants.items() if field not in _fields(profile)}
    columns = [*profile.columns, *(Column(header=field, field=field) for field in added)]
    cells: list[Sequence[str]] = list(zip(*kept, strict=True)) or [()] * len(profile.columns)
    cells += [[text] * len(kept) for text in added.values()]
    values: dict[Field, list[Any]] = {}
    is_whole = len(kept) == len(rows) - 1
    for number, (column, texts) in enumerate(zip(columns, cells, strict=True), 1):
        rule = cell_rule(column, profile, catalogue, users)
        known = {text: attempt(rule, text) for text in set(texts)}
        judged = [known[text] for text in texts]
        if any(isinstance(value, Complaint) for value in known.values()):
            is_whole = False
            found.extend(_cell_faults(lines, judged, number, column.header))
        if column.field:
            values[column.field] = judged
    places = {column.field: (n, column.header) for n, column in enumerate(columns, 1) if column.field}
    return Table(lines, values, places, is_whole)


def thresholds_of(table: Table, profile: Profile) -> tuple[Threshold, ...]:
    """Return the thresholds of a table without faults, in file order."""
    alignment = profile.alignment
    rows = zip(table.lines, *table.columns(*Field), strict=True)
    return tuple(
        Threshold(user, communication, service, period, warning, quarantine, start, end, alignment, line=line)
        for line, user, communication, service, period, warning, quarantine, start, end in rows
    )


def _fields(profile: Profile) -> set[Field | None]:
    return {column.field for column in profile.columns}


def _cell_faults(lines: list[int], judged: list[Any], number: int, header: str) -> Iterator[Fault]:
    for line, value in zip(lines, judged, strict=True):
        if isinstance(value, Complaint):
            yield at(value, line, number, header)


def _whole_rows(rows: Rows, profile: Profile, found: FaultList) -> tuple[list[int], list[list[str]]]:
    """Return the rows with as many cells as there are columns, and the line of each."""
    width = len(profile.columns)
    whole = [
        (line, row)
        for line, row in enumerate(rows, 1)
        if row is not None and line > 1 and len(row) == width and any(row)
    ]
    if len(whole) < len(rows) - 1:
        found.extend(_shape_faults(rows, profile))
    return [line for line, _ in whole], [row for _, row in whole]


def _shape_faults(rows: Rows, profile: Profile) -> Iterator[Fault]:
    headers = profile.headers
    for line, row in enumerate(rows, 1):
        if row is None or line == 1:
            continue
        if not any(row):
            yield at(Complaint("blank_line", "the line is blank", "remove it"), line)
        elif len(row) != len(headers):
            column = min(len(row), len(headers))
            message = f"the row has {len(row)} cells, the header has {len(headers)}"
            remedy = "give every column one cell; quote a cell that holds the separator"
            value = excerpt(row[column]) if len(row) > column else ""
            name = headers[column] if column < len(headers) else ""
            yield at(Complaint("ragged_row", message, remedy, value), line, column + 1, name)
