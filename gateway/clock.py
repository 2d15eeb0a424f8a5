"""Time at the edge: everything below takes it as an argument."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

Clock = Callable[[], float]
"""Seconds since the Unix epoch, UTC."""

FOLLOWED_SECONDS: Final = 2.0
"""A clock that is set by less is followed: that is how time servers correct it."""


class SteadyClock:
    """The system's clock, but for its jumps: counts and time-outs live by this one.

    A clock that is set forward by an hour would let every window run empty, and set back again would stop them
    for that hour. So time goes on as the machine's own steady clock says (which counts while it sleeps, too),
    and `jump` shows by how much the system's clock now disagrees. A restart takes the system's clock anew.
    """

    def __init__(self, wall: Clock = time.time, steady: Clock | None = None) -> None:
        self._wall = wall
        self._steady = steady or (lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
        self._offset = self._wall() - self._steady()
        self.jump = 0.0

    def __call__(self) -> float:
        """Return the time in seconds since the epoch."""
        steady = self._steady()
        difference = self._wall() - steady - self._offset
        if abs(difference) <= FOLLOWED_SECONDS:
            self._offset += difference
            difference = 0.0
        self.jump = difference
        return steady + self._offset


def to_text(seconds: float) -> str:
    """Return *seconds* since the epoch as RFC 3339 with milliseconds, such as 2026-12-01T00:00:00.000Z."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
