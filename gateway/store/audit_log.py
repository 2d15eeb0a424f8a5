"""The audit chain in the store: appended inside the caller's transaction."""

from collections.abc import AsyncIterator

import msgspec
from sqlalchemy import LargeBinary, cast, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.record import AuditRecord, Entry, append
from gateway.clock import to_text
from gateway.store.database import Database
from gateway.store.schema import audit_records

PAGE = 1000
"""Records read at once: a chain of any length needs little memory."""


async def last_record(connection: AsyncConnection) -> AuditRecord | None:
    """Return the end of the chain."""
    table = audit_records.c
    query = select(table.number, table.body, table.hash).order_by(table.number.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return AuditRecord(*row) if row else None


async def append_record(connection: AsyncConnection, entry: Entry, now: float) -> AuditRecord:
    """Append *entry* to the chain within the transaction of *connection*."""
    record = append(await last_record(connection), entry, to_text(now))
    await connection.execute(
        insert(audit_records).values(
            number=record.number, subject=entry.subject, body=record.body, hash=record.hash
        )
    )
    return record


async def newest_records(connection: AsyncConnection, subject: str, limit: int) -> list[AuditRecord]:
    """Return the last *limit* records of *subject*, the newest first."""
    table = audit_records.c
    query = select(table.number, cast(table.body, LargeBinary), table.hash).where(table.subject == subject)
    return [
        AuditRecord(*row)
        for row in await connection.execute(query.order_by(table.number.desc()).limit(limit))
    ]


class Ends(msgspec.Struct, frozen=True):
    """The first and the last records of a subject: all of them where there are no more."""

    records: list[AuditRecord]
    """In order."""
    left_out: int
    """How many more there are between the first half of them and the last."""


async def ends_of(connection: AsyncConnection, subject: str, limit: int) -> Ends:
    """Return up to *limit* records of *subject*, an even number: the first half of them and the newest half."""
    table, half = audit_records.c, limit // 2
    count = select(func.count()).select_from(audit_records).where(table.subject == subject)
    newest = (await newest_records(connection, subject, limit))[::-1]
    if len(newest) < limit:
        return Ends(newest, 0)
    query = select(table.number, cast(table.body, LargeBinary), table.hash).where(table.subject == subject)
    first = [AuditRecord(*row) for row in await connection.execute(query.order_by(table.number).limit(half))]
    last = [record for record in newest[-half:] if record.number > first[-1].number]
    return Ends([*first, *last], int((await connection.execute(count)).scalar_one()) - len(first) - len(last))


async def read_records(
    database: Database, after: int = 0, limit: int = PAGE, subject: str | None = None
) -> list[AuditRecord]:
    """Return up to *limit* records with numbers above *after*, in order."""
    table = audit_records.c
    # SQLite keeps text where somebody wrote it instead of bytes: it is read as bytes, to be found wrong.
    body = cast(table.body, LargeBinary)
    query = select(table.number, body, table.hash).where(table.number > after)
    if subject is not None:
        query = query.where(table.subject == subject)
    async with database.read() as connection:
        rows = await connection.execute(query.order_by(table.number).limit(limit))
        return [AuditRecord(*row) for row in rows]


async def all_records(database: Database) -> AsyncIterator[AuditRecord]:
    """Yield the whole chain in order."""
    after = 0
    while page := await read_records(database, after):
        for record in page:
            yield record
        after = page[-1].number
