"""Looks for requests in the digests of the journal.

A request that never left is looked for in all digests of a day. It is looked up in each and none is read through,
and between two queries all else goes on: what counts meanwhile does not wait.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import select

from gateway.ingest.dcc.matching import Sighting
from gateway.ingest.deduplication import fingerprint_of, found_in
from gateway.ingest.fold import NOBODY
from gateway.store.database import Database
from gateway.store.digests import kinds_of
from gateway.store.places import unpack
from gateway.store.schema import digests
from thresholds.kind import Kind
from thresholds.model import CommunicationClass

AT_ONCE: Final = 4
"""Digests that one query reads: of some megabytes each where much is sent."""

CLASSES: Final = tuple(name.value for name in CommunicationClass)

_Keys = Mapping[int, tuple[str, str]]
"""RequestID and class by the fingerprint that each would have."""


async def in_digests(
    database: Database, wanted: set[str], seed: int, since: int
) -> list[tuple[str, Sighting]]:
    """Look through the digests received from second *since* on, the newest first, until each was found once."""
    keys = _keys(wanted, seed)
    found: list[tuple[str, Sighting]] = []
    async with database.read() as connection:
        query = select(digests.c.journal_id).where(digests.c.received_until >= since)
        numbers = (await connection.execute(query.order_by(digests.c.journal_id.desc()))).scalars().all()
    for start in range(0, len(numbers), AT_ONCE):
        if not keys:
            break
        chosen = digests.c.journal_id.in_(numbers[start : start + AT_ONCE])
        columns = digests.c.journal_id, digests.c.fingerprints
        async with database.read() as connection:
            rows = await connection.execute(
                select(*columns).where(chosen).order_by(digests.c.journal_id.desc())
            )
            contents = [(number, content) for number, content in rows]
        for number, content in contents:
            hits = await asyncio.to_thread(found_in, content, keys.keys())
            if hits:
                found += await _sightings(database, number, [keys[hit] for hit in hits])
            gone = {request_id for request_id, _ in (keys[hit] for hit in hits)}
            keys = {key: value for key, value in keys.items() if value[0] not in gone}
    return found


def _keys(wanted: Iterable[str], seed: int) -> dict[int, tuple[str, str]]:
    return {
        fingerprint_of(name, request_id, int(request_id.rpartition(":")[2]), seed): (request_id, name)
        for request_id in wanted
        for name in CLASSES
    }


async def _sightings(
    database: Database, number: int, hits: Iterable[tuple[str, str]]
) -> list[tuple[str, Sighting]]:
    """Return the sightings of what was found in digest *number*: to its minute, with the service where that is known."""
    hits = set(hits)
    async with database.read() as connection:
        columns = digests.c.received_from, digests.c.received_until, digests.c.places
        query = select(*columns).where(digests.c.journal_id == number)
        row: Any = (await connection.execute(query)).one_or_none()
        users = {NOBODY, *(request_id[:23] for request_id, _ in hits)}
        known = await kinds_of(connection, users) if row else {}
    if row is None:  # it was pruned meanwhile
        return []
    inside = [known[kind] for kind in unpack(row.places).kinds if kind in known]
    first, last = row.received_from * 1000, row.received_until * 1000 + 999
    return [
        (request_id, Sighting(name, first, last, only_variant(inside, request_id[:23], name)))
        for request_id, name in hits
    ]


def only_variant(inside: Iterable[Kind], user: str, name: str) -> str | None:
    """Return the SRV of all requests of *user* and class *name* among the kinds of a digest; None where several are.

    Kinds that are too many share one without a service: then it is not known either.
    """
    shared = {variant for other, other_name, _, variant in inside if other == NOBODY and other_name == name}
    own = {variant for other, other_name, _, variant in inside if (other, other_name) == (user, name)}
    return own.pop() or None if len(own) == 1 and not shared else None
