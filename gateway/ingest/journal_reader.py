"""Reads the journal back, each communication once."""

from collections.abc import AsyncIterator

from gateway.ingest.deduplication import fingerprint
from gateway.store.database import Database
from gateway.store.journal import JournalRow, Observation, read_journal


async def read_unique(
    database: Database, since: int, horizon: int, last: int | None = None
) -> AsyncIterator[JournalRow]:
    """Yield the groups since *since*, without what came again within *horizon* seconds of its first arrival.

    Such a repeat stands in the journal where a commit reached the database and its answer was lost: the sender
    was told that nothing was counted, and sent it again.
    """
    first = _FirstArrivals(horizon)
    async for row in read_journal(database, since, last):
        yield JournalRow(row.id, row.received_at, first.keep(row.observations, row.received_at))


class _FirstArrivals:
    """When each communication first arrived, for one to two horizons back."""

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon
        self._started = 0
        self._now: dict[int, int] = {}
        self._before: dict[int, int] = {}

    def keep(self, observations: list[Observation], received_at: int) -> list[Observation]:
        """Return those of *observations* that are no repeats, and remember them."""
        if received_at - self._started >= self._horizon:
            self._before, self._now, self._started = self._now, {}, received_at
        kept = []
        for observation in observations:
            key = fingerprint(observation.communication)
            earlier = self._now.get(key) or self._before.get(key)
            if earlier is None or received_at - earlier >= self._horizon:
                self._now[key] = received_at
                kept.append(observation)
        return kept
