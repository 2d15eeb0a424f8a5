"""What the intake knows again after a restart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import insert

from gateway.alerts.candidate import Candidates
from gateway.errors import Unavailable
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.intake import Intake, Taken
from gateway.ingest.recorder import Recorder
from gateway.settings import Ingest, Settings
from gateway.store.database import open_database
from gateway.store.digests import Digest, add_digest, keep_history_until
from gateway.store.journal import Observation, encode_group
from gateway.store.journal_writer import open_journal_writer
from gateway.store.migrate import migrate
from gateway.store.schema import journal as journal_table
from tests.support.databases import opened, store_settings
from tests.support.duis_messages import request_id
from tests.support.postgres import PostgresServer
from tests.support.traffic import communication

START = 1_800_000_000
HORIZON = 60


def observation(counter: int, now: int) -> Observation:
    sent = msgspec.structs.replace(communication(), request_id=request_id(counter), counter=counter)
    return Observation(sent, now * 1000, now * 1000)


@asynccontextmanager
async def running(folder: Path, now: int, unfinished_since: float) -> AsyncIterator[Intake]:
    """Start on the store in *folder* at *now*."""
    database = open_database(Settings(data_directory=folder))
    await migrate(database)
    recorder = Recorder(database, Candidates("test", (), lambda: None), str)
    counting = Counting(database, recorder, Health(), lambda: now)
    journal = open_journal_writer(database)
    intake = Intake(database, journal, counting, Ingest(deduplication_seconds=HORIZON), lambda: now)
    await intake.recover(unfinished_since)
    async with asyncio.TaskGroup() as group:
        work = group.create_task(intake.run())
        yield intake
        work.cancel()
    journal.close()
    await database.close()


@pytest.mark.parametrize(("unfinished_since", "accepted"), [(START - 300, 0), (START + 300, 1)])
async def test_what_a_crash_left_unfinished_is_known_however_long_the_gateway_was_away(
    tmp_path: Path, unfinished_since: float, accepted: int
) -> None:
    """Without that, it would be forgotten at the first commit after the pause."""
    async with running(tmp_path, START, float("inf")) as intake:
        assert await intake.take([observation(1, START)]) == Taken(1, 0)
    later = START + 100 * HORIZON
    async with running(tmp_path, later, unfinished_since) as intake:
        assert await intake.take([observation(2, later)]) == Taken(1, 0)
        assert await intake.take([observation(1, later)]) == Taken(accepted, 1 - accepted)


@pytest.mark.parametrize(("pause", "accepted"), [(HORIZON - 1, 0), (2 * HORIZON, 1), (100 * HORIZON, 1)])
async def test_what_comes_again_after_the_horizon_counts_though_nothing_came_meanwhile(
    tmp_path: Path, pause: int, accepted: int
) -> None:
    """A repeat does not make a communication known for longer, and a quiet night does not either."""
    async with running(tmp_path, START, float("inf")) as intake:
        assert await intake.take([observation(1, START)]) == Taken(1, 0)
        later = START + pause
        intake._clock = lambda: later
        assert await intake.take([observation(1, later)]) == Taken(accepted, 1 - accepted)


async def test_a_start_does_not_read_what_is_kept_only_to_know_what_left(tmp_path: Path) -> None:
    """Digests are kept for `dcc.sent_seconds`; those beyond horizon and windows would cost memory and time."""
    async with running(tmp_path, START, float("inf")) as intake:
        assert await intake.take([observation(1, START)]) == Taken(1, 0)
    database = open_database(Settings(data_directory=tmp_path))
    old = START - HORIZON - 7200
    digest = Digest(0, old, old + 59, old, old + 59, 1, b"no places", b"no keys")
    async with database.write() as connection:
        await add_digest(connection, digest, {})
        await keep_history_until(connection, START - 600)
    await database.close()
    async with running(tmp_path, START + 1, float("inf")) as intake:
        assert await intake.take([observation(1, START), observation(2, START + 1)]) == Taken(1, 1)


async def test_a_start_waits_for_the_last_commit_of_a_process_that_was_killed(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """PostgreSQL goes on with it though nobody hears its answer; the sender comes again, and it counts once."""
    url = postgres_server.create("killed")
    async with (
        opened(store_settings(tmp_path, url=url)) as killed,
        opened(store_settings(tmp_path, url=url)) as ours,
    ):
        counting = Counting(
            ours, Recorder(ours, Candidates("test", (), lambda: None), str), Health(), lambda: START
        )
        journal = open_journal_writer(ours)
        intake = Intake(ours, journal, counting, Ingest(), lambda: START)
        async with asyncio.TaskGroup() as group:
            async with killed.write() as connection:
                values = {"received_at": START, "communications": 1}
                content = encode_group([observation(1, START)])
                await connection.execute(insert(journal_table).values(values | {"content": content}))
                starting = group.create_task(intake.recover())
                await asyncio.wait({starting}, timeout=1)
            await starting
            work = group.create_task(intake.run())
            assert await intake.take([observation(1, START)]) == Taken(0, 1)
            work.cancel()
    postgres_server.drop("killed")


async def _refused(intake: Intake, sent: Observation) -> Unavailable:
    with pytest.raises(Unavailable) as refused:
        await intake.take([sent])
    return refused.value


async def test_nobody_waits_while_what_was_counted_cannot_be_put_on_record(tmp_path: Path) -> None:
    """Who sent before has the answer; who waits is refused and not counted; who asks how far it is goes on waiting."""
    async with (
        asyncio.timeout(10),  # where somebody does wait, this fails and does not wait with them
        running(tmp_path, START, float("inf")) as intake,
        asyncio.TaskGroup() as senders,
    ):
        counting = intake._counting
        stuck, free = asyncio.Event(), asyncio.Event()
        count = counting.count

        async def slow(group: list[Observation], row_id: int) -> None:
            stuck.set()
            await free.wait()
            await count(group, row_id)

        counting.count = slow  # type: ignore[method-assign,assignment]
        assert await intake.take([observation(1, START)]) == Taken(1, 0)
        await stuck.wait()
        waiting = senders.create_task(_refused(intake, observation(2, START)))
        asked = intake.ask()
        await asyncio.sleep(0)
        counting.on_stuck("breaches wait to be recorded")
        refused = await waiting
        assert (refused.code, asked.done(), bool(intake.trouble)) == ("store_unavailable", False, True)
        assert "breaches wait" in refused.message
        free.set()
        await asked
        assert await intake.take([observation(2, START)]) == Taken(1, 0)
        assert intake.counted == 2
