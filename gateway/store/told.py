"""What a channel was told last of each incident that is not closed."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import incidents, outbox


async def last_told(connection: AsyncConnection, channel: str, limit: int) -> list[bytes]:
    """Return the last message that *channel* took about each such incident, the newest *limit* of them."""
    open_ones = select(incidents.c.id).where(incidents.c.state != "closed")
    newest = (
        select(func.max(outbox.c.id))
        .where(
            outbox.c.channel == channel, outbox.c.sent_at.is_not(None), outbox.c.incident_id.in_(open_ones)
        )
        .group_by(outbox.c.incident_id)
    )
    query = select(outbox.c.message).where(outbox.c.id.in_(newest)).order_by(outbox.c.id.desc())
    return [bytes(row[0]) for row in await connection.execute(query.limit(limit))]
