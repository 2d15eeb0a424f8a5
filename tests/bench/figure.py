"""One measured figure beside its aim."""

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """What was measured, against which peer in the same run, and what it should be."""

    what: str
    against: str
    """The peer; empty where the figure stands alone."""
    ours: float
    unit: str
    """Such as `per second`, `seconds` or `milliseconds`."""
    aim: float
    """For `value`, the ratio to the peer, or `ours` itself where there is none."""
    at_least: bool
    """Whether the aim is a lower bound; otherwise an upper one."""
    peer: float | None = None
    note: str = ""

    @property
    def value(self) -> float:
        """What the aim is about."""
        return self.ours if self.peer is None else self.ours / self.peer

    @property
    def reached(self) -> bool:
        """Whether the aim was reached in this run."""
        return self.value >= self.aim if self.at_least else self.value <= self.aim
