"""Alerts waiting to be sent: one row for each channel, written with the incident."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
from sqlalchemy import and_, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import outbox

ERROR_LENGTH: Final = 500

_WAITS: Final = and_(outbox.c.sent_at.is_(None), outbox.c.dead_at.is_(None))


class WaitingAlert(msgspec.Struct, frozen=True):
    """An alert that one channel has yet to take."""

    id: int
    incident_id: int
    message: bytes
    attempts: int
    """Since it was written, or since a person last sent it anew."""
    since: int
    """When it was written, or last sent anew by a person."""


class Backlog(msgspec.Struct, frozen=True):
    """What a channel has not taken."""

    waiting: int = 0
    oldest: int | None = None
    """When the oldest of those that wait was written."""
    dead: int = 0


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
    connection: AsyncConnection, but: Iterable[str], incident_id: int, change: Callable[[bytes], bytes]
) -> None:
    """Change what of one incident was not sent, dead letters too, for every channel *but* these, set or not."""
    table = outbox.c
    waits = table.incident_id == incident_id, table.sent_at.is_(None), table.channel.not_in(list(but))
    for row in (await connection.execute(select(table.id, table.message).where(*waits))).all():
        values = {"message": change(bytes(row.message))}
        await connection.execute(update(outbox).where(table.id == row.id).values(values))


async def due_alerts(
    connection: AsyncConnection, channel: str, now: int, longest_wait: float, limit: int
) -> list[WaitingAlert]:
    """Return the oldest alerts that *channel* may be sent now, in the order in which they were written.

    Where an alert pauses, what follows of its incident waits with it: so the order holds for each incident. One
    that pauses for longer than *longest_wait* seconds has its time from a clock that was set back since; it is due.
    """
    table, pausing = outbox.c, outbox.alias("pausing")
    earlier_pauses = exists().where(
        pausing.c.channel == channel,
        pausing.c.sent_at.is_(None),
        pausing.c.dead_at.is_(None),
        pausing.c.incident_id == table.incident_id,
        pausing.c.id <= table.id,
        pausing.c.next_attempt_at > now,
        pausing.c.next_attempt_at <= now + longest_wait,
    )
    since = func.coalesce(table.resent_at, table.created_at)
    query = (
        select(table.id, table.incident_id, table.message, table.attempts, since)
        .where(table.channel == channel, _WAITS, ~earlier_pauses)
        .order_by(table.id)
        .limit(limit)
    )
    return [WaitingAlert(*row) for row in await connection.execute(query)]


async def messages_now(connection: AsyncConnection, alerts: Sequence[int]) -> dict[int, bytes]:
    """Return what these alerts say now, by number."""
    query = select(outbox.c.id, outbox.c.message).where(outbox.c.id.in_(alerts))
    return {number: bytes(message) for number, message in await connection.execute(query)}


async def next_pause_ends(connection: AsyncConnection, channel: str, now: int) -> int | None:
    """Return when the first of the pauses of *channel* ends; None where nothing pauses."""
    which = outbox.c.channel == channel, _WAITS, outbox.c.next_attempt_at > now
    query = select(func.min(outbox.c.next_attempt_at)).where(*which)
    found: int | None = (await connection.execute(query)).scalar_one()
    return found


async def mark_sent(connection: AsyncConnection, alerts: Sequence[int], now: int) -> None:
    """Record that the channel took these alerts."""
    await connection.execute(
        update(outbox).where(outbox.c.id.in_(alerts)).values(sent_at=now, last_error=None)
    )


async def mark_failed(connection: AsyncConnection, alert: int, error: str, again_at: int) -> None:
    """Record that the channel did not take an alert, and when to try again."""
    values = {"last_error": error[:ERROR_LENGTH], "next_attempt_at": again_at}
    await connection.execute(
        update(outbox).where(outbox.c.id == alert).values(attempts=outbox.c.attempts + 1, **values)
    )


async def bury(connection: AsyncConnection, alert: int, error: str, now: int) -> None:
    """Record that an alert is given up: a dead letter, which a person can send anew."""
    values = {"last_error": error[:ERROR_LENGTH], "dead_at": now}
    await connection.execute(
        update(outbox).where(outbox.c.id == alert).values(attempts=outbox.c.attempts + 1, **values)
    )


async def make_due(connection: AsyncConnection, channel: str, now: int) -> None:
    """Let nothing of *channel* pause any more: its other side is back."""
    which = outbox.c.channel == channel, _WAITS, outbox.c.next_attempt_at > now
    await connection.execute(update(outbox).where(*which).values(next_attempt_at=now))


async def count_waiting(connection: AsyncConnection) -> dict[str, int]:
    """Return how many alerts wait, by channel; dead letters wait no more."""
    query = select(outbox.c.channel, func.count()).where(_WAITS).group_by(outbox.c.channel)
    return {row[0]: row[1] for row in await connection.execute(query)}


async def backlogs(connection: AsyncConnection) -> dict[str, Backlog]:
    """Return what each channel has not taken, where there is something."""
    table = outbox.c
    query = (
        select(
            table.channel,
            func.count().filter(_WAITS),
            func.min(table.created_at).filter(_WAITS),
            func.count(table.dead_at),
        )
        # So that both indexes of what is not sent are used, and what was sent is not looked at.
        .where(or_(_WAITS, table.dead_at.is_not(None)))
        .group_by(table.channel)
    )
    return {row[0]: Backlog(*row[1:]) for row in await connection.execute(query)}
