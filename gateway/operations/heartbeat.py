"""The beat of the gateway: given only while the count moves, to the broker and as a metric."""

import asyncio
from importlib.metadata import version
from typing import Final

import msgspec
import structlog

from gateway.clock import Clock, to_text
from gateway.errors import Unavailable
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.intake import Intake
from gateway.metrics import HEARTBEAT
from gateway.mqtt import Broker
from gateway.operations.liveness import Liveness
from gateway.store.database import Database
from gateway.store.incidents import count_open
from gateway.store.outbox import count_waiting

log = structlog.get_logger(__name__)

TOPIC: Final = "heartbeat"
BEAT_SECONDS: Final = 30
"""How often the metric is set where no broker says otherwise."""
KEPT_BEATS: Final = 3
"""After so many that did not come the broker forgets the last one."""


class Beat(msgspec.Struct, frozen=True):
    """What the gateway says of itself."""

    at: str
    instance: str
    version: str
    ready: bool
    not_ready: list[str]
    """The parts that are needed and do not work."""
    communications: int
    """Counted since the daemon was started."""
    open_incidents: int
    thresholds: int
    """In force, exceptions included."""
    alerts_waiting: int
    """Over all channels."""


class Heartbeat:
    """Beats every *seconds* while requests can be counted; 0 beats without the broker."""

    def __init__(
        self,
        instance: str,
        liveness: Liveness,
        intake: Intake,
        counting: Counting,
        health: Health,
        database: Database,
        clock: Clock,
        broker: Broker | None,
        seconds: int,
    ) -> None:
        self._instance = instance
        self._liveness = liveness
        self._intake = intake
        self._counting = counting
        self._health = health
        self._database = database
        self._clock = clock
        self._broker = broker if seconds else None
        self._seconds = seconds or BEAT_SECONDS

    async def run(self) -> None:
        """Beat for ever; where the count stands still, say so once and be silent until it moves."""
        beating = True
        while True:
            try:
                beat = await self.take_pulse()
            except Unavailable as error:
                if beating:
                    log.warning("no_heartbeat", code=error.code, error=error.message)
                beating = False
            else:
                beating = True
                HEARTBEAT.set(self._clock())
                await self._publish(beat)
            await asyncio.sleep(self._seconds)

    async def take_pulse(self) -> Beat:
        """Return what is to be said, once the count has moved; raise `Unavailable` where it cannot."""
        await self._liveness.counted()
        async with self._database.write() as connection:  # so it is known that the store can be written
            open_incidents = sum((await count_open(connection)).values())
            waiting = await count_waiting(connection)
        lacking = [part.part for part in self._health.parts if part.needed and not part.works]
        return Beat(
            at=to_text(self._clock()),
            instance=self._instance,
            version=version("adt-gateway"),
            ready=not lacking,
            not_ready=lacking,
            communications=self._intake.counted,
            open_incidents=open_incidents,
            thresholds=len(self._counting.thresholds),
            alerts_waiting=sum(waiting.values()),
        )

    async def _publish(self, beat: Beat) -> None:
        """Leave the beat at the broker for a while; its trouble shows in its own part of the health."""
        if self._broker is None:
            return
        try:
            await self._broker.publish(
                TOPIC, msgspec.json.encode(beat), retain=True, expiry=KEPT_BEATS * self._seconds
            )
        except Unavailable as error:
            log.debug("heartbeat_not_published", code=error.code, error=error.message)
