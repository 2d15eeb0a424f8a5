"""Alerts of the outbox as people look at them, dead letters sent anew or discarded, and what is kept no longer."""

import enum
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.incident_list import MOST_COUNTED, Counted
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

_NOT_TAKEN: Final = or_(
    and_(outbox.c.sent_at.is_(None), outbox.c.dead_at.is_(None)), outbox.c.dead_at.is_not(None)
)
"""In the words of the indexes of what waits and of dead letters."""


def _condition(state: AlertState) -> ColumnElement[bool]:
    conditions = {
        AlertState.WAITING: and_(outbox.c.sent_at.is_(None), outbox.c.dead_at.is_(None)),
        AlertState.SENT: and_(outbox.c.sent_at.is_not(None), outbox.c.dead_at.is_(None)),
        AlertState.DEAD: outbox.c.dead_at.is_not(None),
    }
    return conditions[state]


async def list_alerts(
    connection: AsyncConnection, state: AlertState, channel: str | None, limit: int, skip: int = 0
) -> list[ListedAlert]:
    """Return up to *limit* alerts of one state after the first *skip*, the newest first; of all channels for None."""
    query = select(*_COLUMNS).where(*_wanted(state, channel))
    query = query.order_by(outbox.c.id.desc()).limit(limit).offset(skip)
    return [ListedAlert(*row) for row in await connection.execute(query)]


async def count_alerts(connection: AsyncConnection, state: AlertState, channel: str | None) -> Counted:
    """Return how many alerts `list_alerts` has, counted up to `MOST_COUNTED`."""
    some = select(outbox.c.id).where(*_wanted(state, channel)).limit(MOST_COUNTED + 1).subquery()
    count = int((await connection.execute(select(func.count()).select_from(some))).scalar_one())
    return Counted(min(count, MOST_COUNTED), count > MOST_COUNTED)


def _wanted(state: AlertState, channel: str | None) -> list[ColumnElement[bool]]:
    return [_condition(state)] + ([] if channel is None else [outbox.c.channel == channel])


async def find_alert(connection: AsyncConnection, alert_id: int) -> ListedAlert | None:
    """Return an alert, whatever became of it."""
    row = (await connection.execute(select(*_COLUMNS).where(outbox.c.id == alert_id))).one_or_none()
    return ListedAlert(*row) if row else None


async def not_taken(connection: AsyncConnection, channel: str, limit: int) -> list[ListedAlert]:
    """Return the oldest *limit* of what *channel* has not taken: what waits for it, and its dead letters."""
    query = select(*_COLUMNS).where(outbox.c.channel == channel, _NOT_TAKEN)
    return [ListedAlert(*row) for row in await connection.execute(query.order_by(outbox.c.id).limit(limit))]


async def discard(connection: AsyncConnection, alerts: Sequence[int]) -> None:
    """Remove alerts that were not taken: nobody will be sent them."""
    await connection.execute(delete(outbox).where(outbox.c.id.in_(alerts), _NOT_TAKEN))


async def revive(connection: AsyncConnection, alerts: Sequence[int], now: int) -> None:
    """Let dead letters wait again: their attempts and their age count from *now*."""
    await connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(alerts), _condition(AlertState.DEAD))
        .values(sent_at=None, dead_at=None, attempts=0, next_attempt_at=now, resent_at=now)
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
        .where(outbox.c.sent_at < before, outbox.c.dead_at.is_(None), outbox.c.incident_id.in_(closed))
        .order_by(outbox.c.id)
        .limit(limit)
    )
    result = await connection.execute(delete(outbox).where(outbox.c.id.in_(old)))
    return result.rowcount
