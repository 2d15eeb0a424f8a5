"""Appends to the journal: one row, one commit, as quickly as the database can."""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import insert

from gateway.store.database import PRAGMAS, Database, inserted_id, unavailable
from gateway.store.journal import Observation, encode_group
from gateway.store.schema import journal

_INSERT: Final = "INSERT INTO journal (received_at, communications, content) VALUES (?, ?, ?)"


class JournalWriter(Protocol):
    """Writes groups; the first thing that happens to a communication, and what its sender waits for."""

    async def append(self, observations: Sequence[Observation], now: int) -> int:
        """Commit one group and return its number; raise `Unavailable` where nothing was written."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


def open_journal_writer(database: Database) -> JournalWriter:
    """Return the writer for the kind of database it is."""
    return SqliteJournalWriter(database, database.path) if database.path else DatabaseJournalWriter(database)


class DatabaseJournalWriter:
    """Writes through the store's own transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, observations: Sequence[Observation], now: int) -> int:
        """Commit one group."""
        content = encode_group(observations)
        row = {"received_at": now, "communications": len(observations), "content": content}
        async with self._database.write() as connection:
            return inserted_id(await connection.execute(insert(journal).values(row)))

    def close(self) -> None:
        """Nothing is held."""


class SqliteJournalWriter:
    """Writes over a connection and a thread of its own: one hop to the thread and back for each commit.

    The store's asynchronous connection takes several hops for a transaction, each of which costs more than
    SQLite does. Both stand behind the same lock, so neither waits for the other inside SQLite.
    """

    def __init__(self, database: Database, path: Path) -> None:
        self._database = database
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._connection: sqlite3.Connection | None = None

    async def append(self, observations: Sequence[Observation], now: int) -> int:
        """Commit one group."""
        row = (now, len(observations), encode_group(observations))
        loop = asyncio.get_running_loop()
        async with self._database.alone():
            try:
                return await loop.run_in_executor(self._thread, self._append, row)
            except (sqlite3.Error, OSError) as error:
                raise unavailable(error) from error

    def _append(self, row: tuple[int, int, bytes]) -> int:
        if self._connection is None:
            self._connection = self._open()
        return int(self._connection.execute(_INSERT, row).lastrowid or 0)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def close(self) -> None:
        """Close the connection once what is under way is written."""
        self._thread.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()
