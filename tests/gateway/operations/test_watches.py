"""The queue and the clock: from when something is wrong, and until when."""

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from gateway import tasks
from gateway.alerts.candidate import Candidates
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import ClockWrong, QueueFull
from gateway.clock import SteadyClock
from gateway.errors import Unavailable
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.intake import Intake
from gateway.ingest.recorder import Recorder
from gateway.operations.refusals import QUIET_SECONDS, RefusalWatch
from gateway.operations.watches import CLOCK, watch_clock
from gateway.settings import Ingest
from gateway.store.database import Database
from gateway.store.incidents import list_incidents
from gateway.store.journal_writer import open_journal_writer
from tests.support.rows import make_observation
from tests.support.watching import START, Machine, make_conditions


async def figures(database: Database, conditions: Conditions) -> dict[str, Any]:
    """Put on record what waits; return the figures of the one incident."""
    await conditions.write()
    async with database.read() as connection:
        (incident,) = await list_incidents(connection)
    return dict(msgspec.json.decode(incident.detail)["figures"])


async def refused(intake: Intake) -> None:
    """Hand in what does not fit."""
    with pytest.raises(Unavailable) as error:
        await intake.take([make_observation()] * 2)
    assert error.value.code == "queue_full"


async def test_the_queue_is_full_from_the_first_refusal_until_none_came_for_a_minute(
    sqlite: Database,
) -> None:
    machine = Machine()
    conditions = make_conditions(sqlite, machine)
    recorder = Recorder(sqlite, Candidates("test", (), lambda: None), str)
    counting = Counting(sqlite, recorder, Health(), machine)
    journal = open_journal_writer(sqlite)
    intake = Intake(sqlite, journal, counting, Ingest(queue_limit=10_000), machine)
    watch = RefusalWatch(conditions, intake, machine)

    def after(seconds: float) -> bool:
        machine.wait(seconds)
        watch.look()
        return bool(conditions.lasting(QueueFull))

    assert not after(QUIET_SECONDS)
    async with asyncio.TaskGroup() as group:
        # Nobody takes it out of the queue.
        waiting = tasks.start(group, "waiting", _hand_in(intake, 9_999))
        await asyncio.sleep(0)
        for _ in range(3):
            await refused(intake)
        assert after(1)
        assert await figures(sqlite, conditions) == {"deliveries": 3, "communications": 6}
        assert after(QUIET_SECONDS - 1)
        await refused(intake)
        assert after(0)
        assert after(QUIET_SECONDS - 1), "one more refusal begins the minute anew"
        assert not after(1)
        assert await figures(sqlite, conditions) == {"deliveries": 4, "communications": 8}
        waiting.cancel()
    journal.close()


async def _hand_in(intake: Intake, count: int) -> None:
    await intake.take([make_observation()] * count)


async def test_the_clock_is_wrong_while_it_differs_and_right_when_it_was_set_back(sqlite: Database) -> None:
    wall, steady = Machine(), Machine(0.0)
    clock = SteadyClock(wall, steady)
    conditions, health = make_conditions(sqlite, clock), Health()

    async def lasts(seconds: float) -> bool:
        """Set the clock, and tell whether the watch says that it is wrong."""
        wall.wait(seconds)
        clock()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watch_clock(clock, health, conditions), 0.05)  # it looks before it waits
        return conditions.lasting(ClockWrong) == [CLOCK]

    assert not await lasts(1.0), "a correction is followed"
    assert await lasts(3600)
    assert await figures(sqlite, conditions) == {"seconds": 3600}
    assert clock() == START + 1.0
    assert not await lasts(-3600)
