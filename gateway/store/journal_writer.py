"""Appends to the journal: one row, one commit, as quickly as the database can.

Where the answer to a commit is lost, the row may be there although its sender was told that it is not, and sends
the same again. So after a failure the next append first deletes, in its own transaction, what stands after the
last row that was acknowledged: no communication is in the journal twice.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import PRAGMAS, Database, inserted_id, unavailable
from gateway.store.journal import Observation, encode_group
from gateway.store.schema import journal

_INSERT: Final = "INSERT INTO journal (received_at, communications, content) VALUES (?, ?, ?)"
_NEWEST: Final = "SELECT coalesce(max(id), 0) FROM journal"
_DELETE: Final = "DELETE FROM journal WHERE id > ?"


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
        self._last: int | None = None
        self._uncertain = False

    async def append(self, observations: Sequence[Observation], now: int) -> int:
        """Commit one group."""
        content = encode_group(observations)
        row = {"received_at": now, "communications": len(observations), "content": content}
        if self._last is None:
            async with self._database.read() as connection:
                self._last = await _newest(connection)
        doubtful, self._uncertain = self._uncertain, True
        async with self._database.write() as connection:
            if doubtful:
                await connection.execute(delete(journal).where(journal.c.id > self._last))
            row_id = inserted_id(await connection.execute(insert(journal).values(row)))
        self._last, self._uncertain = row_id, False
        return row_id

    def close(self) -> None:
        """Nothing is held."""


async def _newest(connection: AsyncConnection) -> int:
    query = select(func.coalesce(func.max(journal.c.id), 0))
    return int((await connection.execute(query)).scalar_one())


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
        self._last: int | None = None
        self._uncertain = False

    async def append(self, observations: Sequence[Observation], now: int) -> int:
        """Commit one group."""
        row = (now, len(observations), encode_group(observations))
        loop = asyncio.get_running_loop()
        async with self._database.alone():
            doubtful, self._uncertain = self._uncertain, True
            try:
                row_id = await loop.run_in_executor(self._thread, self._append, row, doubtful)
            except (sqlite3.Error, OSError) as error:
                raise unavailable(error) from error
            self._last, self._uncertain = row_id, False
        return row_id

    def _append(self, row: tuple[int, int, bytes], doubtful: bool) -> int:
        connection = self._connection or self._open()
        if not doubtful:
            return int(connection.execute(_INSERT, row).lastrowid or 0)
        with connection:  # commits, or rolls back
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_DELETE, (self._last,))
            return int(connection.execute(_INSERT, row).lastrowid or 0)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        if self._last is None:
            self._last = int(connection.execute(_NEWEST).fetchone()[0])
        self._connection = connection
        return connection

    def close(self) -> None:
        """Close the connection once what is under way is written."""
        self._thread.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()
