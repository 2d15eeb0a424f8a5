"""Fixtures: an opened and migrated store, on SQLite and on PostgreSQL."""

import asyncio
import functools
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio

from gateway.settings import Settings
from gateway.store.database import Database, open_database
from gateway.store.migrate import migrate
from tests.support.postgres import PostgresServer, running_server

BACKENDS: Final = ("sqlite", "postgresql")
TEMPLATE: Final = "migrated"
"""The database of PostgreSQL that is migrated once; others are copies of it."""

_numbers = itertools.count(1)


class Backend(msgspec.Struct, frozen=True):
    """A store of one kind: `settings` open it, here or in another process."""

    name: str
    settings: Settings


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start the one PostgreSQL server of this run (of this xdist worker)."""
    with running_server() as server:
        yield server


@functools.cache
def migrated_sqlite() -> Path:
    """Migrate a store of SQLite once; tests take copies of its data directory."""
    settings = store_settings(Path(tempfile.mkdtemp(prefix="adt-store-")))
    _migrate_once(settings)
    return settings.data_directory


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Migrate a database of PostgreSQL once; return its name."""
    url = postgres_server.create(TEMPLATE)
    _migrate_once(store_settings(tmp_path_factory.mktemp("migrated"), url=url))
    return TEMPLATE


def _migrate_once(settings: Settings) -> None:
    async def run() -> None:
        database = open_database(settings)
        await migrate(database)
        await database.close()

    with ThreadPoolExecutor(1) as thread:  # a test's loop may run in this one
        thread.submit(lambda: asyncio.run(run())).result()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """Make a store of each kind: a migrated one where the test has it opened, else an empty one."""
    migrated = "database" in request.fixturenames
    if request.param == "sqlite":
        yield Backend("sqlite", store_settings(tmp_path))
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"gateway_{next(_numbers)}"
    template = (request.getfixturevalue("migrated_postgres"),) if migrated else ()
    url = server.create(name, *template)
    yield Backend("postgresql", store_settings(tmp_path, url=url))
    server.drop(name)


def store_settings(folder: Path, **store: Any) -> Settings:
    """Return settings whose data directory is in *folder*."""
    return Settings.model_validate({"data_directory": folder / "data", "store": store})


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Open and migrate a store; close it whatever happens. A new one of SQLite is a copy of a migrated one."""
    if "url" not in settings.store.model_fields_set and not settings.data_directory.exists():
        shutil.copytree(migrated_sqlite(), settings.data_directory)
    database = open_database(settings)
    try:
        await migrate(database)
        yield database
    finally:
        await database.close()


@pytest_asyncio.fixture
async def database(backend: Backend) -> AsyncIterator[Database]:
    """Open a migrated store of each kind."""
    async with opened(backend.settings) as database:
        yield database


@pytest_asyncio.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """Open a migrated SQLite store, for rules in which the kind of store has no part."""
    async with opened(store_settings(tmp_path)) as database:
        yield database
