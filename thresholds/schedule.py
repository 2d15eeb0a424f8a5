"""Which threshold of a key is in force when."""

import heapq
import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from thresholds.model import Level, Threshold, ThresholdKey
from thresholds.window import LATENESS

NO_LIMIT: Final = sys.maxsize
"""Stands for a limit that no count passes: no threshold is in force."""

NEVER: Final = sys.maxsize
"""Stands for a second that does not come."""


def limit_of(threshold: Threshold | None, level: Level) -> int:
    """Return the limit of *threshold* at *level*, `NO_LIMIT` where none is in force."""
    return NO_LIMIT if threshold is None else threshold.limit(level)


class Schedule(msgspec.Struct, frozen=True):
    """The thresholds of one key over time: `rows[i]` is in force from `changes[i]` to `changes[i + 1]`."""

    changes: tuple[int, ...]
    """Rising seconds; nothing is in force before the first."""
    rows: tuple[Threshold | None, ...]

    def at(self, second: int) -> Threshold | None:
        """Return the threshold in force at *second*."""
        index = bisect_right(self.changes, second)
        return self.rows[index - 1] if index else None

    def next_change(self, second: int) -> int:
        """Return the first change after *second*, or `NEVER`."""
        index = bisect_right(self.changes, second)
        return self.changes[index] if index < len(self.changes) else NEVER

    def lowest(self, since: int, until: int) -> int:
        """Return the lowest limit of either level in force at any second from *since* to *until*."""
        first = max(0, bisect_right(self.changes, since) - 1)
        rows = self.rows[first : bisect_right(self.changes, until)]
        return min((lowest_limit(row) for row in rows), default=NO_LIMIT)

    def followed_by(self, successor: "Schedule", now: int) -> "Schedule":
        """Return this schedule before *now*, as far as late events need it, and *successor* from *now* on."""
        past = max(0, bisect_right(self.changes, now - LATENESS) - 1)
        kept = [(c, row) for c, row in zip(self.changes, self.rows, strict=True) if c < now][past:]
        coming = [(c, row) for c, row in zip(successor.changes, successor.rows, strict=True) if c > now]
        joined = [*kept, (now, successor.at(now)), *coming]
        return Schedule(tuple(c for c, _ in joined), tuple(row for _, row in joined))


def lowest_limit(threshold: Threshold | None) -> int:
    """Return the count up to which *threshold* asks for nothing."""
    return NO_LIMIT if threshold is None else min(threshold.warning, threshold.quarantine)


def make_schedule(thresholds: Iterable[Threshold]) -> Schedule:
    """Lay the thresholds of one key out in time.

    An exception goes before a standing threshold, a later start before an earlier one, and of two that start
    together the one further down in the newer file.
    """
    rows = list(thresholds)
    seconds = {row.effective_from for row in rows} | {row.effective_to for row in rows}
    changes = sorted(second for second in seconds if second is not None)
    waiting = sorted(rows, key=lambda row: row.effective_from, reverse=True)
    live: list[tuple[tuple[bool, int, int, int], int, Threshold]] = []
    in_force: list[Threshold | None] = []
    for change in changes:
        while waiting and waiting[-1].effective_from <= change:
            row = waiting.pop()
            heapq.heappush(live, (_rank(row), len(waiting), row))
        while live and _is_over(live[0][2], change):
            heapq.heappop(live)
        in_force.append(live[0][2] if live else None)
    return Schedule(tuple(changes), tuple(in_force))


def _rank(row: Threshold) -> tuple[bool, int, int, int]:
    return not row.is_exception, -row.effective_from, -row.file_id, -row.line


def _is_over(row: Threshold, second: int) -> bool:
    return row.effective_to is not None and row.effective_to <= second


def schedules_of(thresholds: Iterable[Threshold]) -> dict[ThresholdKey, Schedule]:
    """Group *thresholds* by what they count."""
    rows: defaultdict[ThresholdKey, list[Threshold]] = defaultdict(list)
    for threshold in thresholds:
        rows[threshold.key].append(threshold)
    return {key: make_schedule(group) for key, group in rows.items()}
