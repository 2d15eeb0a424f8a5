"""Forgets alerts that were taken long ago."""

import asyncio
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.store.database import Database
from gateway.store.outbox_list import forget_sent

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 3600.0
AT_ONCE: Final = 1000
"""Rows removed by one transaction: others who write do not wait long."""


class OutboxKeeper:
    """Keeps what was taken for some days, and dead letters until they are sent."""

    def __init__(self, database: Database, days: int, clock: Clock) -> None:
        self._database = database
        self._seconds = days * 86_400
        self._clock = clock

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.forget()
            await asyncio.sleep(LOOK_SECONDS)

    async def forget(self) -> int:
        """Remove what is old enough; return how many alerts that were."""
        before, removed = int(self._clock()) - self._seconds, 0
        while True:
            async with self._database.write() as connection:
                count = await forget_sent(connection, before, AT_ONCE)
            removed += count
            if count < AT_ONCE:
                break
        if removed:
            log.info("alerts_forgotten", alerts=removed)
        return removed
