"""Transactions: whole or not at all, one writer at a time, one consistent state for each reader."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from gateway.audit.record import Entry
from gateway.errors import SettingsError, StoreRefused, Unavailable
from gateway.store.audit_log import append_record
from gateway.store.database import WRITER_LOCK, Database, open_database
from gateway.store.people import insert_person, list_people
from gateway.store.people_schema import access_tokens, people
from gateway.store.schema import audit_records
from tests.support.databases import Backend, opened, store_settings
from tests.support.full_disk import fill, small_disk
from tests.support.postgres import PostgresServer


async def record_person(connection: AsyncConnection, name: str) -> None:
    """One step and its audit record."""
    await insert_person(connection, name, (), 0)
    await append_record(connection, Entry("root", "person.added", f"person/{name}"), 0)


async def counts(database: Database) -> tuple[int, int]:
    """How many people and how many audit records there are."""
    async with database.read() as connection:
        tables = (people, audit_records)
        found = [await connection.scalar(select(func.count()).select_from(table)) for table in tables]
    return int(found[0] or 0), int(found[1] or 0)


async def test_a_failure_leaves_neither_the_step_nor_its_record(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as connection:
            await record_person(connection, "ann")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await counts(database) == (0, 0)
    async with database.write() as connection:
        await record_person(connection, "ann")
    assert await counts(database) == (1, 1)


async def test_a_cancelled_write_leaves_nothing_and_frees_the_store(database: Database) -> None:
    inside = asyncio.Event()

    async def write_and_wait() -> None:
        async with database.write() as connection:
            await record_person(connection, "ann")
            inside.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(write_and_wait())
        await inside.wait()
        task.cancel()
    async with database.write() as connection:
        await record_person(connection, "bob")
    assert await counts(database) == (1, 1)


async def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    async with database.read() as connection:
        before = await list_people(connection)
        async with database.write() as writer:
            await record_person(writer, "ann")
        assert await list_people(connection) == before == []
    assert await counts(database) == (1, 1)


async def test_a_constraint_broken_is_a_refusal_that_does_not_show_the_row(database: Database) -> None:
    async def add_twice() -> None:
        async with database.write() as connection:
            values = {"name": "secret-name", "roles": "secret-role", "created_at": 0}
            await connection.execute(insert(people).values(values))
            await connection.execute(insert(people).values(values))

    with pytest.raises(StoreRefused) as caught:
        await add_twice()
    assert caught.value.code == "store_refused"
    assert "secret" not in str(caught.value)
    assert await counts(database) == (0, 0)


@pytest.mark.parametrize(
    "values",
    [
        {"person_id": 7, "sha256": "0" * 64, "roles": "", "created_at": 0},
        {"person_id": 1, "sha256": "0" * 64, "roles": None, "created_at": 0},
    ],
    ids=["foreign key", "not null"],
)
async def test_a_rule_of_a_table_is_no_trouble_that_passes(
    values: dict[str, Any], database: Database
) -> None:
    async with database.write() as connection:
        await record_person(connection, "ann")

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(insert(access_tokens).values(values))

    with pytest.raises(StoreRefused) as caught:
        await write()
    assert "breaks a rule" in caught.value.message
    assert await counts(database) == (1, 1)


async def test_sqlite_is_durable_and_keeps_foreign_keys(sqlite: Database) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    async with sqlite.read() as connection:
        found = {name: await connection.scalar(text(f"PRAGMA {name}")) for name in wanted}
    assert found == wanted


def mode(path: Path) -> int:
    """Return the permissions of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


async def test_only_the_daemon_may_read_the_sqlite_file(sqlite: Database) -> None:
    path = Path(sqlite.engine.url.database or "")
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


