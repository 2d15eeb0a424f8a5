"""Looks up when requests were seen leaving: among those in excess, in the journal, and in its digests.

No table of all requests is kept for it. Requests in excess have their exact time; the journal has that of the last
minutes; a digest has the fingerprint of each request of about a minute, and so the minute.
"""

import asyncio
from collections.abc import Collection, Iterable
from typing import Final

import msgspec
from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ingest.dcc.matching import PassedLevel, Sighting
from gateway.ingest.deduplication import fingerprint_of, found_in
from gateway.store.database import Database
from gateway.store.digests import read_folded
from gateway.store.journal import JournalRow, read_journal
from gateway.store.schema import digests, episodes, excess, journal
from thresholds.catalogue import load_catalogue
from thresholds.model import CommunicationClass, Level

CLASSES: Final = tuple(name.value for name in CommunicationClass)

Seen = dict[str, list[Sighting]]
"""Sightings by RequestID."""


class Looked(msgspec.Struct, frozen=True):
    """What was found of some requests."""

    seen: Seen
    passed: list[PassedLevel]
    """Episodes at quarantine level of their User IDs in the time that is looked at."""


async def look_up(database: Database, request_ids: Collection[str], since: int) -> Looked:
    """Return the sightings of *request_ids* from second *since* on, and what was passed meanwhile."""
    wanted = set(request_ids)
    async with database.read() as connection:
        seen = await _in_excess(connection, wanted)
        passed = await _passed(connection, {request_id[:23] for request_id in wanted}, since)
        folded = await read_folded(connection)
    left = wanted - seen.keys()
    if left:
        async for row in read_journal(database, folded.journal_id):
            for request_id, sighting in await asyncio.to_thread(_in_row, row, left):
                seen.setdefault(request_id, []).append(sighting)
        left -= seen.keys()
    if left:
        for request_id, sighting in await _in_digests(database, left, folded.seed, since):
            seen.setdefault(request_id, []).append(sighting)
    return Looked(seen, passed)


async def known_since(connection: AsyncConnection, since: int, now: int) -> int:
    """Return from which second on it is known what left, *since* or later; *now* where nothing was seen leaving."""
    firsts = [
        (await connection.execute(select(func.min(column)))).scalar_one()
        for column in (digests.c.received_from, journal.c.received_at)
    ]
    return max(since, min((first for first in firsts if first is not None), default=now))


async def _in_excess(connection: AsyncConnection, wanted: set[str]) -> Seen:
    query = (
        select(
            excess.c.request_id,
            excess.c.communication_class,
            excess.c.observed_at_ms,
            excess.c.episode_id,
            episodes.c.level,
            episodes.c.service,
        )
        .join(episodes, episodes.c.id == excess.c.episode_id)
        .where(excess.c.request_id.in_(wanted))
    )
    rows = (await connection.execute(query)).all()
    variants = {row.request_id: variant for row in rows if (variant := _only_variant(row.service))}
    seen: Seen = {}
    for request_id, name, at, episode_id, level, _ in rows:
        above = episode_id if level == Level.QUARANTINE else None
        seen.setdefault(request_id, []).append(Sighting(name, at, at, variants.get(request_id), above))
    return seen


def _only_variant(service: str) -> str | None:
    """Return the SRV that a threshold on *service* counts, where it counts no other."""
    covered = load_catalogue().covered_by(service)
    return covered[0].variant if len(covered) == 1 else None


async def _passed(connection: AsyncConnection, users: set[str], since: int) -> list[PassedLevel]:
    columns = [episodes.c[name] for name in PassedLevel.__struct_fields__]
    lasted = or_(episodes.c.ended_at.is_(None), episodes.c.ended_at >= since)
    query = select(*columns).where(
        and_(episodes.c.level == Level.QUARANTINE, episodes.c.user_id.in_(users), lasted)
    )
    return [
        PassedLevel(*row) for row in await connection.execute(query.order_by(episodes.c.opened_at.desc()))
    ]


def _in_row(row: JournalRow, wanted: set[str]) -> list[tuple[str, Sighting]]:
    found = []
    for observation in row.observations:
        sent = observation.communication
        if sent.request_id in wanted:
            at = observation.observed_at_ms
            variant = sent.service_reference_variant
            found.append((sent.request_id, Sighting(sent.communication_class.value, at, at, variant)))
    return found


async def _in_digests(
    database: Database, wanted: set[str], seed: int, since: int
) -> list[tuple[str, Sighting]]:
    """Look through the digests, the newest first, until each was found once."""
    keys = _keys(wanted, seed)
    found: list[tuple[str, Sighting]] = []
    async with database.read() as connection:
        query = select(digests.c.journal_id).where(digests.c.received_until >= since)
        numbers = (await connection.execute(query.order_by(digests.c.journal_id.desc()))).scalars().all()
    for number in numbers:
        if not keys:
            break
        async with database.read() as connection:
            columns = digests.c.received_from, digests.c.received_until, digests.c.fingerprints
            row = (
                await connection.execute(select(*columns).where(digests.c.journal_id == number))
            ).one_or_none()
        if row is None:  # it was pruned meanwhile
            continue
        hits = await asyncio.to_thread(found_in, row.fingerprints, keys.keys())
        for request_id, name in {keys[hit] for hit in hits}:
            sighting = Sighting(name, row.received_from * 1000, row.received_until * 1000 + 999)
            found.append((request_id, sighting))
        gone = {request_id for request_id, _ in (keys[hit] for hit in hits)}
        keys = {key: value for key, value in keys.items() if value[0] not in gone}
    return found


def _keys(wanted: Iterable[str], seed: int) -> dict[int, tuple[str, str]]:
    """Return RequestID and class by the fingerprint that each would have."""
    return {
        fingerprint_of(name, request_id, int(request_id.rpartition(":")[2]), seed): (request_id, name)
        for request_id in wanted
        for name in CLASSES
    }
