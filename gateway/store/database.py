"""Transactions: one writer at a time, readers beside it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import CursorResult, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.errors import SettingsError, Unavailable
from gateway.settings import Settings

WRITER_LOCK: Final = 0x4144_5447
"""Number of the PostgreSQL advisory lock that orders writers ("ADTG"): the audit chain has one end."""


class Database:
    """The store's connections. `write` is a transaction that nobody else's write can overlap."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._writing = asyncio.Lock()
        self._sqlite = engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that writes; commit at the end, roll back on any exception.

        Raises `Unavailable` (`store_unavailable`) where the database is locked, full or gone.
        """
        async with self._writing, _translated(), self.engine.connect() as connection:
            await connection.execution_options(adt_gateway_write=True)
            async with connection.begin():
                if not self._sqlite:
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": WRITER_LOCK})
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that only reads one consistent state."""
        async with _translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (DBAPIError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        msg = f"the database did not do its part: {type(cause).__name__}: {cause}"
        remedy = "Look at the disk, the database and what else uses it; then repeat."
        raise Unavailable("store_unavailable", msg, remedy) from error


def inserted_id(result: CursorResult[Any]) -> int:
    """Return the number that the database gave to the row just inserted."""
    return int((result.inserted_primary_key or (0,))[0])


def open_database(settings: Settings) -> Database:
    """Open the store that *settings* name; nothing is connected yet."""
    url = make_url(settings.store_url)
    if url.get_backend_name() == "sqlite":
        return Database(_sqlite_engine(url.render_as_string(hide_password=False), Path(url.database or "")))
    if url.password:
        msg = "store.url holds a password"
        raise SettingsError("settings_invalid", msg, "Put it in a file and name that by store.password_file.")
    if settings.store.password_file:
        url = url.set(password=settings.store.password_file.read_text(encoding="utf-8").rstrip("\n"))
    options = {"isolation_level": "READ COMMITTED"}
    return Database(create_async_engine(url, pool_pre_ping=True, hide_parameters=True, **options))


def _sqlite_engine(url: str, path: Path) -> AsyncEngine:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_async_engine(url, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        # A transaction that reads and then writes cannot be upgraded once another wrote in between,
        # whatever the busy timeout: it takes the write lock at its start.
        writes = connection.get_execution_options().get("adt_gateway_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
