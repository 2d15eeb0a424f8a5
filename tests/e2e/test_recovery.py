"""A restart at any moment changes nothing of what was counted and found, in one process with its own clock."""

import itertools
import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.candidate import Candidates
from gateway.errors import Unavailable
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.recorder import Recorder
from gateway.store.database import Database, inserted_id, open_database
from gateway.store.incidents import StoredIncident, list_incidents
from gateway.store.journal import Observation
from gateway.store.journal_writer import DatabaseJournalWriter
from gateway.store.migrate import migrate
from gateway.store.schema import adt_files, episodes
from gateway.store.thresholds import insert_thresholds, supersede_users
from tests.support.databases import store_settings
from tests.support.duis_messages import USER_ID
from thresholds.model import Communication, CommunicationClass, Period, Threshold, UserId

START: Final = 1_795_219_200
MINUTE: Final = Period(60, "PT1M")
USER: Final = UserId(USER_ID)


class Gateway:
    """The count with its store, and a clock that moves when it is told to."""

    def __init__(self, database: Database) -> None:
        self.now = START
        self._database = database
        self._journal = DatabaseJournalWriter(database)
        self._counters = itertools.count()
        self._make()

    def _make(self) -> None:
        recorder = Recorder(
            self._database, Candidates("test", ("file",), lambda: None), lambda service: service
        )
        self._counting = Counting(self._database, recorder, Health(), lambda: float(self.now))

    async def restart(self) -> None:
        """Forget everything in memory and recover, as after a power cut."""
        self._make()
        await self._counting.recover()

    async def wait(self, seconds: int) -> None:
        """Let time pass; how often anybody looks makes no difference."""
        self.now += seconds
        await self._counting.tick()

    async def send(self, count: int, seconds_ago: int = 0) -> None:
        """Journal and count *count* requests that were sent some seconds ago."""
        group = [self._observation(seconds_ago) for _ in range(count)]
        row_id = await self._journal.append(group, self.now)
        await self._counting.count(group, row_id)

    def _observation(self, seconds_ago: int) -> Observation:
        number = next(self._counters)
        sent = Communication(
            f"{USER}:00-DB-12-34-56-78-90-AB:{number}",
            USER,
            "00-DB-12-34-56-78-90-AB",
            number,
            1,
            "4.1",
            "4.1.1",
            CommunicationClass.SR,
        )
        return Observation(sent, (self.now - seconds_ago) * 1000, self.now * 1000)

    async def put_in_force(self, warning: int, quarantine: int) -> None:
        """Put a threshold in force whose time came a minute ago."""
        async with self._database.write() as connection:
            values = dict.fromkeys(
                ("name", "profile", "sha256", "submitted_by", "approved_by"), str(next(self._counters))
            )
            values |= {"approved_by": "bob", "state": "in force"}
            times = {"effective_from": self.now - 60, "submitted_at": self.now - 90, "row_count": 1}
            result = await connection.execute(insert(adt_files).values(content=b"", **values, **times))
            file_id = inserted_id(result)
            row = Threshold(USER, "SR", "4.1.1", MINUTE, warning, quarantine, self.now - 60)
            await supersede_users(connection, [USER], self.now)
            await insert_thresholds(connection, file_id, [row], self.now)
        await self._counting.replace_thresholds()

    async def incidents(self) -> list[StoredIncident]:
        async with self._database.read() as connection:
            return await list_incidents(connection)

    async def episodes(self) -> list[tuple[str, int, float]]:
        """Return level, first second and end of every episode."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(episodes))).all()
        return [(row.level, row.opened_at, row.ended_at or math.inf) for row in rows]

    @property
    def count(self) -> int:
        (rate,) = self._counting.rates()
        return rate.count


@asynccontextmanager
async def gateway(folder: Path) -> AsyncIterator[Gateway]:
    database = open_database(store_settings(folder))
    try:
        await migrate(database)
        yield Gateway(database)
    finally:
        await database.close()


async def test_a_breach_that_new_thresholds_found_is_not_found_again(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        await running.put_in_force(100, 200)
        await running.send(5)
        await running.wait(3)
        await running.put_in_force(3, 4)
        before = await running.incidents()
        assert [incident.level for incident in before] == ["quarantine"]
        await running.restart()
        assert await running.incidents() == before
        await running.wait(2)
        await running.restart()
        await running.send(1)
        assert len(await running.incidents()) == 1


async def test_an_episode_that_has_ended_is_not_opened_again(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        await running.put_in_force(3, 10)
        await running.send(4, 50)
        await running.send(1, 49)
        before = await running.incidents()
        assert len(before) == 1
        await running.wait(40)
        await running.restart()
        assert len(await running.incidents()) == 1


async def test_a_warning_that_a_quarantine_took_over_ends_for_good(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        await running.put_in_force(2, 4)
        await running.send(6)
        await running.wait(70)
        await running.wait(70)
        await running.send(1)
        await running.restart()
        await running.send(2)
        levels = [incident.level for incident in reversed(await running.incidents())]
        assert levels == ["warning", "quarantine", "warning"]


async def test_a_late_request_within_an_episode_that_has_ended_is_no_news(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        await running.put_in_force(5, 9)
        await running.wait(60)
        await running.send(5, 30)
        await running.wait(17)
        await running.send(1)
        await running.wait(19)
        await running.send(1, 30)
        assert len(await running.incidents()) == 1
        await running.restart()
        await running.send(1, 29)
        assert len(await running.incidents()) == 1


STEPS: Final = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 4), st.sampled_from([0, 0, 0, 1, 30, 59])),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.just("put_in_force"), st.integers(1, 5), st.integers(6, 9)),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(
    steps=[
        ("send", 4, 0),
        ("wait", 11),
        ("send", 3, 0),
        ("send", 1, 0),
        ("wait", 7),
        ("put_in_force", 1, 7),
        ("wait", 14),
        ("send", 2, 59),
    ],
    crashes=set(range(9)),
)
@given(steps=st.lists(STEPS, min_size=3, max_size=9), crashes=st.sets(st.integers(0, 8), min_size=1))
async def test_restarts_change_neither_counts_nor_breaches(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]], crashes: set[int]
) -> None:
    """A run with restarts opens no incident that the run without them has not.

    A restart may put off the end of an episode (it waits anew for the count to stay low): then the next one is
    part of it, or opens where it has ended, still within what the other run has as an episode. New thresholds are given a minute before late requests come, since
    a restart does not know what was in force before them.
    """
    folder = tmp_path_factory.mktemp("recovery")
    async with gateway(folder / "whole") as whole, gateway(folder / "broken") as broken:
        for number, (name, *arguments) in enumerate([("put_in_force", 5, 9), *steps]):
            for running in (whole, broken):
                await getattr(running, name)(*arguments)
                if number in crashes and running is broken:
                    await running.restart()
                if name == "put_in_force":
                    await running.wait(60)
            assert broken.count == whole.count
        await broken.restart()
        expected = await whole.episodes()
        found = [(i.level, i.opened_at) for i in await broken.incidents()]
        assert len(found) == len(set(found))
        for level, opened in found:
            assert any(of == level and start <= opened <= end for of, start, end in expected)


@pytest.mark.parametrize("failing", [1, 2])
async def test_a_store_that_is_away_while_thresholds_change_loses_no_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Whichever read fails, the thresholds or the journal: nothing has changed, and the next try does it all."""
    async with gateway(tmp_path) as running:
        await running.send(7)
        reads = itertools.count(1)
        read = running._database.read

        def read_but_once() -> AbstractAsyncContextManager[AsyncConnection]:
            if next(reads) == failing:
                raise Unavailable("store_unavailable", "the store is away", "")
            return read()

        monkeypatch.setattr(running._database, "read", read_but_once)
        with pytest.raises(Unavailable):
            await running.put_in_force(3, 5)
        assert running._counting.thresholds == ()
        await running._counting.replace_thresholds()
        assert running.count == 7
        assert [incident.level for incident in await running.incidents()] == ["quarantine"]


async def test_a_group_whose_commit_was_answered_by_silence_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is there, the sender was told that it is not, and sent it again."""
    async with gateway(tmp_path) as running:
        await running.put_in_force(100, 200)
        group = [running._observation(0), running._observation(0)]
        lose_one_answer(monkeypatch, running._database)
        with pytest.raises(Unavailable):
            await running._journal.append(group, running.now)
        row_id = await running._journal.append(group, running.now)
        await running._counting.count(group, row_id)
        assert running.count == 2
        await running.restart()
        assert running.count == 2
        await running.put_in_force(50, 60)
        assert running.count == 2


def lose_one_answer(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    """Let the next transaction that writes be committed, and its answer be lost."""
    write = database.write

    @asynccontextmanager
    async def write_without_answer() -> AsyncIterator[AsyncConnection]:
        async with write() as connection:
            yield connection
        monkeypatch.setattr(database, "write", write)
        raise Unavailable("store_unavailable", "the connection broke off", "")

    monkeypatch.setattr(database, "write", write_without_answer)
