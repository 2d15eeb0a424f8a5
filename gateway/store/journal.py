"""The journal: what arrived, in groups, before it is acknowledged. No communication is in it twice."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.schema import counted, digests, journal
from thresholds.model import Communication

PAGE: Final = 2000
"""Journal rows read at once."""
PAGE_COMMUNICATIONS: Final = 20_000
"""Communications read at once: a row has up to 5,000 of them."""


class Observation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A communication and when it was seen, both in milliseconds since the epoch."""

    communication: Communication
    observed_at_ms: int
    """When the sender says that it was sent (its arrival where it says nothing)."""
    received_at_ms: int
    """When it arrived here."""


class JournalRow(msgspec.Struct, frozen=True):
    """One group commit."""

    id: int
    received_at: int
    observations: list[Observation]


class Counted(msgspec.Struct, frozen=True):
    """How far the count had come when it last put something on record."""

    journal_id: int
    """The newest group that was counted."""
    evaluated_at: int
    """The second up to which episodes were decided."""

    def covers(self, row: JournalRow) -> bool:
        """Tell whether *row* was counted for certain (an emptied journal may use a number again)."""
        return row.id <= self.journal_id and row.received_at <= self.evaluated_at


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Observation]).decode


def encode_group(observations: Sequence[Observation]) -> bytes:
    """Return the content of one journal row."""
    return _encode(observations)


def decode_group(content: bytes) -> list[Observation]:
    """Return the observations of one journal row."""
    return _decode(content)


async def newest_group(connection: AsyncConnection) -> JournalRow | None:
    """Return the last group that was committed."""
    row = (await connection.execute(select(journal).order_by(journal.c.id.desc()).limit(1))).one_or_none()
    return JournalRow(row.id, row.received_at, _decode(row.content)) if row else None


async def latest_arrival(connection: AsyncConnection, until: int) -> int:
    """Return when the last group up to second *until* arrived; 0 where there is none.

    That need not be the newest group: while the clock was set back, later ones were given earlier times.
    """
    found = [
        (await connection.execute(select(func.max(column)).where(column <= until))).scalar_one() or 0
        for column in (journal.c.received_at, digests.c.received_until)
    ]
    return max(found)


async def count_groups(connection: AsyncConnection) -> int:
    """Return how many groups there are, told by their numbers: to count them would read them all."""
    query = select(func.min(journal.c.id), func.max(journal.c.id))
    oldest, newest = (await connection.execute(query)).one()
    return 0 if newest is None else int(newest - oldest + 1)


async def read_page(connection: AsyncConnection, after: int, last: int | None = None) -> list[JournalRow]:
    """Return the first groups after number *after*, up to number *last*: as many as are well read at once."""
    found = await _read_contents(connection, after, last)
    return [JournalRow(number, received_at, _decode(content)) for number, received_at, content in found]


async def _read_contents(
    connection: AsyncConnection, after: int, last: int | None
) -> list[tuple[int, int, bytes]]:
    query = select(journal.c.id, journal.c.communications).where(_between(after, last))
    rows = (await connection.execute(query.order_by(journal.c.id).limit(PAGE))).all()
    if not rows:
        return []
    until, total = rows[0].id, 0
    for row in rows:
        total += row.communications
        if total > PAGE_COMMUNICATIONS:
            break
        until = row.id
    contents = select(journal.c.id, journal.c.received_at, journal.c.content).where(_between(after, until))
    found = await connection.execute(contents.order_by(journal.c.id))
    return [(number, received_at, content) for number, received_at, content in found]


async def read_journal(
    database: Database, after: int = 0, last: int | None = None
) -> AsyncIterator[JournalRow]:
    """Yield the groups after number *after*, up to number *last*, in order."""
    while True:
        async with database.read() as connection:
            page = await read_page(connection, after, last)
        for row in page:
            yield row
        if not page:
            return
        after = page[-1].id


async def read_contents(database: Database, after: int) -> AsyncIterator[list[bytes]]:
    """Yield the groups after number *after* as they are kept, a page at a time: to be decoded in a thread."""
    while True:
        async with database.read() as connection:
            page = await _read_contents(connection, after, None)
        if not page:
            return
        yield [content for _, _, content in page]
        after = page[-1][0]


def _between(after: int, last: int | None) -> ColumnElement[bool]:
    later = journal.c.id > after
    return later if last is None else and_(later, journal.c.id <= last)


async def oldest_received(connection: AsyncConnection, after: int) -> int | None:
    """Return when the first group after number *after* was received."""
    query = select(journal.c.received_at).where(journal.c.id > after).order_by(journal.c.id).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def keep_counted(connection: AsyncConnection, progress: Counted) -> None:
    """Keep how far the count has come, in the transaction that records what it found."""
    await connection.execute(
        update(counted).values(journal_id=progress.journal_id, evaluated_at=progress.evaluated_at)
    )


async def read_counted(connection: AsyncConnection) -> Counted:
    """Return how far the count had come."""
    row = (await connection.execute(select(counted.c.journal_id, counted.c.evaluated_at))).one()
    return Counted(*row)


async def prune_journal(connection: AsyncConnection, until: int, before: int, limit: int) -> int:
    """Delete at most *limit* groups up to number *until* received before second *before*; return how many.

    The newest group always stays: SQLite would give its number to the next one.
    """
    newest = select(func.max(journal.c.id)).scalar_subquery()
    old = and_(journal.c.id <= until, journal.c.id < newest, journal.c.received_at < before)
    chosen = select(journal.c.id).where(old).order_by(journal.c.id).limit(limit)
    result = await connection.execute(delete(journal).where(journal.c.id.in_(chosen)))
    return int(result.rowcount)
