"""A gateway over a store that folds its journal, and a monitor beside it that saw everything."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from sqlalchemy import func, insert, select

from gateway.alerts.candidate import Candidates
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.folding import Folding
from gateway.ingest.intake import Intake
from gateway.ingest.recorder import Recorder
from gateway.settings import Ingest
from gateway.store.counts import Stretch, read_counts
from gateway.store.database import Database, inserted_id
from gateway.store.journal import Observation
from gateway.store.journal_writer import open_journal_writer
from gateway.store.schema import adt_files, digests, history, journal
from gateway.store.thresholds import insert_thresholds, supersede_users
from tests.support.duis_messages import request_id
from tests.support.mixed import kind
from tests.support.oracle import USER
from tests.support.rows import make_threshold
from tests.support.traffic import communication
from thresholds.model import ALL, DEVICES, Alignment, CommunicationClass, Period, Threshold, ThresholdKey
from thresholds.monitor import Monitor

START: Final = 1_795_219_200 - 900
"""A quarter of an hour before midnight."""
HOUR, DAY = 3600, 86_400


def threshold(period: int, name: str = "SR", service: str = "4.1.1", **more: Any) -> Threshold:
    """Return a threshold that is never passed."""
    length = Period(period, f"PT{period}S")
    values = {"communication": name, "service": service, "period": length, "effective_from": 0}
    return make_threshold(USER, **values | {"warning": 10**6, "quarantine": 10**6} | more)


OLD: Final = (
    threshold(60),
    threshold(HOUR),
    threshold(2 * HOUR, ALL, "*"),
    threshold(DAY, DEVICES, "4.1"),
    threshold(3 * DAY, "SR", "*", alignment=Alignment.CALENDAR),
)
NEW: Final = (threshold(HOUR, ALL, "*"), threshold(DAY, ALL, "4.1"), threshold(31 * DAY, DEVICES, "*"))


class Gateway:
    """Intake, count and folding over a store, and a clock that moves when it is told to."""

    def __init__(self, database: Database, horizon: int = HOUR) -> None:
        self.now = START
        self.database = database
        self.whole = Monitor((*OLD, *NEW), START)
        """Counts the same, with every threshold from the start, and never restarts."""
        self.sent: Counter[tuple[CommunicationClass, str, int, int]] = Counter()
        """Where each communication counts in the history: class, variant, second, devices."""
        self._horizon = horizon
        self._counters = itertools.count(1)
        self._make()

    def _make(self) -> None:
        recorder = Recorder(self.database, Candidates("test", (), lambda: None), str)
        self.counting = Counting(self.database, recorder, Health(), self._clock)
        self._journal = open_journal_writer(self.database)
        ingest = Ingest(deduplication_seconds=self._horizon)
        self.intake = Intake(self.database, self._journal, self.counting, ingest, self._clock)
        self.folding = Folding(self.database, self.counting, self._horizon, 397, self._clock)

    def _clock(self) -> float:
        return float(self.now)

    async def restart(self) -> None:
        """Forget everything in memory and recover, as after a power cut."""
        self._journal.close()
        self._make()
        await self.intake.recover()

    def close(self) -> None:
        self._journal.close()

    async def wait(self, seconds: int) -> None:
        self.now += seconds
        await self.counting.tick()
        self.whole.advance(self.now)

    async def send(self, late: int, *sent: tuple[CommunicationClass, str, int]) -> None:
        """Journal and count one group, of communications sent *late* seconds ago."""
        group = [self.observation(late, *each) for each in sent]
        row_id = await self._journal.append(group, self.now)
        await self.counting.count(group, row_id)
        self.sent.update((name, variant, self.now - late, devices) for name, variant, devices in sent)
        for each in group:
            self.whole.observe(each.communication, self.now - late, self.now)

    def observation(self, late: int, name: CommunicationClass, variant: str, devices: int) -> Observation:
        counter = next(self._counters)
        sent = msgspec.structs.replace(
            communication(variant, name, devices=devices), counter=counter, request_id=request_id(counter)
        )
        return Observation(sent, (self.now - late) * 1000, self.now * 1000)

    async def fold(self) -> None:
        while await self.folding.fold(0):
            pass

    async def remember(self) -> None:
        """Write the history as far as it is final."""
        await self.fold()
        while await self.folding.extend_history(60):
            pass

    async def prune(self) -> None:
        await self.folding.prune()

    async def put_in_force(self, rows: Iterable[Threshold]) -> None:
        async with self.database.write() as connection:
            values = dict.fromkeys(("name", "profile", "sha256"), "x") | {"state": "in force"}
            values |= {"submitted_by": "alice", "approved_by": "bob"}
            times = {"effective_from": 0, "submitted_at": 0, "row_count": 1, "content": b""}
            file_id = inserted_id(await connection.execute(insert(adt_files).values(**values, **times)))
            await supersede_users(connection, [USER], self.now)
            await insert_thresholds(connection, file_id, list(rows), self.now)

    async def replace(self, number: int) -> None:
        """Put all thresholds in force but one of the new ones, or all of these."""
        await self.put_in_force((*OLD, *(row for place, row in enumerate(NEW) if place != number)))
        await self.counting.replace_thresholds()

    def check(self) -> None:
        """Compare every count with that of the monitor that saw everything."""
        found: dict[ThresholdKey, int] = {rate.key: rate.count for rate in self.counting.rates()}
        wanted = {rate.key: rate.count for rate in self.whole.rates() if rate.key in found}
        assert found == wanted
        assert len(found) >= len(OLD)

    async def check_history(self) -> None:
        """Compare the history of each minute with what was sent."""
        first, end = START // DAY * DAY - DAY, (self.now // DAY + 1) * DAY
        for communication_class, service in ((ALL, "*"), ("SR", "4.1"), (DEVICES, "*"), (DEVICES, "4.1.1")):
            for step in (60, HOUR, DAY):
                stretch = Stretch(USER, communication_class, service, first, end, step)
                found = await read_counts(self.database, stretch, self.counting.counted_row)
                wanted = [0] * ((end - first) // step)
                for (name, variant, second, devices), n in self.sent.items():
                    if stretch.holds(kind(name, variant)):
                        wanted[(second - first) // step] += n * (
                            devices if communication_class == DEVICES else 1
                        )
                assert found == wanted

    async def count_rows(self) -> tuple[int, int, int]:
        """Return how many rows of the journal, digests and days of kinds there are."""
        async with self.database.read() as connection:
            tables = (journal, digests, history)
            found = [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in tables
            ]
        return found[0], found[1], found[2]


@asynccontextmanager
async def running(database: Database, horizon: int = HOUR) -> AsyncIterator[Gateway]:
    """Start with the old thresholds in force."""
    gateway = Gateway(database, horizon)
    await gateway.put_in_force(OLD)
    await gateway.counting.replace_thresholds()
    try:
        yield gateway
    finally:
        gateway.close()