@asynccontextmanager
async def locked_by_another(backend: Backend) -> AsyncIterator[None]:
    """Hold the writer's lock on a connection of another."""
    if backend.name == "sqlite":
        with closing(sqlite3.connect(backend.settings.data_directory / "gateway.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            return
    engine = create_async_engine(backend.settings.store_url)
    async with engine.begin() as connection:
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"))
        yield
    await engine.dispose()


async def test_a_store_locked_by_another_is_unavailable_and_recovers(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.database.LOCK_MILLISECONDS", 100)
    async with opened(backend.settings) as database:
        async with locked_by_another(backend), asyncio.timeout(30):
            with pytest.raises(Unavailable, match="lock") as caught:
                await _write_much(database)
            assert caught.value.code == "store_unavailable"
            assert await counts(database) == (0, 0)
        await _write_much(database)
        assert await counts(database) == (200, 200)


async def test_writers_of_one_process_wait_for_each_other_however_long(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is for locks of other processes: our own writers queue."""
    monkeypatch.setattr("gateway.store.database.LOCK_MILLISECONDS", 1)
    async with opened(backend.settings) as database:

        async def slow(number: int) -> None:
            async with database.write() as connection:
                await record_person(connection, f"person-{number}")
                await asyncio.sleep(0.05)

        await asyncio.gather(*(slow(number) for number in range(4)))
        assert await counts(database) == (4, 4)


async def test_reading_goes_on_while_another_holds_the_write_lock(database: Database) -> None:
    async with database.write() as connection:
        await record_person(connection, "ann")
        assert await counts(database) == (0, 0)


async def test_a_full_disk_is_unavailable_and_nothing_is_half_done(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2048) as disk:
        async with opened(store_settings(disk)) as database:
            async with database.write() as connection:
                await record_person(connection, "ann")
            filler = fill(disk)
            with pytest.raises(Unavailable, match="full"):
                await _write_much(database)
            assert await counts(database) == (1, 1)
            filler.unlink()
            await _write_much(database)
            assert await counts(database) == (201, 201)


async def _write_much(database: Database) -> None:
    async with database.write() as connection:
        for number in range(200):
            await record_person(connection, f"person-{number}")


async def test_a_server_that_went_away_is_unavailable_and_comes_back(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.create("restarted")
    async with opened(store_settings(tmp_path, url=url)) as database:
        async with database.write() as connection:
            await record_person(connection, "ann")
        postgres_server.stop()
        try:
            with pytest.raises(Unavailable):
                await counts(database)
            with pytest.raises(Unavailable):
                await _write_much(database)
        finally:
            postgres_server.start()
        assert await counts(database) == (1, 1)
        await _write_much(database)
        assert await counts(database) == (201, 201)


async def test_a_server_that_dies_inside_a_transaction_leaves_nothing(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.create("died")
    async with opened(store_settings(tmp_path, url=url)) as database:

        async def die_inside() -> None:
            async with database.write() as connection:
                await record_person(connection, "ann")
                postgres_server.stop()

        try:
            with pytest.raises(Unavailable):
                await die_inside()
        finally:
            postgres_server.start()
        assert await counts(database) == (0, 0)


async def test_who_vanished_within_a_transaction_keeps_nobody_from_writing(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.database.IDLE_MILLISECONDS", 500)
    url = postgres_server.create("vanished")
    settings = store_settings(tmp_path, url=url)
    async with opened(settings) as vanished, opened(settings) as successor:
        settled: list[int] = []

        async def vanish() -> None:
            async with vanished.write() as connection:
                await record_person(connection, "ann")
                await successor.settle()
                settled.append(1)

        with pytest.raises(Unavailable):
            await vanish()
        assert settled == [1]
        assert await counts(successor) == (0, 0)
    postgres_server.drop("vanished")


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    settings = store_settings(tmp_path)
    settings.data_directory.mkdir()
    (settings.data_directory / "gateway.sqlite").write_bytes(b"no database" * 1000)
    database = open_database(settings)
    with pytest.raises(Unavailable, match="not a database"):
        await counts(database)
    await database.close()


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands where the folder should")
    with pytest.raises(Unavailable) as caught:
        open_database(store_settings(tmp_path))
    assert caught.value.code == "store_unavailable"


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    settings = store_settings(tmp_path, url="postgresql+asyncpg://u@h/d", password_file=missing)
    with pytest.raises(SettingsError, match=r"store\.password_file") as caught:
        open_database(settings)
    assert str(missing) in caught.value.message


async def test_the_password_comes_from_its_file_and_shows_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter-two\n")
    settings = store_settings(tmp_path, url="postgresql+asyncpg://u@h/d", password_file=file)
    database = open_database(settings)
    assert database.engine.url.password == "hunter-two"
    assert "hunter" not in repr(database.engine) + str(database.engine.url) + repr(settings)
    await database.close()


def test_a_url_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"store\.url"):
        open_database(store_settings(tmp_path, url="postgresql+asyncpg://host:port/name"))


async def test_a_pool_without_a_free_connection_is_unavailable(backend: Backend) -> None:
    database = open_database(backend.settings)
    small = Database(create_async_engine(database.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.05))
    async with small.read():
        with pytest.raises(Unavailable):
            async with small.read():
                pytest.fail("a second connection was given")
    await small.close()
    await database.close()
