"""When a count will pass its level, if communications go on arriving as they did of late.

The count at a coming second is the count now, plus what arrives until then, minus what will have left the
window; what leaves is known, for its buckets are. Arrivals are taken to be a Poisson process whose rate is that
of the lookback. The square root of a Poisson count of mean m is close to normal with variance 1/4 (Bartlett),
so with k arrivals in the T seconds before and n in the t seconds to come

    (sqrt(n / t) - sqrt(k / T)) / (1/2 * sqrt(1 / t + 1 / T))

is close to a standard normal. Solved for t it gives the second of the n-th coming arrival at each quantile,
and holds both the chance of what comes and the doubt about the rate. Traffic that comes in batches (or one
message that names thousands of devices) is not Poisson: n and k are divided by the dispersion of the lookback,
the variance of its cells over their mean, so that a batch weighs as one arrival.
"""

import enum
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from thresholds.window import Window

LOOKBACK: Final = 600
"""Seconds whose arrivals make the slope, at most half the period: short, so that a surge soon shows in full."""

LONG_LOOKBACK: Final = 3600
"""The most seconds, at a sixth of the period, where the short lookback holds too little to tell a rate."""

FEW: Final = 100
"""Arrivals below which the long lookback is taken: a rate from more is known to a tenth."""

HORIZON: Final = 86_400
"""Seconds beyond which no forecast goes, whatever the period: the slope of an hour says nothing about them."""

ENOUGH: Final = 10
"""Arrivals, less their dispersion, below which no breach is likely: the roots are not normal yet."""

_CELLS: Final = 20
_QUANTILES: Final = (-1.645, 0.0, 1.645)
"""Of the standard normal: 5 % lie below the earliest and 5 % above the latest second."""
_STEPS: Final = 64
_GROWTH: Final = 8


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

    A time is None where it lies beyond the horizon: the time at which a rolling window has left behind all
    that it holds now, or at which a calendar window starts anew, and at most `HORIZON`.
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


class Slope(NamedTuple):
    """How fast communications (or devices) arrive."""

    arrivals: int
    independent: float
    """The arrivals divided by their dispersion: how much evidence there is."""
    lookback: int

    def seconds_for(self, need: int, quantile: float) -> float:
        """Return in how many seconds *need* more will have arrived, infinite where that has no end."""
        if need <= 0:
            return 0.0
        if not self.arrivals:
            return math.inf
        if not quantile:
            return need * self.lookback / self.arrivals
        rate = self.independent / self.lookback
        wanted = need * self.independent / self.arrivals
        doubt = quantile * quantile / 4
        root = math.sqrt(max(0.0, doubt * (rate + (wanted - doubt) / self.lookback)))
        both = math.sqrt(rate * wanted) + root
        if quantile < 0:
            return max(0.0, (wanted - doubt) / both) ** 2
        known = rate - doubt / self.lookback
        return (both / known) ** 2 if known > 0 else math.inf


class Limit(NamedTuple):
    """The count that may not be passed, and the second before which that holds."""

    until: int
    level: int


def horizon(window: Window, now: int, within: int = HORIZON) -> int:
    """Return the second before which a forecast for *window* ends, at most *within* seconds from now."""
    return min(window.renewal(now), now + min(within, HORIZON))


def measure(window: Window, period: int, now: int) -> Slope:
    """Return the slope of *window* from its complete buckets before *now*."""
    slope = _measure(window, min(period // 2, LOOKBACK), now)
    longer = min(period // 6, LONG_LOOKBACK)
    if slope.arrivals >= FEW or longer <= LOOKBACK:
        return slope
    return _measure(window, longer, now)


def _measure(window: Window, lookback: int, now: int) -> Slope:
    resolution = window.resolution
    step = max(resolution, lookback // _CELLS // resolution * resolution)
    lookback -= lookback % step
    until = now - now % resolution
    cells = window.arrivals(until - lookback, until, step)
    arrivals = sum(cells)
    return Slope(arrivals, arrivals / _dispersion(cells, arrivals), lookback)


def _dispersion(cells: Sequence[int], arrivals: int) -> float:
    """Return the variance of the cells over their mean, at least the 1 of a Poisson process.

    The variance is that of neighbours: a rate that grows over the lookback is no batch.
    """
    if not arrivals or len(cells) < 2:  # noqa: PLR2004 - one cell has no neighbour
        return 1.0
    squares = sum([(later - cell) ** 2 for cell, later in pairwise(cells)])
    return max(1.0, squares * len(cells) / (2 * (len(cells) - 1) * arrivals))


def forecast(window: Window, slope: Slope, limits: Sequence[Limit], now: int) -> Forecast:
    """Return when the count of *window* will pass its limit; *limits* follow each other up to the horizon."""
    found: list[int | None] = [*_crossings(window, slope, limits, now), None, None, None]
    earliest, seconds, latest = found[: len(_QUANTILES)]
    if seconds is None:
        confidence = Confidence.UNLIKELY
    elif latest is None or (latest and slope.independent < ENOUGH):
        confidence = Confidence.POSSIBLE
    else:
        confidence = Confidence.LIKELY
    return Forecast(seconds, earliest, latest, confidence, slope.arrivals, slope.lookback)


def _crossings(window: Window, slope: Slope, limits: Sequence[Limit], now: int) -> list[int]:
    """Return the seconds from now at which the limit is passed, at each quantile in turn.

    What is needed only grows while buckets expire, so nothing is passed before the second that would do if
    none expired: the search goes from one such second to the next, or a step further where they lie close,
    and takes the expiry within a step to be even.
    """
    found: list[int] = []
    count = window.count(now)
    at = gone = 0
    for until, level in limits:
        end, need = until - now, level + 1 - count
        before, gone_before = at, gone
        while len(found) < len(_QUANTILES):
            quantile = _QUANTILES[len(found)]
            target = slope.seconds_for(need + gone, quantile)
            if target <= at:
                margin = slope.seconds_for(need + gone_before, quantile) - before
                found.append(_between(before, at, margin, at - target))
                continue
            if at == end or (target > end and until == limits[-1].until):
                break
            before, gone_before = at, gone
            step = max(window.resolution, end // _STEPS, at // _GROWTH)
            at = min(end, max(math.ceil(min(target, end)), at + step))
            gone += window.expiring(now + before, now + at)
    return found


def _between(before: int, at: int, short: float, past: float) -> int:
    """Return where a limit is passed that was *short* seconds off *before* and is *past* seconds over at *at*."""
    if before == at:
        return at
    return before + math.ceil((at - before) * short / (short + past))
