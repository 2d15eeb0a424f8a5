"""When a count will pass its level, if communications go on arriving as they did of late.

The count at a coming second is the count now, plus what arrives until then, minus what will have left the
window; what leaves is known, for its buckets are.
"""

import enum
import functools
import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from thresholds.model import Level, Threshold
from thresholds.schedule import Schedule, limit_of
from thresholds.slope import Slope
from thresholds.window import Window

HORIZON: Final = 86_400
"""Seconds beyond which no forecast goes, whatever the period: the slope of an hour says nothing about them."""

ENOUGH: Final = 10
"""Independent arrivals below which no breach is likely: the roots of fewer are not normal."""

_QUANTILES: Final = (-1.645, 0.0, 1.645)
"""Of the standard normal: 5 % lie below the first and 5 % above the last."""

_EDGES: Final = tuple((number / 20) ** 2 for number in range(1, 21))
"""Where on the way to the horizon the count is looked at: close together at first."""


class Confidence(enum.StrEnum):
    """How sure a breach within the horizon is while the slope stays."""

    LIKELY = "likely"
    """Even the latest second lies within it, and there is enough to tell."""
    POSSIBLE = "possible"
    """The expected second lies within it."""
    UNLIKELY = "unlikely"
    """The expected second does not; the earliest may."""


class Forecast(msgspec.Struct, frozen=True):
    """When the count will be above one level, in seconds from now: 0 where it is.

    A time is None where it lies beyond the horizon: the last second at which what happens now is still counted,
    and at most `HORIZON`.
    """

    seconds: int | None
    """Expected."""
    earliest: int | None
    """Nine of ten breaches come between this one and *latest*."""
    latest: int | None
    confidence: Confidence
    arrivals: int
    """What the slope was told from: the arrivals of the last *lookback* seconds."""
    lookback: int


class Stretch(NamedTuple):
    """The threshold in force up to a second."""

    until: int
    threshold: Threshold | None


class Prospect:
    """What is known at one time about the coming counts of one window."""

    def __init__(self, window: Window, slope: Slope, stretches: Sequence[Stretch], now: int) -> None:
        self._window = window
        self._slope = slope
        self._stretches = stretches
        self._now = now
        self._reach = stretches[-1].until - now
        ends = [stretch.until - now for stretch in stretches]
        self._edges = sorted({0, *ends, *[math.ceil(edge * self._reach) for edge in _EDGES]})

    def forecast(self, level: Level) -> Forecast:
        """Return when the count will pass *level*."""
        found: list[int | None] = [*self._crossings(level), None, None, None]
        earliest, seconds, latest = found[: len(_QUANTILES)]
        if seconds is None:
            confidence = Confidence.UNLIKELY
        elif latest is None or (latest and self._slope.independent < ENOUGH):
            confidence = Confidence.POSSIBLE
        else:
            confidence = Confidence.LIKELY
        return Forecast(seconds, earliest, latest, confidence, self._slope.arrivals, self._slope.lookback)

    def _crossings(self, level: Level) -> list[int]:
        """Return the seconds from now at which *level* is passed, at each quantile in turn.

        What is needed only grows while buckets expire, so no count is above the level before the second at
        which it would be if none expired: the search goes from edge to edge and passes over those before.
        """
        found: list[int] = []
        count = self._window.count(self._now)
        at = 0
        for until, threshold in self._stretches:
            start, last = at, bisect_left(self._edges, until - self._now)
            need = limit_of(threshold, level) + 1 - count
            while len(found) < len(_QUANTILES):
                quantile = _QUANTILES[len(found)]
                target = self._seconds_for(need, at, quantile)
                if target <= self._edges[at]:
                    found.append(self._between(need, at, quantile) if at > start else self._edges[at])
                elif at == last or target > self._reach:
                    break
                else:
                    at = min(last, max(at + 1, bisect_left(self._edges, target)))
            at = last
        return found

    def _seconds_for(self, need: int, at: int, quantile: float) -> float:
        """Return when *need* more than now are counted, if nothing expires after the edge *at*."""
        return self._slope.seconds_for(need + self._gone[at] if at else need, quantile)

    def _between(self, need: int, at: int, quantile: float) -> int:
        """Return when the level is passed before the edge *at*: since the one before, events expire evenly."""
        before, edge = self._edges[at - 1], self._edges[at]
        short = self._seconds_for(need, at - 1, quantile) - before
        past = edge - self._seconds_for(need, at, quantile)
        return before + math.ceil((edge - before) * short / (short + past))

    @functools.cached_property
    def _gone(self) -> list[int]:
        """How many of the events that are counted now will have expired at each edge."""
        return self._window.expiring([self._now + edge for edge in self._edges])


def stretches(schedule: Schedule, window: Window, now: int, within: int = HORIZON) -> list[Stretch]:
    """Return the thresholds in force from *now* to the horizon, at most *within* seconds from now."""
    horizon = max(now + 1, min(window.last_second(now), now + within))
    found: list[Stretch] = []
    second = now
    while second < horizon:
        until = min(horizon, schedule.next_change(second))
        found.append(Stretch(until, schedule.at(second)))
        second = until
    return found
