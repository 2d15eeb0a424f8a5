"""How long the requests of each incident of quarantine wait."""

import msgspec
from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dcc_schema import quarantined
from gateway.store.decisions import OPEN
from gateway.store.schema import incidents


class Waits(msgspec.Struct, frozen=True):
    """Requests that were not seen to have ended, of one subject of incidents."""

    count: int
    overdue: int
    """Of those: held for longer than they may be."""
    first_ms: int
    """Since when the first is held."""


async def waits_by_subject(connection: AsyncConnection, overdue_before_ms: int) -> dict[str, Waits]:
    """Return what waits, by the subject of its incident; overdue is what is held since before that instant."""
    held = quarantined.c.received_at_ms
    overdue = func.sum(case((held < overdue_before_ms, 1), else_=0))
    query = (
        select(incidents.c.subject_key, func.count(), overdue, func.min(held))
        .join(quarantined, quarantined.c.incident_id == incidents.c.id)
        .where(quarantined.c.state.in_(OPEN), incidents.c.subject_key.is_not(None))
        .group_by(incidents.c.subject_key)
    )
    rows = await connection.execute(query)
    return {subject: Waits(count, int(over), first) for subject, count, over, first in rows}
