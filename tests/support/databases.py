"""Fixtures: an opened and migrated store, on SQLite and on PostgreSQL."""

import itertools
from collections.abc import AsyncIterator, Iterator
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

_numbers = itertools.count(1)


class Backend(msgspec.Struct, frozen=True):
    """An empty store of one kind: `settings` open it, here or in another process."""

    name: str
    settings: Settings


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start the one PostgreSQL server of this run (of this xdist worker)."""
    with running_server() as server:
        yield server


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """Make an empty store of each kind."""
    if request.param == "sqlite":
        yield Backend("sqlite", store_settings(tmp_path))
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"gateway_{next(_numbers)}"
    url = server.create(name)
    yield Backend("postgresql", store_settings(tmp_path, url=url))
    server.drop(name)


def store_settings(folder: Path, **store: Any) -> Settings:
    """Return settings whose data directory is in *folder*."""
    return Settings.model_validate({"data_directory": folder / "data", "store": store})


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Open and migrate a store; close it whatever happens."""
    database = open_database(settings)
    try:
        await migrate(database)
        yield database
    finally:
        await database.close()


@pytest_asyncio.fixture
async def database(backend: Backend) -> AsyncIterator[Database]:
    """Open and migrate a store of each kind."""
    async with opened(backend.settings) as database:
        yield database


@pytest_asyncio.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """Open and migrate a SQLite store, for rules in which the kind of store has no part."""
    async with opened(store_settings(tmp_path)) as database:
        yield database
