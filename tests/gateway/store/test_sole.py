"""Two daemons on one database of PostgreSQL would each count what it gets: the second does not start."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from gateway import tasks
from gateway.errors import Conflict, Unavailable
from gateway.health import Health
from gateway.settings import Settings
from gateway.store import sole as module
from gateway.store.database import open_database
from gateway.store.sole import DAEMON_LOCK, Sole
from tests.support.databases import store_settings
from tests.support.postgres import PostgresServer

_END = text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = :n")


@pytest_asyncio.fixture
async def shared(
    postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Settings]:
    """Make a database for two, and let them wait less than in earnest."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(module, "TRY_SECONDS", 0.02)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    url = postgres_server.create("sole")
    yield store_settings(tmp_path, url=url)
    postgres_server.drop("sole")


@asynccontextmanager
async def daemon(settings: Settings) -> AsyncIterator[Sole]:
    database = open_database(settings)
    sole = Sole(database)
    try:
        yield sole
    finally:
        await sole.close()
        await database.close()


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not look():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.02)


async def test_the_second_is_refused_and_starts_once_the_first_has_ended(shared: Settings) -> None:
    async with daemon(shared) as first, daemon(shared) as second:
        await first.take()
        with pytest.raises(Conflict) as refused:
            await second.take()
        assert refused.value.code == "daemon_running"
        async with asyncio.TaskGroup() as group:
            tasks.start(group, "second", second.take())
            await first.close()


async def test_a_lock_that_was_lost_with_its_session_is_taken_again(shared: Settings) -> None:
    """And where another daemon has it by then, the first is not ready until it is gone."""
    health = Health()
    async with daemon(shared) as first, daemon(shared) as second:
        await first.take()
        async with second._database.engine.connect() as connection:
            await connection.execute(_END, {"n": DAEMON_LOCK})
        await second.take()
        async with asyncio.TaskGroup() as group:
            watch = tasks.start(group, "watch", first.watch(health))
            await until(lambda: bool(health.parts))
            (part,) = health.parts
            assert (part.part, part.works, part.needed) == ("alone", False, True)
            await second.close()
            await until(lambda: health.ready)
            watch.cancel()
        with pytest.raises(Conflict):
            await second.take()


async def test_without_its_database_nobody_is_said_to_be_running(tmp_path: Path) -> None:
    async with daemon(store_settings(tmp_path, url="postgresql+asyncpg://u@127.0.0.1:1/d")) as sole:
        with pytest.raises(Unavailable):
            await sole.take()


async def test_a_file_of_sqlite_is_guarded_by_its_folder(tmp_path: Path) -> None:
    async with daemon(store_settings(tmp_path)) as first, daemon(store_settings(tmp_path)) as second:
        assert not first.is_needed
        await first.take()
        await second.take()
