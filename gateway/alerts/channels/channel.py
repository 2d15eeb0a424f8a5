"""What every channel does. `send` returns when the other side has the alerts, or raises."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


class Channel(Protocol):
    """One way to the SOC."""

    @property
    def name(self) -> str:
        """How settings, metrics and the outbox call it."""
        ...

    @property
    def batch(self) -> int:
        """How many alerts one `send` takes at the most."""
        ...

    async def send(self, messages: Sequence[bytes]) -> str:
        """Send encoded `Alert`s in their order; return in a few words what the other side said.

        Any of them may come twice, with the same `id`. Raises `Unavailable` or `OSError` where the other side
        cannot be reached or is in trouble (all are sent again), `AlertRefused` where it will never take them.
        """
        ...

    async def close(self) -> None:
        """Give back what is held open."""
        ...


def in_flight(channel: Channel) -> int:
    """Return how many `send`s of *channel* may be under way at once: one, unless its `in_flight` says more.

    Alerts of one incident are never in two of them.
    """
    return int(getattr(channel, "in_flight", 1))


@runtime_checkable
class Working(Protocol):
    """A channel that has something to do beside what it is sent."""

    @property
    def name(self) -> str:
        """How settings, metrics and the outbox call it."""
        ...

    async def run(self) -> None:
        """Do it for ever."""
        ...
