"""What is in force is what the last file put there."""

import msgspec
from sqlalchemy import event

from gateway.store.adt_files import FileState, move_file
from gateway.store.database import Database
from gateway.store.thresholds import (
    files_without_thresholds,
    insert_thresholds,
    supersede_rows,
    supersede_users,
    superseded_since,
    thresholds_in_force,
)
from tests.support.rows import ANN, BOB, make_threshold, submitted
from thresholds.model import Alignment, Period, Threshold, UserId

STANDING = make_threshold()
CHRISTMAS = make_threshold(effective_from=1000, effective_to=2000)
EASTER = make_threshold(effective_from=5000, effective_to=6000)


async def put(database: Database, *thresholds: Threshold) -> list[Threshold]:
    """Put thresholds into force by a file of their own; return them as they stand in force."""
    file = await submitted(database)
    async with database.write() as connection:
        await insert_thresholds(connection, file.id, thresholds, 10)
        await move_file(connection, file, FileState.IN_FORCE, approved_by="bob")
    return [msgspec.structs.replace(threshold, file_id=file.id) for threshold in thresholds]


async def in_force(database: Database) -> set[Threshold]:
    async with database.read() as connection:
        return set(await thresholds_in_force(connection))


async def empty_files(database: Database) -> list[int]:
    async with database.read() as connection:
        return await files_without_thresholds(connection)


async def test_thresholds_come_back_as_they_were(database: Database) -> None:
    rows = [
        STANDING,
        CHRISTMAS,
        make_threshold(BOB, communication="ALL", service="*", period=Period(86400, "P1D")),
        make_threshold(alignment=Alignment.CALENDAR, warning=0, quarantine=2**31 - 1, line=100_001),
    ]
    written = await put(database, *rows)
    assert await in_force(database) == set(written)


async def test_a_file_without_rows_puts_nothing_into_force(database: Database) -> None:
    assert await put(database) == []
    assert await in_force(database) == set()


async def test_superseding_users_takes_all_of_theirs_and_nothing_else(database: Database) -> None:
    await put(database, STANDING, CHRISTMAS)
    others = await put(database, make_threshold(BOB))
    async with database.write() as connection:
        await supersede_users(connection, [ANN, ANN], 20)
    assert await in_force(database) == set(others)


async def test_what_went_out_of_force_of_late_is_known_by_its_place(database: Database) -> None:
    await put(database, STANDING, CHRISTMAS)
    await put(database, make_threshold(BOB))
    async with database.write() as connection:
        await supersede_users(connection, [ANN], 20)
        await supersede_users(connection, [BOB], 30)
        late = await superseded_since(connection, 21)
        assert {user for user, *_ in late} == {BOB}
        assert late < await superseded_since(connection, 20)
        assert (ANN, STANDING.communication, STANDING.service) in await superseded_since(connection, 20)
        assert await superseded_since(connection, 31) == set()


async def test_superseding_nobody_takes_nothing(database: Database) -> None:
    kept = await put(database, STANDING)
    async with database.write() as connection:
        await supersede_users(connection, [], 20)
        await supersede_rows(connection, [], 20)
    assert await in_force(database) == set(kept)


async def test_a_standing_row_supersedes_the_standing_one_of_its_key_alone(database: Database) -> None:
    other_key = make_threshold(service="7.2")
    _, *kept = await put(database, STANDING, CHRISTMAS, other_key, make_threshold(BOB))
    async with database.write() as connection:
        await supersede_rows(connection, [make_threshold(effective_from=700, warning=1)], 20)
    assert await in_force(database) == set(kept)


async def test_an_exception_supersedes_the_one_of_its_key_and_time_alone(database: Database) -> None:
    """What the second person was shown: no exception of another time goes."""
    from_earlier = make_threshold(effective_from=900, effective_to=2000)
    standing, _, *kept = await put(database, STANDING, CHRISTMAS, EASTER, from_earlier)
    async with database.write() as connection:
        await supersede_rows(connection, [msgspec.structs.replace(CHRISTMAS, warning=1)], 20)
    assert await in_force(database) == {standing, *kept}


async def test_what_was_superseded_keeps_its_time(database: Database) -> None:
    """A second superseding does not touch it: nothing comes back, nothing is dated anew."""
    await put(database, STANDING)
    for now in (20, 30):
        async with database.write() as connection:
            await supersede_users(connection, [ANN], now)
    async with database.read() as connection:
        rows = await connection.exec_driver_sql("SELECT superseded_at FROM thresholds")
        assert rows.scalars().all() == [20]


async def test_a_file_with_no_row_left_in_force_is_named(database: Database) -> None:
    (both, _), (one, *_) = await put(database, STANDING, make_threshold(BOB)), await put(database, EASTER)
    assert await empty_files(database) == []
    async with database.write() as connection:
        await supersede_rows(connection, [EASTER, STANDING], 20)
    assert await empty_files(database) == [one.file_id]
    async with database.write() as connection:
        await supersede_users(connection, [BOB], 20)
    assert sorted(await empty_files(database)) == [both.file_id, one.file_id]


async def test_the_rows_of_a_large_file_are_replaced_in_few_statements(database: Database) -> None:
    """20,000 rows are found and superseded; the statements do not grow with them one by one."""
    users = [UserId(f"90-B3-D5-1F-30-00-{number // 256:02X}-{number % 256:02X}") for number in range(5_000)]
    times = [(None, 100), (2_000, 1_000), (3_000, 2_000), (4_000, 3_000)]
    rows = [
        make_threshold(user, effective_from=start, effective_to=end) for user in users for end, start in times
    ]
    await put(database, *rows)
    (kept,) = await put(database, make_threshold(users[0], service="7.2"))
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    async with database.write() as connection:
        await supersede_rows(connection, rows, 20)
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    assert len(statements) < 20
    assert await in_force(database) == {kept}
