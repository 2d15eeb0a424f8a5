"""The counts as retained messages at the broker: whoever subscribes late sees how things stand."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import structlog

from gateway import tasks
from gateway.clock import Clock, to_text
from gateway.errors import Unavailable
from gateway.mqtt import Broker
from gateway.operations.rates import Rates, ShownForecast, ShownRate
from gateway.store.database import Database
from gateway.store.thresholds import superseded_since

log = structlog.get_logger(__name__)

EXPIRY_SECONDS: Final = 3600
"""After this the broker forgets a message; each is published anew when half of it is over."""
ROUND_TOPICS: Final = 1000
"""Messages of one round at the most; the others come in the next, those that waited longest first."""
WINDOW: Final = 16
"""Messages that wait for the broker's answer at the same time."""


class PeriodRate(msgspec.Struct, frozen=True):
    """The count of one period beside its threshold."""

    period: str
    alignment: str
    count: int
    warning: int | None
    quarantine: int | None
    headroom: int | None
    state: str
    time_to_breach: ShownForecast | None


class RetainedRate(msgspec.Struct, frozen=True):
    """What is retained at `rates/<user>/<class>/<service>`."""

    at: str
    instance: str
    periods: list[PeriodRate]


Place = tuple[str, str, str]
"""User ID, class and service: the levels of a topic."""
Held = tuple[ShownRate, ...]
"""The rates of a place, by period; none where it is in force no more."""


class RetainedRates:
    """Publishes what changed, round by round, and clears what is gone."""

    def __init__(
        self,
        broker: Broker,
        rates: Rates,
        look: Callable[[], None],
        database: Database,
        instance: str,
        seconds: int,
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._rates = rates
        self._look = look
        self._database = database
        self._instance = instance
        self._seconds = seconds
        self._clock = clock
        self._published: dict[Place, tuple[int, Held | None]] = {}
        """When each was last published and what; None where it is not known what the broker holds."""
        self._anew = True

    def connected(self) -> None:
        """Say that the broker is there again: what it holds is not known."""
        self._anew = True

    async def run(self) -> None:
        """Publish for ever; without seconds between rounds, never."""
        while self._seconds:
            await asyncio.sleep(self._seconds)
            if self._broker.reachable:
                try:
                    await self._round()
                except Unavailable as error:
                    log.debug("rates_not_published", code=error.code, error=error.message)

    async def _round(self) -> None:
        if self._anew:
            self._anew = False
            try:
                await self._forget()
            except Unavailable:
                self._anew = True
                raise
        self._look()
        now = int(self._clock())
        wanted = self._wanted()
        pending = sorted(self._pending(wanted, now), key=lambda place: self._published.get(place, (0, ()))[0])
        await self._publish([(place, wanted.get(place, ())) for place in pending[:ROUND_TOPICS]], now)

    async def _forget(self) -> None:
        """Take everything for unpublished; what may still be retained and is in force no more is to be cleared."""
        async with self._database.read() as connection:
            gone = await superseded_since(connection, int(self._clock()) - EXPIRY_SECONDS)
        self._published = dict.fromkeys({*gone, *self._published}, (0, None))

    def _wanted(self) -> dict[Place, Held]:
        found: defaultdict[Place, list[ShownRate]] = defaultdict(list)
        for key, rate in self._rates.shown.items():
            found[key.user_id, key.communication, key.service].append(rate)
        return {place: tuple(rates) for place, rates in found.items()}

    def _pending(self, wanted: dict[Place, Held], now: int) -> Iterator[Place]:
        """Yield the places that changed, are gone or soon expire."""
        for place, rates in wanted.items():
            at, held = self._published.get(place, (0, ()))
            if held != rates or now - at >= EXPIRY_SECONDS // 2:
                yield place
        yield from self._published.keys() - wanted.keys()

    async def _publish(self, messages: list[tuple[Place, Held]], now: int) -> None:
        """Publish *messages* over a small window; what is refused waits for its turn in a later round."""
        waiting = iter(messages)
        trouble: list[Unavailable] = []

        async def work() -> None:
            for place, rates in waiting:
                if trouble:
                    return
                try:
                    await self._publish_one(place, rates, now)
                except Unavailable as error:
                    trouble.append(error)

        async with asyncio.TaskGroup() as group:
            for number in range(WINDOW):
                tasks.start(group, f"mqtt-rates-{number}", work())
        if trouble:
            raise trouble[0]

    async def _publish_one(self, place: Place, rates: Held, now: int) -> None:
        self._published[place] = now, None  # where it fails, what the broker holds is not known
        topic = "rates/" + "/".join(place)
        message = retained(to_text(now), self._instance, rates) if rates else b""
        await self._broker.publish(topic, message, retain=True, expiry=EXPIRY_SECONDS)
        if rates:
            self._published[place] = now, rates
        else:
            del self._published[place]


def retained(at: str, instance: str, rates: Held) -> bytes:
    """Return the message that holds *rates*, all of one place."""
    names = PeriodRate.__struct_fields__
    periods = [PeriodRate(*[getattr(rate, name) for name in names]) for rate in rates]
    return msgspec.json.encode(RetainedRate(at, instance, periods))
