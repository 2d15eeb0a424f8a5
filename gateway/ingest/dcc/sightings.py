"""Looks up when requests were seen leaving: among those in excess, in the journal, and in its digests.

No table of all requests is kept for it. Requests in excess have their exact time; the journal has that of the last
minutes; a digest has the fingerprint of each request of about a minute, and so the minute.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ingest.dcc.digest_search import in_digests
from gateway.ingest.dcc.matching import PassedLevel, Sighting
from gateway.store.database import Database
from gateway.store.digests import read_folded
from gateway.store.journal import decode_group, read_contents
from gateway.store.schema import digests, episodes, excess, journal
from thresholds.catalogue import load_catalogue
from thresholds.model import Level

FEW: Final = 20
"""Requests that are looked for in the octets of a group first; of more each group is decoded at once."""

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
        passed = await _passed(connection, _users(wanted), since)
        folded = await read_folded(connection)
    left = wanted - seen.keys()
    if left:
        async for contents in read_contents(database, folded.journal_id):
            for request_id, sighting in await asyncio.to_thread(_in_groups, contents, left):
                seen.setdefault(request_id, []).append(sighting)
        left -= seen.keys()
    if left:
        for request_id, sighting in await in_digests(database, left, folded.seed, since):
            seen.setdefault(request_id, []).append(sighting)
    return Looked(seen, passed)


async def look_up_levels(database: Database, request_ids: Collection[str], since: int) -> Looked:
    """Return which quarantine levels lasted at second *since* or later, and those of *request_ids* above them."""
    wanted = set(request_ids)
    async with database.read() as connection:
        passed = await _passed(connection, _users(wanted), since)
        if not passed:
            return Looked({}, [])
        return Looked(await _in_excess(connection, wanted, [each.id for each in passed]), passed)


async def known_since(connection: AsyncConnection, since: int, now: int) -> int:
    """Return from which second on it is known what left, *since* or later; *now* where nothing was seen leaving."""
    firsts = [
        (await connection.execute(select(func.min(column)))).scalar_one()
        for column in (digests.c.received_from, journal.c.received_at)
    ]
    return max(since, min((first for first in firsts if first is not None), default=now))


def _users(request_ids: Collection[str]) -> set[str]:
    """Return whose requests these are: their episodes lead to the excess without reading all of it."""
    return {request_id[:23] for request_id in request_ids}


async def _in_excess(
    connection: AsyncConnection, wanted: set[str], above: Collection[int] | None = None
) -> Seen:
    """Return which of *wanted* are in the excess of any episode of their User IDs, or of those in *above* alone."""
    query = (
        select(
            excess.c.request_id,
            excess.c.communication_class,
            excess.c.observed_at_ms,
            excess.c.service_reference_variant,
            excess.c.episode_id,
            episodes.c.level,
            episodes.c.service,
        )
        .join(episodes, episodes.c.id == excess.c.episode_id)
        .where(episodes.c.user_id.in_(_users(wanted)), excess.c.request_id.in_(wanted))
    )
    if above is not None:
        query = query.where(excess.c.episode_id.in_(above))
    rows = (await connection.execute(query)).all()
    variants = {
        row.request_id: variant
        for row in rows
        if (variant := row.service_reference_variant or _only_variant(row.service))
    }
    seen: Seen = {}
    for request_id, name, at, _, episode_id, level, _ in rows:
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


def _in_groups(contents: Sequence[bytes], wanted: set[str]) -> list[tuple[str, Sighting]]:
    names = [request_id.encode() for request_id in wanted] if len(wanted) <= FEW else [b""]
    found = []
    for content in contents:
        if not any(name in content for name in names):
            continue
        for observation in decode_group(content):
            sent = observation.communication
            if sent.request_id in wanted:
                at = observation.observed_at_ms
                variant = sent.service_reference_variant
                found.append((sent.request_id, Sighting(sent.communication_class.value, at, at, variant)))
    return found
