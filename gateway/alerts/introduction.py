"""Tells a channel that is new, or has a new name, of the incidents that are open: it was never told of them.

Others were told before it, or nobody was, because no channel was set.

Without that an Alertmanager whose channel was renamed would take what is open for resolved, and the SOC behind a new
channel would first hear of an incident when it is closed.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

import structlog

from gateway.alerts.telling import Telling
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.live import Live
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.incidents import get_incident
from gateway.store.told import untold

log = structlog.get_logger(__name__)

MOST: Final = 1000
"""Incidents of which one channel is told, the newest: more would be a flood that nobody reads."""
AT_ONCE: Final = 50
"""Incidents that are told in one transaction."""


class Introduction:
    """Looks once, at the start, what each channel was never told."""

    def __init__(
        self,
        instance: str,
        channels: Sequence[str],
        cleared: Collection[str],
        database: Database,
        clock: Clock,
    ) -> None:
        # Who watches live knows these incidents: this tells the channels alone.
        self._telling = {each: Telling(instance, [each], cleared, Live()) for each in channels}
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Look once, beside what counts, and be done; what is supervised never ends by itself."""
        await self.introduce()
        await asyncio.Event().wait()

    async def introduce(self) -> None:
        """Put into the outbox of each channel what is open and was never told to it."""
        for channel, telling in self._telling.items():
            async with self._database.read() as connection:
                numbers = await untold(connection, channel, MOST)
            for start in range(0, len(numbers), AT_ONCE):
                await self._tell(channel, telling, numbers[start : start + AT_ONCE])
            if numbers:
                log.info("channel_told_of_open_incidents", channel=channel, incidents=len(numbers))

    async def _tell(self, channel: str, telling: Telling, numbers: Sequence[int]) -> None:
        now = self._clock()
        async with self._database.write() as connection:
            for number in numbers:
                incident = await get_incident(connection, number)
                if not incident.is_open:  # closed since it was found: who never heard of it need not now
                    continue
                detail = {"event": "opened", "channel": channel}
                entry = Entry("system", "alert.told", incident.subject, detail)
                record = await append_record(connection, entry, now)
                await telling.introduce(connection, incident, record, now)
