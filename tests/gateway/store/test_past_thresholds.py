"""What held for a key, who set it and what came of it is told of that key alone, the newest first."""

from typing import Any

from sqlalchemy import update

from gateway.store.adt_files import insert_file
from gateway.store.database import Database
from gateway.store.episodes import close_episode, find_episode, open_episode
from gateway.store.incidents import of_subject
from gateway.store.past_thresholds import ROWS, past_episodes, set_thresholds
from gateway.store.schema import adt_files
from gateway.store.thresholds import insert_thresholds, supersede_users
from tests.support.rows import ANN, BOB, file_values, make_episode, make_threshold, open_incident
from thresholds.model import Level, Threshold
from thresholds.past import PastThreshold

KEY = make_threshold().key


async def put_in_force(database: Database, now: int, *thresholds: Threshold, **values: Any) -> int:
    async with database.write() as connection:
        number = await insert_file(connection, **file_values(**values))
        approved = {"approved_by": "bob", "approved_at": now - 1, "state": "in force"}
        await connection.execute(update(adt_files).where(adt_files.c.id == number).values(**approved))
        await supersede_users(connection, {threshold.user_id for threshold in thresholds}, now)
        await insert_thresholds(connection, number, thresholds, now)
    return number


async def test_rows_come_with_their_file_and_its_people_the_newest_first(database: Database) -> None:
    old = make_threshold(line=7)
    first = await put_in_force(database, 1000, old, make_threshold(service="4.1.2"), name="first.csv")
    new = [make_threshold(warning=1, line=2), make_threshold(warning=2, line=3, effective_to=500)]
    second = await put_in_force(database, 2000, *new, make_threshold(BOB), name="second.csv", sha256="1" * 64)
    async with database.read() as connection:
        found = await set_thresholds(connection, KEY)
    assert [each.past.threshold.file_id for each in found] == [second, second, first]
    assert [each.past.threshold.line for each in found] == [3, 2, 7]
    assert [(each.past.in_force_at, each.past.superseded_at) for each in found] == [
        (2000, None),
        (2000, None),
        (1000, 2000),
    ]
    assert {(each.file_name, each.approved_by, each.approved_at) for each in found} == {
        ("first.csv", "bob", 999),
        ("second.csv", "bob", 1999),
    }
    assert found[2].submitted_by == "ann"
    assert isinstance(found[0].past, PastThreshold)


async def test_of_very_many_rows_the_newest_are_told(database: Database) -> None:
    rows = [make_threshold(line=line) for line in range(2, ROWS + 4)]
    await put_in_force(database, 1000, *rows)
    async with database.read() as connection:
        found = await set_thresholds(connection, KEY)
    assert [each.past.threshold.line for each in found] == list(range(ROWS + 3, 3, -1))


async def test_episodes_that_touch_the_time_come_with_their_incident(database: Database) -> None:
    async with database.write() as connection:
        for opened, ended in ((10, 20), (30, 40), (50, None)):
            episode = make_episode(Level.QUARANTINE, opened)
            await open_episode(connection, episode, await open_incident(connection, title=f"at {opened}"))
            stored = await find_episode(connection, episode)
            assert stored is not None
            if ended is not None:
                await close_episode(connection, stored, ended, "fell")
    expected: dict[tuple[int, int], list[int]] = {
        (0, 10): [],
        (0, 11): [10],
        (20, 31): [30, 10],
        (21, 60): [50, 30],
        (41, 50): [],
    }
    for (since, until), starts in expected.items():
        async with database.read() as connection:
            found = await past_episodes(connection, KEY, since, until)
        assert [each.opened_at for each in found] == starts, (since, until)
        assert [each.title for each in found] == [f"at {each}" for each in starts]
    async with database.read() as connection:
        assert await past_episodes(connection, make_threshold(BOB).key, 0, 100) == []


async def test_incidents_of_a_subject_are_told_open_and_closed(database: Database) -> None:
    async with database.write() as connection:
        wanted = await open_incident(connection, kind="forecast", subject_key=f"{ANN}/SR")
        await open_incident(connection, kind="forecast", subject_key=f"{BOB}/SR")
        await open_incident(connection)
        assert [each.id for each in await of_subject(connection, "forecast", f"{ANN}/SR")] == [wanted]
