"""However the journal is folded, kept as history, pruned and read again: every count stays what it was."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from gateway.alerts.candidate import Candidates
from gateway.errors import Unavailable
from gateway.health import Health
from gateway.ingest import fold
from gateway.ingest.counting import Counting
from gateway.ingest.folding import Folding
from gateway.ingest.intake import Intake
from gateway.ingest.recorder import Recorder
from gateway.settings import Ingest
from gateway.store.counts import Stretch, read_counts
from gateway.store.database import Database, inserted_id
from gateway.store.digests import read_folded, read_kinds
from gateway.store.journal import Observation, read_journal
from gateway.store.journal_writer import open_journal_writer
from gateway.store.schema import adt_files, digests, history, journal
from gateway.store.thresholds import insert_thresholds, supersede_users
from tests.support.databases import opened, store_settings
from tests.support.duis_messages import request_id
from tests.support.mixed import SENT, kind
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


STEPS: Final = st.one_of(
    st.tuples(st.just("send"), st.sampled_from([0, 0, 1, 59, 299]), SENT, SENT),
    st.tuples(st.just("send"), st.just(0), SENT),
    st.tuples(st.just("wait"), st.sampled_from([1, 7, 61, 290, 700, 1800, HOUR, 5 * HOUR, DAY])),
    st.tuples(st.sampled_from(["fold", "remember", "prune", "restart", "restart"])),
    st.tuples(st.just("replace"), st.integers(0, 3)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=8, max_size=40))
async def test_no_fold_no_prune_no_restart_and_no_new_threshold_changes_a_count(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    async with (
        opened(store_settings(tmp_path_factory.mktemp("folding"))) as database,
        running(database) as gateway,
    ):
        for name, *arguments in (*steps, ("restart",), ("replace", 3)):
            await getattr(gateway, name)(*arguments)
            gateway.check()
        await gateway.check_history()


async def long_life(gateway: Gateway) -> None:
    """Let traffic flow for three days."""
    for turn in range(3 * 24):
        await gateway.send(
            0, (CommunicationClass.SR, "4.1.1", 1 + turn % 2), (CommunicationClass.SPC, "7.2", 1)
        )
        await gateway.send(turn % 300, (CommunicationClass.SR, "4.2.1", 0))
        await gateway.wait(HOUR)
        await gateway.remember()
        await gateway.prune()


async def test_after_days_the_journal_is_short_and_a_restart_counts_the_same(database: Database) -> None:
    async with running(database) as gateway:
        await long_life(gateway)
        groups, digested, days = await gateway.count_rows()
        assert groups <= 2
        assert digested <= 3
        assert 9 <= days <= 12
        await gateway.check_history()
        await gateway.restart()
        gateway.check()
        await gateway.replace(3)
        gateway.check()
        assert {r.count for r in gateway.counting.rates() if r.key.period_seconds == 31 * DAY} == {180}


async def test_what_was_counted_is_known_by_its_digest(sqlite: Database) -> None:
    async with running(sqlite) as gateway:
        sent = [(CommunicationClass.SR, "4.1.1", 1)] * 3
        await gateway.send(0, *sent)
        group = (await read_rows(sqlite))[0]
        await gateway.send(0, *sent)
        await gateway.wait(1000)
        await gateway.fold()
        await gateway.send(0, *sent)
        await gateway.wait(400)
        await gateway.fold()
        await gateway.prune()
        assert (await gateway.count_rows())[0] == 1
        await gateway.restart()
        known = gateway.intake._deduplication
        assert all(known.fingerprint(each.communication) in known for each in group)
        assert len(known) == 9


async def read_rows(database: Database) -> list[list[Observation]]:
    return [row.observations async for row in read_journal(database)]


async def test_the_newest_group_is_in_no_digest(sqlite: Database) -> None:
    """A restart may have to count it once more."""
    async with running(sqlite) as gateway:
        for _ in range(2):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        await gateway.fold()
        async with sqlite.read() as connection:
            folded = await read_folded(connection)
        rows = [row.id async for row in read_journal(sqlite)]
        assert folded.journal_id == rows[0]


async def test_a_place_whose_minute_is_in_the_history_counts_in_the_next(sqlite: Database) -> None:
    """The clock was set back while the gateway was away."""
    async with running(sqlite) as gateway:
        for _ in range(3):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
            await gateway.wait(7000)
        await gateway.remember()
        async with sqlite.read() as connection:
            assert (await read_folded(connection)).history_until > 0
        gateway.now = START - 3000
        await gateway.restart()
        for _ in range(3):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        gateway.now = START + 2 * DAY - 600
        await gateway.send(0, (CommunicationClass.SPC, "7.2", 1))
        await gateway.send(0, (CommunicationClass.SPC, "7.2", 1))
        await gateway.remember()
        await gateway.prune()
        await gateway.restart()
        await gateway.replace(3)
        (found,) = (r.count for r in gateway.counting.rates() if r.key.period_seconds == 31 * DAY)
        assert found == 8


async def test_a_clock_that_was_ahead_leaves_no_count_in_the_future(sqlite: Database) -> None:
    async with running(sqlite) as gateway:
        gateway.now += 10 * DAY
        for _ in range(3):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
            await gateway.wait(7000)
        await gateway.remember()
        gateway.now = START
        await gateway.restart()
        assert {r.count for r in gateway.counting.rates() if r.key.service == "4.1.1"} == {3}
        async with sqlite.read() as connection:
            assert (await read_folded(connection)).history_until <= START


async def test_beyond_the_limit_unknown_services_share_a_kind(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "KINDS_LIMIT", 3)
    async with running(sqlite) as gateway:
        for number in range(9):
            await gateway.send(0, (CommunicationClass.UNKNOWN, f"99.{number}", 1))
        await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        await gateway.fold()
        async with sqlite.read() as connection:
            kinds = await read_kinds(connection)
        assert len(kinds) == 5
        assert (USER, CommunicationClass.UNKNOWN, "", "") in kinds
        await gateway.restart()
        gateway.check()


async def test_a_fold_that_cannot_be_written_is_done_again(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sqlite) as gateway:
        for _ in range(4):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        write = sqlite.write
        monkeypatch.setattr(sqlite, "write", _refuse)
        with pytest.raises(Unavailable, match="no space"):
            await gateway.fold()
        monkeypatch.setattr(sqlite, "write", write)
        await gateway.restart()
        gateway.check()
        await gateway.fold()
        await gateway.restart()
        gateway.check()


def _refuse(*_: Any) -> Any:
    raise Unavailable("store_unavailable", "no space left on device", "")


async def test_a_history_step_that_was_cut_off_is_set_again(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sqlite) as gateway:
        for turn in range(9):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 2), (CommunicationClass.SPC, "7.2", 1))
            await gateway.wait(1000)
            if turn == 4:
                await gateway.remember()
        await gateway.fold()
        with monkeypatch.context() as patch:
            patch.setattr("gateway.ingest.folding.HISTORY_KINDS", 1)
            patch.setattr("gateway.ingest.folding.keep_history_until", _refuse)
            with pytest.raises(Unavailable, match="no space"):
                await gateway.folding.extend_history(60)
        assert (await gateway.count_rows())[2] > 0
        await gateway.restart()
        gateway.check()
        await gateway.remember()
        await gateway.prune()
        await gateway.restart()
        gateway.check()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 3), step=st.integers(0, 2), late=st.sampled_from([0, 20]), folds=st.booleans())
async def test_traffic_goes_on_while_new_thresholds_are_loaded(
    tmp_path_factory: pytest.TempPathFactory, number: int, step: int, late: int, folds: bool
) -> None:
    async with (
        opened(store_settings(tmp_path_factory.mktemp("folding"))) as database,
        running(database) as gateway,
    ):
        for _ in range(4):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 2), (CommunicationClass.SPC, "7.2", 1))
            await gateway.wait(1000)
        await gateway.remember()
        during = 0
        async with asyncio.TaskGroup() as group:
            replacing = group.create_task(gateway.replace(number))
            while not replacing.done():
                await gateway.send(late, (CommunicationClass.SR, "4.1.1", 3))
                await gateway.wait(step)
                during += 1
                if folds:
                    await gateway.fold()
                    await gateway.prune()
        assert during, "nothing happened meanwhile"
        gateway.check()
        assert len(list(gateway.counting.rates())) > len(OLD)
