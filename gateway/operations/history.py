"""Counts of the past for whoever may read what is monitored."""

import asyncio
from collections.abc import Sequence

from gateway.access import Action, Person
from gateway.ingest.counting import Counting
from gateway.store.counts import Stretch, read_counts
from gateway.store.database import Database
from gateway.store.kind_counts import KindMinutes, read_kind_minutes


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

    async def by_kind(
        self, person: Person, user_id: str, spans: Sequence[tuple[int, int]]
    ) -> tuple[int, list[KindMinutes]]:
        """Return since when counts are on record, and those of each kind in each minute of *spans*.

        An empty *user_id* stands for all.
        """
        person.require(Action.READ_MONITORING)
        async with self._lock:
            return await read_kind_minutes(self._database, user_id, spans, self._counting.counted_row)
