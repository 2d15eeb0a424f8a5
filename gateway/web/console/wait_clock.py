"""How long requests wait in quarantine, against the limit of the settings."""

import msgspec

from gateway.web.console.quarantine_words import spoken
from gateway.web.console.visit import Visit


class WaitClock(msgspec.Struct, frozen=True):
    """Says how long requests wait, against the limit of the settings; all in seconds but for what names milliseconds."""

    now: float
    limit: int

    def seconds(self, since_ms: float, ended_at: int | None) -> float:
        """Return how long a request waits that is held since *since_ms*, or waited until it ended."""
        return max(0.0, (self.now if ended_at is None else ended_at) - since_ms / 1000)

    def waited(self, since_ms: float, ended_at: int | None = None) -> str:
        """Return it in words."""
        return spoken(self.seconds(since_ms, ended_at))

    def is_over(self, since_ms: float, ended_at: int | None = None) -> bool:
        """Tell whether that is longer than it may be."""
        return self.seconds(since_ms, ended_at) > self.limit


def clock_of(visit: Visit) -> WaitClock:
    """Return the clock of now."""
    return WaitClock(visit.services.clock(), visit.services.decisions.wait_seconds)
