"""The curve of a window over time, from how many communications lie in each minute.

A count at a second covers what `Window` covers at it, but the minutes at both ends are taken whole: at the last
second of a minute it is what `Window` says, unless a window by the second starts within a minute, where it may
cover up to 59 s more, never less.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import msgspec

from thresholds.model import Alignment
from thresholds.window import Window

MINUTE: Final = 60


class Point(msgspec.Struct, frozen=True, gc=False):
    """What is known of one step of a curve."""

    second: int
    """The last second of the step."""
    highest: int
    """The highest count at the end of any of its minutes."""
    arrivals: int
    """What counted in it."""


def first_minute(period: int, alignment: Alignment, second: int) -> int:
    """Return where the minutes must begin for the count at *second*, in seconds since the epoch."""
    first = Window(period, alignment, second).first_second(second)
    return first - first % MINUTE


def window_counts(
    minutes: Sequence[int], start: int, period: int, alignment: Alignment, seconds: Sequence[int]
) -> list[int]:
    """Return the count at each of *seconds*.

    `minutes[i]` is what counts in the minute from `start + 60 * i` on; *start* is a whole minute. Minutes that
    are not there hold nothing.
    """
    until = [0, *accumulate(minutes)]
    window = Window(period, alignment, start)
    first, length = start // MINUTE, len(minutes)

    def before(minute: int) -> int:
        return until[min(max(minute - first, 0), length)]

    return [
        before(second // MINUTE + 1) - before(window.first_second(second) // MINUTE) for second in seconds
    ]


def curve(
    minutes: Sequence[int], start: int, period: int, alignment: Alignment, since: int, until: int, step: int
) -> list[Point]:
    """Return a point for each *step* seconds from *since* to before *until*; all are whole minutes.

    *minutes* begin at *start*, and hold at least those from `first_minute` of *since* on.
    """
    ends = range(since + MINUTE - 1, until, MINUTE)
    counts = window_counts(minutes, start, period, alignment, ends)
    width, first = step // MINUTE, (since - start) // MINUTE
    return [
        Point(
            second=min(since + (low + width) * MINUTE, until) - 1,
            highest=max(counts[low : low + width]),
            arrivals=sum(minutes[first + low : first + min(low + width, len(counts))]),
        )
        for low in range(0, len(counts), width)
    ]


def joined(points: Sequence[Point], many: int) -> list[Point]:
    """Return *points* with each *many* of them made one, which holds the highest count of them."""
    return [
        Point(
            second=part[-1].second,
            highest=max(point.highest for point in part),
            arrivals=sum(point.arrivals for point in part),
        )
        for low in range(0, len(points), many)
        if (part := points[low : low + many])
    ]
