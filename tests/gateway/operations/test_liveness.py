"""A sign of life is given only while the count moves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.alerts.candidate import Candidates
from gateway.errors import Unavailable
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.intake import Intake
from gateway.ingest.recorder import Recorder
from gateway.operations.in_force import InForce
from gateway.operations.liveness import Liveness
from gateway.operations.rules import Rulebook, load_rules
from gateway.settings import Ingest, Settings
from gateway.store.database import Database
from gateway.store.journal_writer import open_journal_writer
from tests.support.adt import ROOT

NOW = 1_795_219_200.0
SOON = 0.5
"""Seconds that a healthy count never needs to move; waited for in vain where it must not."""


class StubbornRecorder(Recorder):
    """Fails, as a store that is away does, until it is told otherwise."""

    away = False

    async def record(self, *arguments: Any) -> None:
        if self.away:
            raise Unavailable("store_unavailable", "the store is away", "Wait.")
        await super().record(*arguments)


class Count:
    """The parts that a sign of life asks."""

    def __init__(self, database: Database) -> None:
        profile = ROOT / "config" / "profiles" / "adt-1.toml"
        rules = Rulebook(load_rules(Settings.model_validate({"adt_files": {"profile": profile}})))
        self.recorder = StubbornRecorder(database, Candidates("test", (), lambda: None), str)
        self.counting = Counting(database, self.recorder, Health(), lambda: NOW)
        self.intake = Intake(database, open_journal_writer(database), self.counting, Ingest(), lambda: NOW)
        self.in_force = InForce(database, rules, self.counting, Health(), lambda: NOW)
        self.liveness = Liveness(self.intake, self.in_force, self.counting)

    async def moves(self, seconds: float = SOON) -> bool:
        return await self._within(self.liveness.moved(), seconds)

    async def counts(self, seconds: float = SOON) -> bool:
        return await self._within(self.liveness.counted(), seconds)

    async def _within(self, sign: Coroutine[Any, Any, None], seconds: float) -> bool:
        try:
            await asyncio.wait_for(sign, seconds)
        except TimeoutError:
            return False
        return True


@pytest.fixture
def count(sqlite: Database) -> Count:
    return Count(sqlite)


@asynccontextmanager
async def running(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    async def run(work: Callable[[], Awaitable[None]]) -> None:
        await work()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(work)) for work in works]
        yield
        for task in tasks:
            task.cancel()


async def test_it_moves_while_the_intake_answers_and_time_passes(count: Count) -> None:
    async with running(count.intake.run, count.in_force.run):
        assert await count.moves()
        assert await count.moves()


async def test_it_does_not_move_without_the_intake(count: Count) -> None:
    async with running(count.in_force.run):
        assert not await count.moves()


async def test_it_does_not_move_while_time_stands_still(count: Count) -> None:
    async with running(count.intake.run):
        assert not await count.moves()


async def test_it_does_not_move_while_the_count_is_held(count: Count) -> None:
    async with running(count.intake.run, count.in_force.run):
        assert await count.moves()
        async with count.counting._lock:
            assert not await count.moves()
        assert await count.moves()


async def test_waiting_for_a_store_that_is_away_is_no_reason_to_be_restarted(count: Count) -> None:
    async with running(count.intake.run, count.in_force.run, count.counting.replace_thresholds):
        assert await count.moves()
        count.recorder.away = True
        async with running(count.counting.replace_thresholds):
            assert await count.moves(seconds=20)
            assert count.counting.attempts > 0
            count.recorder.away = False


async def test_nothing_is_counted_while_breaches_wait_to_be_recorded(count: Count) -> None:
    async with running(count.intake.run, count.in_force.run, count.counting.replace_thresholds):
        assert await count.counts()
        count.recorder.away = True
        async with running(count.counting.replace_thresholds):
            assert not await count.counts(seconds=3)
            count.recorder.away = False
        assert await count.counts(seconds=20)


async def test_nothing_is_counted_without_the_intake_or_while_time_stands_still(count: Count) -> None:
    async with running(count.in_force.run):
        assert not await count.counts()
    async with running(count.intake.run):
        assert not await count.counts()


async def test_a_refusal_of_the_journal_is_told_once(count: Count) -> None:
    async with running(count.intake.run, count.in_force.run):
        count.intake.failed += 1
        with pytest.raises(Unavailable, match="refused"):
            await count.liveness.counted()
        assert await count.counts()
