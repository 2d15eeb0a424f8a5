"""Counts of the past for whoever may read what is monitored."""

import asyncio

from gateway.access import Action, Person
from gateway.ingest.counting import Counting
from gateway.ingest.journal_reader import read_unique
from gateway.store.counts import Stretch
from gateway.store.database import Database
from gateway.store.journal import Observation
from thresholds.model import DEVICES
from thresholds.window import LATENESS


class History:
    """Reads one stretch at a time: a month of many kinds keeps a core busy for seconds."""

    def __init__(self, database: Database, counting: Counting, horizon: int) -> None:
        self._database = database
        self._counting = counting
        self._horizon = horizon
        self._lock = asyncio.Lock()

    async def read(self, person: Person, stretch: Stretch) -> list[int]:
        """Return the counts of each step of *stretch*, as far as the journal reaches back."""
        person.require(Action.READ_MONITORING)
        counts = [0] * ((stretch.end - stretch.first) // stretch.step)
        async with self._lock:
            async for row in read_unique(self._database, stretch.first, self._horizon):
                for observation in row.observations:
                    second = _counted_at(observation)
                    if stretch.first <= second < stretch.end and stretch.holds(observation.communication):
                        n = observation.communication.devices if stretch.communication == DEVICES else 1
                        counts[(second - stretch.first) // stretch.step] += n
                await asyncio.sleep(0)
        return counts


def _counted_at(observation: Observation) -> int:
    observed, received = observation.observed_at_ms // 1000, observation.received_at_ms // 1000
    return observed if received - LATENESS <= observed <= received else received
