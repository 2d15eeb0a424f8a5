"""Windows of new thresholds, loaded aside while the count goes on."""

from collections import Counter
from collections.abc import Iterable

from gateway.ingest.rebuild import Rebuild
from gateway.store.database import Database
from gateway.store.journal import read_journal
from gateway.store.places import Place, place
from thresholds.model import Threshold
from thresholds.monitor import Monitor


class Aside:
    """A monitor of *thresholds* that follows the count until it is adopted."""

    def __init__(self, database: Database, thresholds: Iterable[Threshold], now: int) -> None:
        self._database = database
        self._now = now
        self._row = 0
        self.monitor = Monitor(thresholds, now)

    async def load(self, last: int) -> None:
        """Load what was counted up to journal row *last*."""
        await Rebuild(self._database, self.monitor, self._now).load(last)
        self._row = last

    async def follow(self, last: int, now: int) -> None:
        """Add what was counted since, up to journal row *last*."""
        if last == self._row:
            return
        counts: Counter[Place] = Counter()
        async for row in read_journal(self._database, self._row, last):
            counts.update(map(place, row.observations))
        self.monitor.advance(now)
        for (kind, second, devices), n in counts.items():
            self.monitor.seed(kind, second, n, n * devices)
        self._row = last
