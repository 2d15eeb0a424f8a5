"""What a channel was told last of each incident that is not closed."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.incidents import is_open
from gateway.store.schema import incidents, outbox


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
