"""The line to one other side: everything that is sent goes through it, and it knows how that went."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from gateway.alerts.channels.channel import Channel, in_flight
from gateway.clock import Clock
from gateway.errors import AlertRefused, AlertUnreadable, GatewayError, Unavailable
from gateway.health import Health

SEND_SECONDS: Final = 10.0
"""A channel that does not answer within this has failed."""

DETAIL_LENGTH: Final = 500

Load = Callable[[], Awaitable[Sequence[bytes]]]
"""Returns the encoded alerts that are to be sent, as they are now."""


class LineState(msgspec.Struct, frozen=True):
    """How sending went since the daemon was started; None for what has not been."""

    taken_at: float | None = None
    said: str = ""
    """What the other side said then."""
    failed_at: float | None = None
    trouble: str = ""
    """Why it failed then."""
    works: bool = True
    """Whether the last attempt was taken; a channel that was not tried is not known to be in trouble."""


class Line:
    """One channel, with a limit of time and of what is under way at once; the same for alerts, tests and beats."""

    def __init__(self, channel: Channel, health: Health, clock: Clock, seconds: float = SEND_SECONDS) -> None:
        self._channel = channel
        self._health = health
        self._clock = clock
        self._seconds = seconds
        self._slots = asyncio.Semaphore(in_flight(channel))
        self.state = LineState()

    @property
    def name(self) -> str:
        """How settings, metrics and the outbox call the channel."""
        return self._channel.name

    @property
    def batch(self) -> int:
        """How many alerts one `send` takes at the most."""
        return self._channel.batch

    @property
    def width(self) -> int:
        """How many may be under way at once."""
        return in_flight(self._channel)

    async def send(self, messages: Sequence[bytes]) -> str:
        """Send encoded alerts; return what the other side said.

        Raises what the channel raises, and `Unavailable` (`channel_timeout`) where it does not answer in time. That
        the other side refuses an alert says nothing against the line.
        """

        async def ready() -> Sequence[bytes]:
            return messages

        return await self.send_late(ready)

    async def send_late(self, load: Load) -> str:
        """Do so with what *load* returns once its turn has come: as late as can be, for what changes meanwhile."""
        async with self._slots:
            messages = await load()
            try:
                said = await self._send(messages)
            except AlertUnreadable:  # the other side had no part in it
                raise
            except AlertRefused as error:
                self._took(trouble(error))
                raise
            except Exception as error:
                self._failed(trouble(error))
                raise
        self._took(said)
        return said

    async def _send(self, messages: Sequence[bytes]) -> str:
        try:
            async with asyncio.timeout(self._seconds) as limit:
                return await self._channel.send(messages)
        except TimeoutError as error:
            if not limit.expired():
                raise
            msg = f"the other side did not answer within {self._seconds:g} s"
            remedy = "Look at the other side and at the way there."
            raise Unavailable("channel_timeout", msg, remedy) from error

    async def close(self) -> None:
        """Give back what is held open."""
        await self._channel.close()

    def _took(self, said: str) -> None:
        said = said[:DETAIL_LENGTH]
        self.state = msgspec.structs.replace(self.state, taken_at=self._clock(), said=said, works=True)
        self._health.report(f"channel_{self.name}", works=True, needed=False)

    def _failed(self, why: str) -> None:
        why = why[:DETAIL_LENGTH]
        self.state = msgspec.structs.replace(self.state, failed_at=self._clock(), trouble=why, works=False)
        self._health.report(f"channel_{self.name}", works=False, detail=why, needed=False)


def trouble(error: BaseException) -> str:
    """Return in words why sending failed, and what to do about it."""
    if isinstance(error, GatewayError):
        return f"{error.code}: {error.message}" + (f". {error.remedy}" if error.remedy else "")
    return str(error) or type(error).__name__
