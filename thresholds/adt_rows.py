"""From the bytes of a signed CSV file to rows of cells: size, encoding, line ends, CSV (RFC 4180), header."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from typing import Final

from thresholds.adt_cells import check_text
from thresholds.faults import Complaint, Fault, at, attempt, excerpt
from thresholds.layout import Layout, LineEnd

_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CRLF: Final = "\r\n"

MAX_NAME: Final = 100
"""Characters of a file name; systems allow 255, and signing appends to it."""

MAX_LINE: Final = 16_384
"""Characters of a line, well below what `csv` can read (131,072 for a cell)."""

Rows = Sequence[list[str] | None]


def name_faults(name: str, profile: Layout) -> list[Fault]:
    """Return what is wrong with the file's name, which others are made of."""
    if "/" not in name and len(name) <= MAX_NAME and re.fullmatch(profile.file_name, name):
        return []
    remedy = f"use at most {MAX_NAME} characters, of the form {profile.file_name}"
    return [at(Complaint("bad_file_name", f"the file name '{excerpt(name)}' is not allowed", remedy))]


def size_faults(data: bytes, profile: Layout) -> list[Fault]:
    """Return why the file is not read at all: it is empty or too large."""
    rows = data.count(b"\n") - data.endswith(b"\n")
    if not data:
        complaint = Complaint("empty_file", "the file is empty", "submit a header and at least one row")
    elif len(data) > profile.max_bytes:
        message = f"the file has {len(data)} bytes, more than {profile.max_bytes}"
        complaint = Complaint("file_too_large", message, "split it into several files")
    elif rows > profile.max_rows:
        message = f"the file has {rows} rows, more than {profile.max_rows}"
        complaint = Complaint("too_many_rows", message, "split it into several files")
    else:
        return []
    return [at(complaint)]


def read_text(data: bytes, profile: Layout) -> tuple[str, list[Fault]]:
    """Decode *data*. Bytes that are not of the encoding become surrogates, faults of their cell."""
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    text = data.removeprefix(mark).decode(profile.encoding, "surrogateescape")
    faults = list(_line_end_faults(text, profile))
    if mark:
        remedy = f"save it as {profile.encoding.upper()} without a byte order mark"
        faults.append(at(Complaint("byte_order_mark", "the file starts with a byte order mark", remedy), 1))
    return text, faults


def _line_end_faults(text: str, profile: Layout) -> Iterator[Fault]:
    lines = text.count("\n")
    with_return = text.count(_CRLF)
    remedy = f"end every line with {' or '.join(profile.line_ends)}, all of them the same"
    if 0 < with_return < lines or with_return < text.count("\r"):
        yield at(Complaint("mixed_line_ends", "lines end in different ways", remedy), _first_other(text))
    elif lines:
        used = LineEnd.CRLF if with_return else LineEnd.LF
        if used not in profile.line_ends:
            yield at(Complaint("line_end_not_allowed", f"lines end with {used}", remedy), 1)
    if not text.endswith("\n"):
        complaint = Complaint(
            "no_final_newline",
            "the last line does not end with a line break, so the file may have been cut off",
            "check that the last row is whole and end it with a line break",
            severity=profile.no_final_newline,
        )
        yield at(complaint, lines + 1)


def _first_other(text: str) -> int:
    """Return the first line that does not end as line 1 does, or holds another carriage return."""
    end = _CRLF if text.partition("\n")[0].endswith("\r") else "\n"
    other = re.search(r"(?<!\r)\n|\r(?!\n)" if end == _CRLF else r"\r", text)
    return text.count("\n", 0, other.start() if other else 0) + 1


def read_rows(text: str, profile: Layout) -> tuple[Rows, list[Fault]]:
    """Return the cells of each physical line, None for a line that cannot be read, and the faults.

    Cells never hold a line break, so each line is one row.
    """
    lines = text.removesuffix("\n").split("\n")
    rows = _read_lines(lines, profile.separator)
    if len(rows) == len(lines):  # no quoted cell ran on to another line
        return rows, []
    read = [_read_line(line, profile.separator) for line in lines]
    names = dict(enumerate(profile.headers, 1))
    faults = [
        at(row[1], line, row[0], names.get(row[0], ""))
        for line, row in enumerate(read, 1)
        if isinstance(row, tuple)
    ]
    return [row if isinstance(row, list) else None for row in read], faults


def _read_lines(lines: list[str], separator: str) -> list[list[str]]:
    """Return the cells of all lines, or nothing if any of them cannot be read."""
    if max(map(len, lines)) > MAX_LINE:
        return []
    try:
        return list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error:
        return []


def cells_of(line: str, separator: str) -> list[str] | None:
    """Return the cells of one line, None where it is not CSV."""
    read = _read_line(line, separator) if line else []
    return read if isinstance(read, list) else None


def _read_line(line: str, separator: str) -> list[str] | tuple[int, Complaint]:
    """Return the cells of one line, or the column and what is wrong with it."""
    if len(line) > MAX_LINE:
        message = f"the line has {len(line)} characters, more than {MAX_LINE}"
        return 0, Complaint("line_too_long", message, "shorten it", excerpt(line))
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error:
        return _broken(line.removesuffix("\r"), separator)


def _broken(line: str, separator: str) -> tuple[int, Complaint]:
    """Return the first column whose cell is not CSV, and what is wrong with it."""
    cell = re.compile(rf'(?:"(?:[^"]|"")*"|[^"{separator}\r][^{separator}\r]*|)(?:{re.escape(separator)}|$)')
    column, start = 1, 0
    while (found := cell.match(line, start)) and found.end() < len(line):
        column, start = column + 1, found.end()
    rest = line[start:]
    value = excerpt(rest)
    if "\r" in rest.split(separator)[0] or re.fullmatch(r'"(?:[^"]|"")*', rest):
        message = "a cell goes on over the end of the line, or its closing quote is missing"
        remedy = "keep each row on one line and close every quote"
        return column, Complaint("line_break_in_field", message, remedy, value)
    message = "a quoted cell is not followed by the separator"
    return column, Complaint("quote_fault", message, "quote the whole cell and double quotes in it", value)


def header_faults(header: list[str], profile: Layout) -> list[Fault]:
    """Return what is wrong with the header row: each column missing, unknown, misplaced or repeated."""
    wanted = list(profile.headers)
    if header == wanted:
        return []
    names = dict(enumerate(wanted, 1))
    faults = [
        at(_header_complaint(cell, column, header, wanted), 1, column, names.get(column, ""))
        for column, cell in enumerate(header, 1)
        if cell != names.get(column)
    ]
    remedy = f"the header is: {profile.separator.join(wanted)}"
    for column, name in names.items():
        if name not in header:
            message = f"the column '{name}' is missing (column {column})"
            faults.append(at(Complaint("wrong_header", message, remedy), 1, column, name))
    return faults


def _header_complaint(cell: str, column: int, header: list[str], wanted: list[str]) -> Complaint:
    unreadable = attempt(check_text, cell)
    if isinstance(unreadable, Complaint):
        return unreadable
    shown = excerpt(cell)
    expected = f"expected '{wanted[column - 1]}'" if column <= len(wanted) else "expected no more columns"
    if cell not in wanted:
        message, remedy = f"the column '{shown}' is unknown: {expected}", "correct its name or remove it"
    elif cell in header[: column - 1]:
        message, remedy = f"the column '{shown}' is repeated: {expected}", "remove it"
    else:
        message, remedy = f"the column '{shown}' is misplaced: {expected}", "put the columns in order"
    return Complaint("wrong_header", message, remedy, shown)
