"""Alerts waiting to be sent: one row for each channel, written with the incident."""

from collections.abc import Callable, Iterable

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import outbox


class WaitingAlert(msgspec.Struct, frozen=True):
    """An alert that one channel has yet to take."""

    id: int
    incident_id: int
    message: bytes
    attempts: int
    next_attempt_at: int


async def put_alert(
    connection: AsyncConnection, channels: Iterable[str], incident_id: int, message: bytes, now: int
) -> None:
    """Write *message* once for each channel."""
    rows = [
        {
            "channel": channel,
            "incident_id": incident_id,
            "message": message,
            "created_at": now,
            "next_attempt_at": now,
        }
        for channel in channels
    ]
    if rows:
        await connection.execute(insert(outbox), rows)


async def replace_waiting(
    connection: AsyncConnection, channels: Iterable[str], incident_id: int, change: Callable[[bytes], bytes]
) -> None:
    """Change what of one incident still waits for these channels."""
    table = outbox.c
    waits = table.incident_id == incident_id, table.sent_at.is_(None), table.channel.in_(list(channels))
    for row in (await connection.execute(select(table.id, table.message).where(*waits))).all():
        values = {"message": change(bytes(row.message))}
        await connection.execute(update(outbox).where(table.id == row.id).values(values))


async def next_alert(connection: AsyncConnection, channel: str) -> WaitingAlert | None:
    """Return the oldest alert that *channel* has not taken: order is kept by never skipping one."""
    table = outbox.c
    query = (
        select(table.id, table.incident_id, table.message, table.attempts, table.next_attempt_at)
        .where(table.channel == channel, table.sent_at.is_(None))
        .order_by(table.id)
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return WaitingAlert(*row) if row else None


async def mark_sent(connection: AsyncConnection, alert_id: int, now: int) -> None:
    """Record that the channel took the alert."""
    await connection.execute(
        update(outbox).where(outbox.c.id == alert_id).values(sent_at=now, last_error=None)
    )


async def mark_failed(connection: AsyncConnection, alert: WaitingAlert, error: str, again_at: int) -> None:
    """Record that the channel did not take the alert, and when to try again."""
    await connection.execute(
        update(outbox)
        .where(outbox.c.id == alert.id)
        .values(attempts=alert.attempts + 1, last_error=error[:500], next_attempt_at=again_at)
    )


async def count_waiting(connection: AsyncConnection) -> dict[str, int]:
    """Return how many alerts wait, by channel."""
    query = (
        select(outbox.c.channel, func.count()).where(outbox.c.sent_at.is_(None)).group_by(outbox.c.channel)
    )
    return {row[0]: row[1] for row in await connection.execute(query)}
