"""Writes an Exit Quarantine file, and reads one strictly. What is written is read again before it is returned."""

import csv
import functools
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from thresholds.adt_cells import check_text
from thresholds.adt_rows import Rows, header_faults, name_faults, read_rows, read_text, size_faults
from thresholds.errors import InvalidValueError
from thresholds.eui64 import parse_user_id
from thresholds.exit_profile import ExitAction, ExitColumn, ExitField, ExitProfile
from thresholds.faults import Complaint, Fault, FaultList, Severity, at, attempt, excerpt
from thresholds.layout import LineEnd

_EVENT_REF: Final = re.compile(r"-?[0-9]{1,20}")
"""DUIS 5.4, `QuarantineEventRef`: an integer of 20 digits at the most. It is kept as the text that came."""

_EUI: Final = r"[0-9A-F]{2}(?:-[0-9A-F]{2}){7}"
_REQUEST_ID: Final = re.compile(rf"{_EUI}:{_EUI}:(?:0|[1-9][0-9]{{0,19}})")
"""DUIS 5.4, `RequestIDType`, in upper case as the gateway keeps it."""


class ExitRow(msgspec.Struct, frozen=True, order=True):
    """What is to become of one quarantined request."""

    user_id: str
    """EUI-64, upper case."""
    event_ref: str
    request_id: str
    action: ExitAction


class ExitCheck(msgspec.Struct, frozen=True):
    """What the check of one Exit Quarantine file found."""

    name: str
    sha256: str
    """Of the bytes, in hexadecimal."""
    size: int
    """Bytes."""
    profile: str
    """Its id, and `(unverified)` if nobody compared it with the DCC's own template."""
    rows: tuple[ExitRow, ...]
    """In file order; empty unless the file is accepted."""
    faults: tuple[Fault, ...]
    """The first 1,000 in file order."""
    fault_count: int

    @property
    def accepted(self) -> bool:
        """Whether there is no fault."""
        return not self.fault_count


class ExitFile(msgspec.Struct, frozen=True):
    """A file that was written."""

    name: str
    sha256: str
    content: bytes


def write_exit_file(rows: Sequence[ExitRow], profile: ExitProfile, now: int) -> ExitFile:
    """Return the file that says *rows*, named for *now* (seconds since the epoch).

    Raises `InvalidValueError` `exit_file_unwritable` where a strict reading of it finds a fault or other rows.
    """
    text = io.StringIO(newline="")
    end = "\r\n" if profile.line_ends[0] is LineEnd.CRLF else "\n"
    writer = csv.writer(text, delimiter=profile.separator, lineterminator=end)
    writer.writerow(profile.headers)
    writer.writerows([_text(row, column, profile) for column in profile.columns] for row in rows)
    content = text.getvalue().encode(profile.encoding, "replace")
    sha256 = hashlib.sha256(content).hexdigest()
    name = profile.name(sha256, now)
    check = read_exit_file(content, name, profile)
    if check.fault_count or check.rows != tuple(rows):
        why = check.faults[0].message if check.faults else "it does not say the same rows"
        remedy = "split the decision, or correct the profile"
        raise InvalidValueError("exit_file_unwritable", f"the file cannot be written: {why}", remedy)
    return ExitFile(name, sha256, content)


def read_exit_file(data: bytes, name: str, profile: ExitProfile) -> ExitCheck:
    """Return what is wrong with an Exit Quarantine file, or its rows; never raises for what is in the file."""
    found = FaultList()
    found.extend(name_faults(name, profile))
    too_large = size_faults(data, profile)
    found.extend(too_large)
    rows = [] if too_large else _read(data, profile, found)
    count = found.count(Severity.ERROR)
    return ExitCheck(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        profile=profile.label,
        rows=() if count else tuple(rows),
        faults=found.kept(Severity.ERROR),
        fault_count=count,
    )


def _read(data: bytes, profile: ExitProfile, found: FaultList) -> list[ExitRow]:
    text, faults = read_text(data, profile)
    found.extend(faults)
    rows, faults = read_rows(text, profile)
    found.extend(faults)
    if rows[0] is None:
        return []
    wrong = header_faults(rows[0], profile)
    found.extend(wrong)
    if len(rows) == 1:
        found.extend([at(Complaint("no_rows", "the file has no rows", "add at least one row"))])
    return [] if wrong else _rows(rows, profile, found)


def _rows(rows: Rows, profile: ExitProfile, found: FaultList) -> list[ExitRow]:
    kept: list[ExitRow] = []
    seen: dict[tuple[str, str], int] = {}
    for line, row in enumerate(rows, 1):
        if row is None or line == 1:
            continue
        if len(row) != len(profile.columns):
            message = f"the row has {len(row)} cells, the header has {len(profile.columns)}"
            found.extend([at(Complaint("ragged_row", message, "give every column one cell"), line)])
            continue
        read = _row(row, line, profile, found)
        if read is None:
            continue
        found.extend(_relation_faults(read, line, seen))
        seen.setdefault((read.event_ref, read.request_id), line)
        kept.append(read)
    return kept


def _row(row: list[str], line: int, profile: ExitProfile, found: FaultList) -> ExitRow | None:
    values: dict[str, Any] = {}
    for number, (column, text) in enumerate(zip(profile.columns, row, strict=True), 1):
        value = attempt(functools.partial(_value, column=column, profile=profile), text)
        if isinstance(value, Complaint):
            found.extend([at(value, line, number, column.header)])
        elif column.field:
            values[column.field.value] = value
    return ExitRow(**values) if len(values) == len(ExitField) else None


def _relation_faults(row: ExitRow, line: int, seen: dict[tuple[str, str], int]) -> Iterator[Fault]:
    if not row.request_id.startswith(f"{row.user_id}:"):
        message = f"the request {excerpt(row.request_id)} was not sent by {row.user_id}"
        yield at(Complaint("other_sender", message, "name the User ID that the RequestID begins with"), line)
    if first := seen.get((row.event_ref, row.request_id)):
        message = f"the request is named in line {first} already, for the same event"
        yield at(Complaint("request_twice", message, "decide on each request once"), line)


def _text(row: ExitRow, column: ExitColumn, profile: ExitProfile) -> str:
    if column.field is None:
        return column.constant or ""
    value = getattr(row, column.field)
    return profile.actions.word(value) if column.field is ExitField.ACTION else str(value)


def _value(text: str, column: ExitColumn, profile: ExitProfile) -> str:
    """Return what a cell means, in its normal form; raise `InvalidValueError`."""
    if column.field is ExitField.EVENT_REF:
        return _matched(text, _EVENT_REF, "bad_event_ref", "write the integer that the DCC gave")
    check_text(text)
    match column.field:
        case ExitField.USER_ID:
            return parse_user_id(text)
        case ExitField.REQUEST_ID:
            remedy = "write originator:target:counter, two EUI-64s in upper case and a number"
            return _matched(text, _REQUEST_ID, "bad_request_id", remedy)
        case ExitField.ACTION:
            words = {profile.actions.word(action): action for action in ExitAction}
            if text in words:
                return words[text]
            raise _invalid("unknown_action", text, f"write {' or '.join(words)}")
    if text != column.constant:
        raise _invalid("unexpected_value", text, f"write it as the profile says: {column.constant}")
    return text


def _matched(text: str, pattern: re.Pattern[str], code: str, remedy: str) -> str:
    if not pattern.fullmatch(text):
        raise _invalid(code, text, remedy)
    return text


def _invalid(code: str, text: str, remedy: str) -> InvalidValueError:
    return InvalidValueError(code, f"'{excerpt(text)}' is not what this column holds", remedy)
