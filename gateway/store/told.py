"""What a channel was told of each incident that is not closed."""

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.incidents import is_open
from gateway.store.schema import incidents, outbox
from gateway.store.silence_schema import muted_alerts


async def last_told(connection: AsyncConnection, channel: str, limit: int) -> list[bytes]:
    """Return the last message that *channel* took about each such incident, of the newest *limit* of them.

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
    messages = select(outbox.c.message).where(outbox.c.id.in_(numbers)).order_by(outbox.c.id.desc())
    return [bytes(message) for message in (await connection.execute(messages)).scalars()]


async def untold(connection: AsyncConnection, channel: str, limit: int) -> list[int]:
    """Return the newest *limit* incidents that are open, were told to another channel and never to this, oldest first.

    What a silence holds back is not among them: all channels are told when it is over.
    """
    mine = exists().where(outbox.c.incident_id == incidents.c.id, outbox.c.channel == channel)
    others = exists().where(outbox.c.incident_id == incidents.c.id)
    held_back = exists().where(
        muted_alerts.c.incident_id == incidents.c.id,
        muted_alerts.c.told_at.is_(None),
        muted_alerts.c.over_at.is_(None),
    )
    query = select(incidents.c.id).where(is_open, others, ~mine, ~held_back)
    found = (await connection.execute(query.order_by(incidents.c.id.desc()).limit(limit))).scalars()
    return sorted(found)
