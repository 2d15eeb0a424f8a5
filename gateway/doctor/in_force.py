"""The thresholds in force against the files that set them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from gateway.audit.record import Content
from gateway.doctor.finding import Finding, failed, ok, unknown, warning
from gateway.operations.rules import FileRules
from gateway.store.adt_files import FileState, StoredFile
from gateway.store.thresholds import row_place
from thresholds.adt_file import AdtCheck
from thresholds.model import Threshold
from thresholds.profile import Replaces

THRESHOLDS = "thresholds in force"

REMEDY: Final = "Keep a copy of the database as evidence; find out who wrote to it; submit the file anew."

Row = tuple[int, int]
"""Number of the file and line."""


class Recorded(msgspec.Struct):
    """What the chain says of one file."""

    state: FileState
    submitted: Content
    approved: Content | None = None
    in_force: Content | None = None


def first_of(wrong: list[str]) -> str:
    """Return the first fault, and how many more there are."""
    return wrong[0] + (f"; and {len(wrong) - 1} more" if len(wrong) > 1 else "")


def judge_thresholds(
    recorded: Mapping[int, Recorded],
    files: Mapping[int, StoredFile],
    contents: Mapping[int, bytes],
    actual: Iterable[Threshold] | None,
    rules: Mapping[int, FileRules],
) -> Finding:
    """Tell whether the table holds the rows that the files in force put there, and no other."""
    if actual is None:
        return failed(THRESHOLDS, "a row of the table holds what no file can hold", REMEDY)
    checks: dict[int, tuple[AdtCheck, Replaces]] = {}
    for number in _in_order(recorded):
        file, content = files.get(number), contents.get(number)
        if file is None or content is None:
            return unknown(THRESHOLDS, f"not looked at: the bytes of ADT file {number} are not there")
        if number not in rules:
            what = f"ADT file {number} ({file.name}): its profile is not the one that it was submitted under"
            return failed(THRESHOLDS, what, REMEDY)
        profile = rules[number].profile
        check = rules[number].check(file.name, content, file.submitted_at)
        read_by, _, _ = str(recorded[number].submitted.detail.get("profile")).partition(" ")  # (unverified)
        if not check.accepted or read_by != profile.id:
            what = f"ADT file {number} ({file.name}) cannot be read by its profile and the User IDs of now"
            return warning(THRESHOLDS, what, "Set those back, or submit the file anew.")
        checks[number] = check, profile.replaces
    expected = expected_rows(checks)
    wrong = [*_wrong_rows(expected, actual, files)]
    if not wrong:
        return ok(THRESHOLDS, f"{len(expected)} are what the {len(checks)} files in force say")
    return failed(THRESHOLDS, first_of(wrong), REMEDY)


def _in_order(recorded: Mapping[int, Recorded]) -> list[int]:
    """Return the files in force in the order in which they came into force.

    What one that was superseded replaced, those that replaced it have replaced again: it may be left out.
    """
    came = {n: file.in_force.number for n, file in recorded.items() if file.in_force}
    return sorted((n for n in came if recorded[n].state is FileState.IN_FORCE), key=lambda n: came[n])


def expected_rows(checks: Mapping[int, tuple[AdtCheck, Replaces]]) -> dict[Row, Threshold]:
    """Return the rows that *checks*, in the order in which they came into force, leave in force.

    Beside each stands what it replaces.
    """
    rows: dict[Row, Threshold] = {}
    for number, (check, replaces) in checks.items():
        place = row_place if replaces is Replaces.ROWS else _user
        replaced = {place(threshold) for threshold in check.thresholds}
        rows = {row: threshold for row, threshold in rows.items() if place(threshold) not in replaced}
        for threshold in check.thresholds:
            rows[number, threshold.line] = msgspec.structs.replace(threshold, file_id=number)
    return rows


def _user(threshold: Threshold) -> str:
    return threshold.user_id


def _wrong_rows(
    expected: Mapping[Row, Threshold], actual: Iterable[Threshold], files: Mapping[int, StoredFile]
) -> Iterator[str]:
    left = dict(expected)
    for row in actual:
        place = row.file_id, row.line
        said = left.pop(place, None)
        if said is None:
            yield f"{_where(place, files)} is in the table, and its file has no such row in force"
        elif row != said:
            yield f"{_where(place, files)}: {_difference(row, said)}"
    for place in left:
        yield f"{_where(place, files)} is not in the table"


def _where(row: Row, files: Mapping[int, StoredFile]) -> str:
    name = files[row[0]].name if row[0] in files else "unknown"
    return f"ADT file {row[0]} ({name}), line {row[1]}"


def _difference(row: Threshold, said: Threshold) -> str:
    kept: dict[str, Any] = msgspec.structs.asdict(row)
    names = [name for name, value in msgspec.structs.asdict(said).items() if kept[name] != value]
    return ", ".join(f"{name} is {kept[name]!r} and in the file {getattr(said, name)!r}" for name in names)
