"""The journal: what arrived, in groups, before it is acknowledged."""

from collections.abc import AsyncIterator, Sequence

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.schema import counted, journal
from thresholds.model import Communication

PAGE = 50
"""Journal rows read at once: of up to 5,000 communications each."""


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


async def newest_group(connection: AsyncConnection) -> JournalRow | None:
    """Return the last group that was committed."""
    row = (await connection.execute(select(journal).order_by(journal.c.id.desc()).limit(1))).one_or_none()
    return JournalRow(row.id, row.received_at, _decode(row.content)) if row else None


async def latest_arrival(connection: AsyncConnection, until: int) -> int:
    """Return when the last group up to second *until* arrived; 0 where there is none.

    That need not be the newest group: while the clock was set back, later ones were given earlier times.
    """
    query = select(func.max(journal.c.received_at)).where(journal.c.received_at <= until)
    return (await connection.execute(query)).scalar_one() or 0


async def count_groups(connection: AsyncConnection) -> int:
    """Return how many groups there are, told by their numbers: to count them would read them all."""
    query = select(func.min(journal.c.id), func.max(journal.c.id))
    oldest, newest = (await connection.execute(query)).one()
    return 0 if newest is None else int(newest - oldest + 1)


async def read_journal(database: Database, since: int, last: int | None = None) -> AsyncIterator[JournalRow]:
    """Yield the groups received at or after *since* (seconds since the epoch), up to number *last*, in order."""
    after = 0
    while True:
        query = select(journal).where(journal.c.id > after, journal.c.received_at >= since)
        if last is not None:
            query = query.where(journal.c.id <= last)
        async with database.read() as connection:
            rows = (await connection.execute(query.order_by(journal.c.id).limit(PAGE))).all()
        for row in rows:
            yield JournalRow(row.id, row.received_at, _decode(row.content))
        if not rows:
            return
        after = rows[-1].id


async def keep_counted(connection: AsyncConnection, progress: Counted) -> None:
    """Keep how far the count has come, in the transaction that records what it found."""
    await connection.execute(
        update(counted).values(journal_id=progress.journal_id, evaluated_at=progress.evaluated_at)
    )


async def read_counted(connection: AsyncConnection) -> Counted:
    """Return how far the count had come."""
    row = (await connection.execute(select(counted.c.journal_id, counted.c.evaluated_at))).one()
    return Counted(*row)


async def prune_journal(connection: AsyncConnection, now: int, keep_seconds: int) -> int:
    """Delete the groups more than *keep_seconds* older than *now*; return how many.

    Where the clock runs ahead, the newest group says what time it is: a wrong clock must not empty the journal.
    """
    newest = (await connection.execute(select(func.max(journal.c.received_at)))).scalar_one()
    before = min(now, newest or now) - keep_seconds
    result = await connection.execute(delete(journal).where(journal.c.received_at < before))
    return int(result.rowcount)
