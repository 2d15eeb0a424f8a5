"""How fast communications arrive, and when so many more will have, with what doubt.

Arrivals are taken to be a Poisson process whose rate is that of the lookback. The square root of a Poisson count
of mean m is close to normal with variance 1/4 (Bartlett), so with k arrivals in the T seconds before and n in
the t seconds to come

    (sqrt(n / t) - sqrt(k / T)) / (1/2 * sqrt(1 / t + 1 / T))

is close to a standard normal. Solved for t it gives the second of the n-th coming arrival at each quantile,
and holds both the chance of what comes and the doubt about the rate. Traffic that comes in batches (or one
message that names thousands of devices) is not Poisson: n and k are divided by the dispersion of the lookback,
the variance of its cells over their mean, so that a batch weighs as one arrival.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from thresholds.window import Window

LOOKBACK: Final = 600
"""Seconds whose arrivals make the slope, at most half the period: short, so that a surge soon shows in full."""

LONG_LOOKBACK: Final = 3600
"""The most seconds, at a sixth of the period, where the short lookback holds too little to tell a rate."""

FEW: Final = 100
"""Arrivals below which the long lookback is taken: a rate from more is known to a tenth."""

_CELLS: Final = 20
"""Parts of the lookback that are compared with each other."""


class Slope(NamedTuple):
    """How fast communications (or the devices they name) arrive."""

    arrivals: int
    """In the last *lookback* seconds of complete buckets."""
    independent: float
    """The arrivals divided by their dispersion: how much evidence there is."""
    lookback: int

    def seconds_for(self, need: int, quantile: float) -> float:
        """Return in how many seconds *need* more will have arrived, infinite where nobody can say.

        *quantile* is one of the standard normal distribution: 0 gives the expected time.
        """
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


def measure(window: Window, period: int, now: int) -> Slope:
    """Return the slope of *window*, whose last call was at *now*."""
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
    if not arrivals:
        return 1.0
    squares = sum([(later - cell) ** 2 for cell, later in pairwise(cells)])
    return max(1.0, squares * len(cells) / (2 * (len(cells) - 1) * arrivals))
