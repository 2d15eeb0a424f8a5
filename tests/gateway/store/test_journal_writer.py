"""A group whose commit got no answer stands in the journal once at the most, whatever is sent after it."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Unavailable
from gateway.store.database import Database
from gateway.store.journal import Observation, read_journal
from gateway.store.journal_writer import (
    DatabaseJournalWriter,
    JournalWriter,
    SqliteJournalWriter,
    open_journal_writer,
)
from tests.support.rows import make_observation

FIRST, LOST, OTHER = ([make_observation(number)] for number in (1, 2, 3))


def lose_answer(monkeypatch: pytest.MonkeyPatch, writer: JournalWriter, database: Database) -> None:
    """Let the next append be committed, and its answer be lost."""
    if isinstance(writer, SqliteJournalWriter):
        append = writer._append

        def append_without_answer(*arguments: Any) -> int:
            monkeypatch.setattr(writer, "_append", append)
            append(*arguments)
            raise sqlite3.OperationalError

        monkeypatch.setattr(writer, "_append", append_without_answer)
        return
    write = database.write

    @asynccontextmanager
    async def write_without_answer() -> AsyncIterator[AsyncConnection]:
        monkeypatch.setattr(database, "write", write)
        async with write() as connection:
            yield connection
        raise Unavailable("store_unavailable", "the connection broke off", "")

    monkeypatch.setattr(database, "write", write_without_answer)


async def stored(database: Database) -> list[list[Observation]]:
    return [row.observations async for row in read_journal(database)]


@pytest.mark.parametrize("direct", [True, False])
async def test_the_next_append_removes_what_had_no_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch, direct: bool
) -> None:
    """Be it the same group again or another; also where it was the first of this writer."""
    writer = open_journal_writer(database) if direct else DatabaseJournalWriter(database)
    lose_answer(monkeypatch, writer, database)
    with pytest.raises(Unavailable):
        await writer.append(LOST, 1)
    assert await stored(database) == [LOST]
    first = await writer.append(FIRST, 2)
    assert await stored(database) == [FIRST]
    lose_answer(monkeypatch, writer, database)
    with pytest.raises(Unavailable):
        await writer.append(LOST, 3)
    assert await stored(database) == [FIRST, LOST]
    lose_answer(monkeypatch, writer, database)
    with pytest.raises(Unavailable):
        await writer.append(LOST, 4)
    assert await stored(database) == [FIRST, LOST]
    last = await writer.append(OTHER, 5)
    assert await stored(database) == [FIRST, OTHER]
    assert last > first
    writer.close()


@pytest.mark.parametrize("direct", [True, False])
async def test_what_a_crash_left_without_an_answer_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch, direct: bool
) -> None:
    """Recovery counts it, and knows its repeat."""
    writer = open_journal_writer(database) if direct else DatabaseJournalWriter(database)
    lose_answer(monkeypatch, writer, database)
    with pytest.raises(Unavailable):
        await writer.append(LOST, 1)
    writer.close()
    following = open_journal_writer(database)
    await following.append(OTHER, 2)
    following.close()
    assert await stored(database) == [LOST, OTHER]
