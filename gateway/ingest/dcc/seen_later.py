"""Looks again for requests that the DCC told us of before we knew as much as it did.

A source may bring a request after the DCC's alert: a file is dropped when it is full, a broker was away. Until then
it counts as one that somebody else may have sent. What is brought late may also pass a level of ours at the time of
a request that we saw leave: until then it counts as one that we did not expect to be held.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import UnknownRequest, kind_of, known_facts
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.ingest.dcc.matching import Matched, Sighting, match
from gateway.ingest.dcc.moved import Moved, held_of, keep_moved, tell_moved
from gateway.ingest.dcc.news import NAMED
from gateway.ingest.dcc.records import SUBJECT
from gateway.ingest.dcc.sightings import look_up, look_up_levels
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.incidents import find_open
from gateway.store.unseen import UNPREDICTED, UNSEEN, Rematchable, matched_so_far

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 30.0
BACK_SECONDS: Final = 300
"""What arrived so long before the last look is looked at again: it may have been on its way into a digest."""
LASTED_SECONDS: Final = 3600
"""A level that ended so long before the last look was laid beside what is held then: none is shown later than that."""
AT_ONCE: Final = 5000
"""Requests that are looked for, the newest: a flood of others' requests costs no more."""


class SeenLater:
    """Looks through what arrived since it looked last."""

    def __init__(
        self,
        database: Database,
        conditions: Conditions,
        ours: Callable[[], Collection[str]],
        sent_seconds: int,
        clock: Clock,
    ) -> None:
        self._database = database
        self._conditions = conditions
        self._ours = ours
        self._sent_seconds = sent_seconds
        self._clock = clock
        self._looked_at = 0

    async def run(self) -> None:
        """Look for ever; raise `Unavailable` where the store is away, and be run again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> int:
        """Put on record of what our own count says something else by now; return of how many requests."""
        now = int(self._clock())
        found = await self._look_for_unseen(now) + await self._look_for_unpredicted(now)
        self._looked_at = now
        return found

    async def _look_for_unseen(self, now: int) -> int:
        ours = self._ours()
        async with self._database.read() as connection:
            rows = await matched_so_far(connection, UNSEEN, (now - self._sent_seconds) * 1000, AT_ONCE)
        found = await self._found([row for row in rows if not ours or row.user_id in ours])
        if found:
            async with self._database.write() as connection:
                found = await keep_moved(connection, found)
                seen_ids = {row.id for row, _ in found}
                await self._tell(connection, found, [row for row in rows if row.id not in seen_ids])
            self._conditions.ring()
            log.info("requests_seen_later", requests=len(found))
        return len(found)

    async def _look_for_unpredicted(self, now: int) -> int:
        """Put on record which of the requests that were not expected to be held are above a level, or at its time."""
        since = now - self._sent_seconds
        async with self._database.read() as connection:
            rows = await matched_so_far(connection, UNPREDICTED, since * 1000, AT_ONCE)
        lasted = max(since, self._looked_at - LASTED_SECONDS)
        looked = await look_up_levels(self._database, {row.request_id for row in rows}, lasted)
        matches = [
            (row, match(held_of(row), looked.seen.get(row.request_id) or _sighted(row), looked.passed))
            for row in rows
        ]
        found = [(row, seen) for row, seen in matches if seen.episode_id is not None]
        if found:
            async with self._database.write() as connection:
                found = await keep_moved(connection, found)
                await _record(connection, "dcc.matched_later", found, self._clock())
                await tell_moved(connection, self._conditions, found, self._clock())
            self._conditions.ring()
            log.info("requests_matched_later", requests=len(found))
        return len(found)

    async def _found(self, rows: Sequence[Rematchable]) -> list[Moved]:
        if not rows:
            return []
        first = min(row.received_at_ms for row in rows) // 1000
        since = max(first, self._looked_at) - BACK_SECONDS
        looked = await look_up(self._database, {row.request_id for row in rows}, since)
        matches = [
            (row, match(held_of(row), looked.seen.get(row.request_id, []), looked.passed)) for row in rows
        ]
        return [(row, seen) for row, seen in matches if seen.matched is not Matched.UNKNOWN]

    async def _tell(
        self, connection: AsyncConnection, found: Sequence[Moved], left: Sequence[Rematchable]
    ) -> None:
        """Say it in the audit chain and at the incidents that are open."""
        now = self._clock()
        await _record(connection, "dcc.seen_later", found, now)
        for user, count in sorted(Counter(row.user_id for row, _ in found).items()):
            incident = await find_open(connection, kind_of(UnknownRequest), user)
            facts = known_facts(incident.detail) if incident else None
            if isinstance(facts, UnknownRequest):
                unseen = [row.request_id for row in left if row.user_id == user]
                which = "some of them were" if unseen else "each of them was"
                what = f"{facts.detail.partition('; ')[0]}; later {which} seen"
                figures: dict[str, int | str] = {"request_ids": ", ".join(unseen[:NAMED])}
                more = {"seen_later": count}
                news = News(UnknownRequest, user, what, now, begins=0, figures=figures, more=more)
                await self._conditions.put(connection, news)
        await tell_moved(connection, self._conditions, found, now)


def _sighted(row: Rematchable) -> list[Sighting]:
    """Return when a request was seen leaving, as it is on record; nothing where it named no time of its own."""
    if row.sent_at_ms is None or row.sent_until_ms is None or row.communication_class is None:
        return []
    times = row.sent_at_ms, row.sent_until_ms
    return [Sighting(row.communication_class, *times, row.service_reference_variant)]


async def _record(connection: AsyncConnection, action: str, found: Sequence[Moved], now: float) -> None:
    counts = Counter(str(seen.matched) for _, seen in found)
    detail = {"requests": len(found), "matched": dict(counts)}
    await append_record(connection, Entry("system", action, SUBJECT, detail), now)
