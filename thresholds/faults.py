"""What is wrong with a file, where, and what to do about it."""

import enum
import heapq
import itertools
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from thresholds.errors import InvalidValueError

MAX_FAULTS: Final = 1_000
"""So many faults of each severity are kept; the rest are counted."""

MAX_EXCERPT: Final = 80
"""Characters of a faulty value that are shown."""


class Severity(enum.StrEnum):
    """What a broken rule means: the file is refused, the person is warned, or nothing."""

    ERROR = "error"
    WARNING = "warning"
    OFF = "off"


def excerpt(text: str) -> str:
    """Return at most 80 printable characters of *text*, whatever it holds."""
    start = text[: MAX_EXCERPT + 1]
    shown = start if start.isprintable() else start.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= MAX_EXCERPT else shown[: MAX_EXCERPT - 1] + "…"


class Complaint(msgspec.Struct, frozen=True, gc=False):
    """What is wrong with a value, before it is known where the value stands."""

    code: str
    message: str
    remedy: str
    value: str = ""
    severity: Severity = Severity.ERROR


class Fault(msgspec.Struct, frozen=True, gc=False):
    """One fault of a file. Line and column count from 1; 0 stands for the whole file or line."""

    line: int
    column: int
    column_name: str
    code: str
    severity: Severity
    message: str
    remedy: str
    value: str
    """The faulty value, made printable, at most 80 characters."""


def at(complaint: Complaint, line: int = 0, column: int = 0, column_name: str = "") -> Fault:
    """Return the fault that *complaint* is at this place."""
    return Fault(
        line,
        column,
        column_name,
        complaint.code,
        complaint.severity,
        complaint.message,
        complaint.remedy,
        complaint.value,
    )


def attempt(rule: Callable[[str], Any], text: str) -> Any:
    """Return what *rule* makes of *text*, or a `Complaint` if it raises `InvalidValueError`."""
    try:
        return rule(text)
    except InvalidValueError as error:
        return Complaint(error.code, error.message, error.remedy, excerpt(text))


def _place(fault: Fault) -> tuple[int, int]:
    return fault.line, fault.column


class FaultList:
    """Collects faults, counts all of them and keeps the first 1,000 of each severity in file order."""

    def __init__(self) -> None:
        self._kept: dict[Severity, list[Fault]] = {Severity.ERROR: [], Severity.WARNING: []}
        self._counts = {Severity.ERROR: 0, Severity.WARNING: 0}

    def extend(self, faults: Iterable[Fault]) -> None:
        """Take in *faults*, in any order."""
        rest = iter(faults)
        while batch := list(itertools.islice(rest, 4 * MAX_FAULTS)):
            for severity, kept in self._kept.items():
                new = [fault for fault in batch if fault.severity is severity]
                self._counts[severity] += len(new)
                self._kept[severity] = heapq.nsmallest(MAX_FAULTS, kept + new, key=_place)

    def kept(self, severity: Severity) -> tuple[Fault, ...]:
        """Return the first faults of this severity, in file order."""
        return tuple(self._kept[severity])

    def count(self, severity: Severity) -> int:
        """Return how many faults of this severity there are in all."""
        return self._counts[severity]
