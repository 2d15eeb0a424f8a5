"""Counts of the past for whoever may read what is monitored."""

import asyncio

from gateway.access import Action, Person
from gateway.ingest.counting import Counting
from gateway.store.counts import Stretch, read_counts
from gateway.store.database import Database


class History:
    """Reads one stretch at a time: a year of many kinds keeps a core busy for seconds."""

    def __init__(self, database: Database, counting: Counting) -> None:
        self._database = database
        self._counting = counting
        self._lock = asyncio.Lock()

    async def read(self, person: Person, stretch: Stretch) -> list[int]:
        """Return the counts of each step of *stretch*."""
        person.require(Action.READ_MONITORING)
        async with self._lock:
            return await read_counts(self._database, stretch, self._counting.counted_row)
