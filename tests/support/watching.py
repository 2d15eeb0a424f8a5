"""What watches of conditions need in tests: a machine's clock that is moved by hand, and conditions on a store."""

from gateway.alerts.candidate import Candidates
from gateway.alerts.conditions import Conditions
from gateway.clock import Clock
from gateway.store.database import Database

START = 1_795_219_200.0
"""A Saturday, 2026-11-21T00:00:00Z."""


class Machine:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def make_conditions(database: Database, clock: Clock) -> Conditions:
    """Return conditions on a store whose alerts go to one channel."""
    return Conditions(database, Candidates("test", ("file",), lambda: None), clock)
