"""The migrations make exactly the tables that the code knows."""

import asyncio

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from gateway.store.database import Database, open_database
from gateway.store.incidents import list_incidents
from gateway.store.metadata import metadata
from gateway.store.migrate import HEAD, alembic_config, is_current, migrate
from tests.support.databases import Backend


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_migrations_give_the_metadata(database: Database) -> None:
    async with database.read() as connection:
        assert await connection.run_sync(_differences) == []


def _checks(connection: Connection) -> dict[str | None, str]:
    checks = inspect(connection).get_check_constraints("adt_files")
    return {check["name"]: check["sqltext"] for check in checks}


async def test_migrations_give_the_check_constraints_word_for_word(sqlite: Database) -> None:
    """Alembic does not compare these."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        wanted = _checks(connection)
    engine.dispose()
    async with sqlite.read() as migrated:
        assert await migrated.run_sync(_checks) == wanted
    assert set(wanted) == {"ck_adt_files_second_person", "ck_adt_files_approved_first"}


async def test_migrating_again_changes_nothing(database: Database) -> None:
    await migrate(database)
    assert await is_current(database)
    async with database.read() as connection:
        assert await connection.run_sync(_differences) == []


async def test_a_new_store_is_not_current(backend: Backend) -> None:
    database = open_database(backend.settings)
    assert not await is_current(database)
    await migrate(database)
    assert await is_current(database)
    await database.close()


async def test_two_that_migrate_at_once_do_not_get_in_each_others_way(backend: Backend) -> None:
    first, second = open_database(backend.settings), open_database(backend.settings)
    await asyncio.gather(migrate(first), migrate(second))
    async with first.read() as connection:
        versions = (await connection.execute(text("SELECT version_num FROM alembic_version"))).all()
    assert len(versions) == 1
    await first.close()
    await second.close()


async def test_an_incident_of_an_earlier_version_is_kept_and_read(backend: Backend) -> None:
    database = open_database(backend.settings)
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "0002"))
        columns = "kind, state, level, user_id, title, opened_at, record, detail"
        values = "'threshold', 'open', 'warning', 'A', 'above', 10, 1, :detail"
        insert = f"INSERT INTO incidents ({columns}) VALUES ({values})"
        for _ in range(2):
            await connection.execute(text(insert), {"detail": b"{}"})
    await migrate(database)
    async with database.read() as connection:
        incidents = await list_incidents(connection)
        assert [
            (found.kind, found.state, found.subject_key, found.tell_at, found.version) for found in incidents
        ] == [("threshold", "candidate", None, None, 1)] * 2
        assert await connection.run_sync(_differences) == []
    await database.close()


def _indexes(connection: Connection) -> dict[str | None, str]:
    """Return the conditions of partial indexes, which Alembic does not compare."""
    found = inspect(connection).get_indexes("incidents")
    return {
        index["name"]: str(value)
        for index in found
        for option, value in index.get("dialect_options", {}).items()
        if option.endswith("_where")
    }


async def test_the_code_knows_the_partial_index_as_the_migrations_give_it(sqlite: Database) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        wanted = _indexes(connection)
    engine.dispose()
    async with sqlite.read() as migrated:
        assert await migrated.run_sync(_indexes) == wanted != {}


async def test_migrations_give_the_partial_index(database: Database) -> None:
    async with database.read() as connection:
        found = await connection.run_sync(_indexes)
    assert set(found) == {"ix_incidents_open_subject", "ix_incidents_open"}
    assert all("state" in condition and "'closed'" in condition for condition in found.values())


def test_the_newest_migration_is_the_one_that_a_start_looks_for() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == HEAD
