"""Alerts of the outbox as people look at them, dead letters sent anew, and what is kept no longer."""

import enum
from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import incidents, outbox


class AlertState(enum.StrEnum):
    """What became of an alert at one channel."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


class ListedAlert(msgspec.Struct, frozen=True):
    """An alert at one channel."""

    id: int
    channel: str
    incident_id: int
    message: bytes
    created_at: int
    attempts: int
    next_attempt_at: int
    last_error: str | None
    sent_at: int | None
    dead_at: int | None

    @property
    def state(self) -> AlertState:
        """What became of it."""
        if self.dead_at is not None:
            return AlertState.DEAD
        return AlertState.WAITING if self.sent_at is None else AlertState.SENT


_COLUMNS = [outbox.c[name] for name in ListedAlert.__struct_fields__]


def _condition(state: AlertState) -> ColumnElement[bool]:
    conditions = {
        AlertState.WAITING: and_(outbox.c.sent_at.is_(None), outbox.c.dead_at.is_(None)),
        AlertState.SENT: outbox.c.sent_at.is_not(None),
        AlertState.DEAD: outbox.c.dead_at.is_not(None),
    }
    return conditions[state]


async def list_alerts(
    connection: AsyncConnection, state: AlertState, channel: str | None, limit: int, skip: int = 0
) -> list[ListedAlert]:
    """Return alerts of one state, the newest first; of all channels where *channel* is None."""
    query = select(*_COLUMNS).where(_condition(state))
    if channel is not None:
        query = query.where(outbox.c.channel == channel)
    query = query.order_by(outbox.c.id.desc()).limit(limit).offset(skip)
    return [ListedAlert(*row) for row in await connection.execute(query)]


async def find_dead(connection: AsyncConnection, alert_id: int) -> ListedAlert | None:
    """Return a dead letter."""
    query = select(*_COLUMNS).where(outbox.c.id == alert_id, _condition(AlertState.DEAD))
    row = (await connection.execute(query)).one_or_none()
    return ListedAlert(*row) if row else None


async def revive(connection: AsyncConnection, alerts: Sequence[int], now: int) -> None:
    """Let dead letters wait again: their attempts and their age count from *now*."""
    await connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(alerts), _condition(AlertState.DEAD))
        .values(dead_at=None, attempts=0, next_attempt_at=now, resent_at=now)
    )


async def last_sent(connection: AsyncConnection) -> dict[str, int]:
    """Return when each channel last took an alert of those that are kept."""
    query = select(outbox.c.channel, func.max(outbox.c.sent_at)).where(_condition(AlertState.SENT))
    return {row[0]: row[1] for row in await connection.execute(query.group_by(outbox.c.channel))}


async def forget_sent(connection: AsyncConnection, before: int, limit: int) -> int:
    """Remove up to *limit* alerts that were sent before; return how many.

    All of an incident that is not closed are kept: some channels repeat the last of them.
    """
    closed = select(incidents.c.id).where(incidents.c.state == "closed")
    old = (
        select(outbox.c.id)
        .where(outbox.c.sent_at < before, outbox.c.incident_id.in_(closed))
        .order_by(outbox.c.id)
        .limit(limit)
    )
    result = await connection.execute(delete(outbox).where(outbox.c.id.in_(old)))
    return result.rowcount
