"""Looks again for requests that the DCC told us of before we saw them leave.

A source may bring a request after the DCC's alert: a file is dropped when it is full, a broker was away. Until then
it counts as one that somebody else may have sent.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import DccQuarantine, UnknownRequest, kind_of, known_facts
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.ingest.dcc.matching import Match, Matched, match
from gateway.ingest.dcc.news import NAMED
from gateway.ingest.dcc.records import SUBJECT
from gateway.ingest.dcc.response import BreachKind, Held
from gateway.ingest.dcc.sightings import look_up
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.incidents import find_open, get_incident
from gateway.store.unseen import UnseenRequest, match_later, unseen_requests

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 30.0
BACK_SECONDS: Final = 300
"""What arrived so long before the last look is looked at again: it may have been on its way into a digest."""
AT_ONCE: Final = 5000
"""Requests that are looked for, the newest: a flood of others' requests costs no more."""

Found = list[tuple[UnseenRequest, Match]]


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
        """Put on record what was seen leaving meanwhile; return how many requests that were."""
        now, ours = int(self._clock()), self._ours()
        async with self._database.read() as connection:
            rows = await unseen_requests(connection, (now - self._sent_seconds) * 1000, AT_ONCE)
        found = await self._found([row for row in rows if not ours or row.user_id in ours])
        if found:
            async with self._database.write() as connection:
                found = [
                    (row, seen)
                    for row, seen in found
                    if await match_later(connection, row.id, _values(row, seen))
                ]
                seen_ids = {row.id for row, _ in found}
                await self._tell(connection, found, [row for row in rows if row.id not in seen_ids])
            self._conditions.ring()
            log.info("requests_seen_later", requests=len(found))
        self._looked_at = now
        return len(found)

    async def _found(self, rows: Sequence[UnseenRequest]) -> Found:
        if not rows:
            return []
        first = min(row.received_at_ms for row in rows) // 1000
        since = max(first, self._looked_at) - BACK_SECONDS
        looked = await look_up(self._database, {row.request_id for row in rows}, since)
        matches = [
            (row, match(_held(row), looked.seen.get(row.request_id, []), looked.passed)) for row in rows
        ]
        return [(row, seen) for row, seen in matches if seen.matched is not Matched.UNKNOWN]

    async def _tell(self, connection: AsyncConnection, found: Found, left: Sequence[UnseenRequest]) -> None:
        """Say it in the audit chain and at the incidents that are open."""
        now, counts = self._clock(), Counter(str(seen.matched) for _, seen in found)
        detail = {"requests": len(found), "matched": dict(counts)}
        await append_record(connection, Entry("system", "dcc.seen_later", SUBJECT, detail), now)
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
        for number in sorted({row.incident_id for row, _ in found if row.incident_id}):
            incident = await get_incident(connection, number)
            facts = known_facts(incident.detail)
            if isinstance(facts, DccQuarantine) and incident.is_open:
                moved = Counter(str(seen.matched) for row, seen in found if row.incident_id == number)
                more = dict(moved) | {str(Matched.UNKNOWN): -moved.total()}
                news = News(DccQuarantine, facts.subject, facts.detail, now, begins=0, more=more)
                await self._conditions.put(connection, news)


def _held(row: UnseenRequest) -> Held:
    return Held(BreachKind(row.breach), row.request_id, row.event_ref)


def _values(row: UnseenRequest, seen: Match) -> dict[str, object]:
    """Return the columns; without a time where the source gave none but that of its coming, after the alert."""
    sighting = seen.sighting
    timed = sighting if sighting and sighting.from_ms <= row.received_at_ms else None
    return {
        "matched": str(seen.matched),
        "sent_at_ms": timed.from_ms if timed else None,
        "sent_until_ms": min(timed.until_ms, row.received_at_ms) if timed else None,
        "communication_class": sighting.communication_class if sighting else None,
        "service_reference_variant": sighting.service_reference_variant if sighting else None,
        "episode_id": seen.episode_id,
    }
