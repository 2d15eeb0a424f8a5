"""Digests: what about a minute of the journal came to, so that a restart need not read the groups again."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.places import Places, unpack
from gateway.store.schema import counted, digests, kinds
from thresholds.kind import Kind
from thresholds.model import CommunicationClass, UserId


class Folded(msgspec.Struct, frozen=True):
    """How far the journal is folded."""

    seed: int
    """Keys the fingerprints."""
    journal_id: int
    """The last group that is in a digest."""
    history_until: int
    """The second up to which the counts are in the history: a whole minute."""


class Digest(msgspec.Struct, frozen=True):
    """Some groups of the journal, up to number *journal_id*."""

    journal_id: int
    received_from: int
    received_until: int
    placed_from: int
    placed_until: int
    communications: int
    places: bytes
    """`gateway.store.places.pack`"""
    fingerprints: bytes
    """Of every communication."""


async def read_folded(connection: AsyncConnection) -> Folded:
    """Return how far the journal is folded."""
    row = (
        await connection.execute(select(counted.c.seed, counted.c.folded_id, counted.c.history_until))
    ).one()
    return Folded(*row)


async def keep_history_until(connection: AsyncConnection, second: int) -> None:
    """Keep up to when the counts are in the history."""
    await connection.execute(update(counted).values(history_until=second))


async def add_digest(connection: AsyncConnection, digest: Digest, new_kinds: Mapping[Kind, int]) -> None:
    """Keep a digest, the kinds that it numbers first, and how far the journal is folded with it."""
    if new_kinds:
        names = ("user_id", "communication_class", "service_reference", "service_reference_variant")
        rows = [{"id": number} | dict(zip(names, kind, strict=True)) for kind, number in new_kinds.items()]
        await connection.execute(insert(kinds), rows)
    await connection.execute(insert(digests).values(msgspec.structs.asdict(digest)))
    await connection.execute(update(counted).values(folded_id=digest.journal_id))


async def read_kinds(connection: AsyncConnection) -> dict[Kind, int]:
    """Return the number of every kind."""
    rows = await connection.execute(select(kinds))
    return {
        (UserId(user), CommunicationClass(name), ref, srv): number for number, user, name, ref, srv in rows
    }


async def kinds_of(connection: AsyncConnection, users: Collection[str]) -> dict[int, Kind]:
    """Return every kind of these User IDs by its number."""
    rows = await connection.execute(select(kinds).where(kinds.c.user_id.in_(users)))
    return {
        number: (UserId(user), CommunicationClass(name), ref, srv) for number, user, name, ref, srv in rows
    }


async def digest_numbers(connection: AsyncConnection, where: ColumnElement[bool]) -> list[int]:
    """Return the digests of which *where* holds, oldest first."""
    query = select(digests.c.journal_id).where(where).order_by(digests.c.journal_id)
    return list((await connection.execute(query)).scalars())


async def read_places(connection: AsyncConnection, numbers: Iterable[int]) -> AsyncIterator[Places]:
    """Yield the places of digests, one at a time."""
    for number in numbers:
        query = select(digests.c.places).where(digests.c.journal_id == number)
        yield unpack((await connection.execute(query)).scalar_one())


async def read_fingerprints(
    connection: AsyncConnection, where: ColumnElement[bool]
) -> AsyncIterator[tuple[int, bytes]]:
    """Yield when the last of a digest was received, and its fingerprints."""
    for number in await digest_numbers(connection, where):
        query = select(digests.c.received_until, digests.c.fingerprints)
        row = (await connection.execute(query.where(digests.c.journal_id == number))).one()
        yield row.received_until, row.fingerprints


async def newest_received(connection: AsyncConnection) -> int | None:
    """Return when the last group that is in a digest was received."""
    query = select(digests.c.received_until).order_by(digests.c.journal_id.desc()).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def first_placed(connection: AsyncConnection) -> int | None:
    """Return the first second at which something in a digest counted."""
    first: int | None = (await connection.execute(select(func.min(digests.c.placed_from)))).scalar_one()
    return first


async def placed_span(connection: AsyncConnection, where: ColumnElement[bool]) -> list[int]:
    """Return the first and the last second at which something counted in the digests of which *where* holds."""
    query = select(func.min(digests.c.placed_from), func.max(digests.c.placed_until)).where(where)
    return [second for second in (await connection.execute(query)).one() if second is not None]


async def count_digests(connection: AsyncConnection) -> int:
    """Return how many digests there are."""
    return int((await connection.execute(select(func.count()).select_from(digests))).scalar_one())


async def prune_digests(database: Database, received_before: int, limit: int) -> int:
    """Delete at most *limit* digests received before that second whose minutes are in the history.

    The newest stays: it says when the last group was received.
    """
    async with database.write() as connection:
        until = (await read_folded(connection)).history_until
        newest = select(func.max(digests.c.journal_id)).scalar_subquery()
        old = and_(digests.c.received_until < received_before, digests.c.placed_until < until)
        chosen = select(digests.c.journal_id).where(old, digests.c.journal_id < newest).limit(limit)
        result = await connection.execute(delete(digests).where(digests.c.journal_id.in_(chosen)))
        return int(result.rowcount)


def placed_within(first: int, end: int) -> ColumnElement[bool]:
    """Hold for digests with something placed from second *first* to before *end*."""
    return and_(digests.c.placed_until >= first, digests.c.placed_from < end)


def received_from(second: int) -> ColumnElement[bool]:
    """Hold for digests with something received at *second* or later."""
    return digests.c.received_until >= second
