"""Audit records looked for in the bytes that are hashed: no column beside them can hide one.

The keys of canonical JSON stand in order, so a record begins with `{"action":…,"actor":…,"at":…`; values cannot
hold a bare quotation mark, so the first of each pattern is the record's own.
"""

from typing import Any, Final

import msgspec
import rfc8785
from sqlalchemy import ColumnElement, LargeBinary, and_, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.record import AuditRecord
from gateway.store.schema import audit_records

_AT: Final = b',"at":"'
_SECONDS: Final = len("2026-12-01T00:00:00")


class RecordFilter(msgspec.Struct, frozen=True):
    """Which records are wanted; what is empty does not matter."""

    subject: str = ""
    """Such as `incident/5`, or `incident` for all of them."""
    action: str = ""
    """Such as `adt_file.approved`, or the beginning of one."""
    actor: str = ""
    first: int = 1
    """Number of the first record that may be found."""
    last: int = 2**31 - 1
    since: str = ""
    """RFC 3339 in UTC without fractions of a second: found are records from then on."""
    until: str = ""
    """Found are records before then."""


class Bytes:
    """The two things that are asked of bytes, in the words of each database."""

    def __init__(self, dialect: str) -> None:
        self._sqlite = dialect == "sqlite"
        # SQLite keeps text where somebody wrote it instead of bytes.
        self.body: ColumnElement[Any] = cast(audit_records.c.body, LargeBinary)

    def place(self, needle: bytes) -> ColumnElement[int]:
        """Return where *needle* first stands in the body, from 1; 0 where it does not."""
        wanted = literal(needle, LargeBinary)
        return func.instr(self.body, wanted) if self._sqlite else func.position(wanted.op("IN")(self.body))

    def part(self, start: ColumnElement[int] | int, length: int) -> ColumnElement[bytes]:
        """Return *length* octets of the body from *start*, which counts from 1."""
        return func.substr(self.body, start, length, type_=LargeBinary)


def _conditions(wanted: RecordFilter, octets: Bytes) -> list[ColumnElement[bool]]:
    table = audit_records.c
    found: list[ColumnElement[bool]] = [table.number.between(wanted.first, wanted.last)]
    if wanted.subject:
        below = table.subject.startswith(f"{wanted.subject}/", autoescape=True)
        found.append(or_(table.subject == wanted.subject, below))
    if wanted.action:
        begin = b'{"action":' + rfc8785.dumps(wanted.action)[:-1]
        found.append(octets.part(1, len(begin)) == begin)
    if wanted.actor:
        pattern = b',"actor":' + rfc8785.dumps(wanted.actor) + _AT
        found.append(and_(octets.place(pattern) > 0, octets.place(pattern) < octets.place(_AT)))
    at = octets.part(octets.place(_AT) + len(_AT), _SECONDS)
    if wanted.since:
        found.append(at >= wanted.since.encode())
    if wanted.until:
        found.append(at < wanted.until.encode())
    return found


async def search_records(
    connection: AsyncConnection, wanted: RecordFilter, limit: int, before: int | None = None
) -> list[AuditRecord]:
    """Return up to *limit* of the records that match, the newest first; only those numbered below *before*."""
    octets = Bytes(connection.dialect.name)
    table = audit_records.c
    query = select(table.number, octets.body, table.hash).where(*_conditions(wanted, octets))
    if before is not None:
        query = query.where(table.number < before)
    rows = await connection.execute(query.order_by(table.number.desc()).limit(limit))
    return [AuditRecord(*row) for row in rows]


async def newest_of(
    connection: AsyncConnection, subject: str, action: str, after: int, among: int, limit: int
) -> list[AuditRecord]:
    """Return up to *limit* records of one *subject* and one whole *action* numbered above *after*, the newest first.

    They are looked for among the newest *among* records of the subject: what is read is bounded.
    """
    octets, table = Bytes(connection.dialect.name), audit_records.c
    newest = (
        select(table.number, octets.body.label("body"), table.hash)
        .where(table.subject == subject, table.number > after)
        .order_by(table.number.desc())
        .limit(among)
        .subquery()
    )
    begin = b'{"action":' + rfc8785.dumps(action) + b","
    begins = func.substr(newest.c.body, 1, len(begin), type_=LargeBinary) == begin
    query = select(newest).where(begins).order_by(newest.c.number.desc()).limit(limit)
    return [AuditRecord(*row) for row in await connection.execute(query)]


async def get_record(connection: AsyncConnection, number: int) -> AuditRecord | None:
    """Return one record; None where the chain has none of that number."""
    found = await search_records(connection, RecordFilter(first=number, last=number), 1)
    return found[0] if found else None


async def count_records(connection: AsyncConnection) -> int:
    """Return how many records there are."""
    query = select(func.count()).select_from(audit_records)
    return int((await connection.execute(query)).scalar_one())
