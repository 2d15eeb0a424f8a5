"""What our own count says of held requests now, other than it said before: its columns, and what is told of it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import DccQuarantine, known_facts
from gateway.ingest.dcc.matching import Match
from gateway.ingest.dcc.response import BreachKind, Held
from gateway.store.incidents import get_incident
from gateway.store.unseen import Rematchable, match_later

Moved = tuple[Rematchable, Match]
"""A request as it was matched, and what is found now."""


def held_of(row: Rematchable) -> Held:
    """Return what the DCC said of a request."""
    return Held(BreachKind(row.breach), row.request_id, row.event_ref)


async def keep_moved(connection: AsyncConnection, found: Sequence[Moved]) -> list[Moved]:
    """Keep what is found now; return those of which nothing else was found meanwhile."""
    return [(row, seen) for row, seen in found if await match_later(connection, row, _values(row, seen))]


def _values(row: Rematchable, seen: Match) -> dict[str, Any]:
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


async def tell_moved(
    connection: AsyncConnection, conditions: Conditions, found: Sequence[Moved], now: float
) -> None:
    """Say at the incidents of quarantine that are open by how many their figures change."""
    for number in sorted({row.incident_id for row, _ in found if row.incident_id}):
        incident = await get_incident(connection, number)
        facts = known_facts(incident.detail)
        if isinstance(facts, DccQuarantine) and incident.is_open:
            moved = [(row, seen) for row, seen in found if row.incident_id == number]
            more = Counter(str(seen.matched) for _, seen in moved)
            more.subtract(row.matched for row, _ in moved)
            news = News(DccQuarantine, facts.subject, facts.detail, now, begins=0, more=dict(more))
            await conditions.put(connection, news)
