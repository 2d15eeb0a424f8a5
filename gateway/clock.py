"""Time at the edge: everything below takes it as an argument."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Seconds since the Unix epoch, UTC."""

system_clock: Clock = time.time


def to_text(seconds: float) -> str:
    """Return *seconds* since the epoch as RFC 3339 with milliseconds, such as 2026-12-01T00:00:00.000Z."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
