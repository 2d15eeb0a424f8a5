"""What a channel was told of each incident that is not closed."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.incidents import is_open
from gateway.store.schema import incidents, outbox
from gateway.store.silence_schema import muted_alerts


class ToldAlert(msgspec.Struct, frozen=True):
    """An alert that a channel took."""

    id: int
    incident_id: int
    message: bytes
    is_aside: bool
    """Whether it was set aside since: it could not be read."""


async def last_told(connection: AsyncConnection, channel: str, limit: int) -> list[ToldAlert]:
    """Return the last alert that *channel* took about each such incident, of the newest *limit* of them.

    It begins at the incidents that are open, which are few beside all that were ever told.
    """
    told = outbox.c.channel == channel, outbox.c.sent_at.is_not(None)
    newest = (
        select(func.max(outbox.c.id))
        .where(outbox.c.incident_id == incidents.c.id, *told)
        .correlate(incidents)
        .scalar_subquery()
    )
    query = select(newest).where(is_open).order_by(incidents.c.id.desc())
    numbers = [number for number in (await connection.execute(query)).scalars() if number][:limit]
    columns = outbox.c.id, outbox.c.incident_id, outbox.c.message, outbox.c.dead_at
    found = select(*columns).where(outbox.c.id.in_(numbers)).order_by(outbox.c.id.desc())
    return [
        ToldAlert(number, incident, bytes(message), dead_at is not None)
        for number, incident, message, dead_at in await connection.execute(found)
    ]


async def set_aside(connection: AsyncConnection, alerts: Sequence[int], error: str, now: int) -> None:
    """Make dead letters of alerts that were taken and cannot be read: a person sees them."""
    which = outbox.c.id.in_(alerts), outbox.c.dead_at.is_(None)
    await connection.execute(update(outbox).where(*which).values(dead_at=now, last_error=error))


async def untold(connection: AsyncConnection, channel: str, limit: int) -> list[int]:
    """Return the newest *limit* incidents that are open and of which *channel* was never told, oldest first.

    Those too that were opened while no channel was set. What a silence holds back is not among them: all channels
    are told when it is over.
    """
    mine = exists().where(outbox.c.incident_id == incidents.c.id, outbox.c.channel == channel)
    held_back = exists().where(
        muted_alerts.c.incident_id == incidents.c.id,
        muted_alerts.c.told_at.is_(None),
        muted_alerts.c.over_at.is_(None),
    )
    query = select(incidents.c.id).where(is_open, ~mine, ~held_back)
    found = (await connection.execute(query.order_by(incidents.c.id.desc()).limit(limit))).scalars()
    return sorted(found)
