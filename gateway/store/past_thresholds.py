"""What held for one key in the past, who set it, and what came of it: rows, files, episodes, incidents."""

from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Table, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.incident_work import not_classified
from gateway.store.schema import adt_files, episodes, incidents
from gateway.store.schema import thresholds as table
from gateway.store.thresholds import threshold_of
from thresholds.model import ThresholdKey
from thresholds.past import PastThreshold

ROWS: Final = 500
"""Rows, or episodes, of one key in one answer at the most; the newest are kept."""


class SetThreshold(msgspec.Struct, frozen=True):
    """A row of an ADT file with the people who stand for it."""

    past: PastThreshold
    file_name: str
    file_state: str
    submitted_by: str
    submitted_at: int
    approved_by: str
    approved_at: int


class PastEpisode(msgspec.Struct, frozen=True):
    """An episode and the candidate incident that it opened."""

    level: str
    opened_at: int
    ended_at: int | None
    """None while it is open."""
    incident_id: int | None
    title: str | None
    state: str | None


async def set_thresholds(connection: AsyncConnection, key: ThresholdKey) -> list[SetThreshold]:
    """Return every row that held for *key* or will, the newest first."""
    facts = [adt_files.c[name] for name in ("name", "state", "submitted_by", "submitted_at")]
    facts += [adt_files.c.approved_by, adt_files.c.approved_at]
    query = (
        select(table, *[column.label(f"file_{column.name}") for column in facts])
        .join(adt_files, adt_files.c.id == table.c.file_id)
        .where(_of_key(table, key))
        .order_by(table.c.in_force_at.desc(), table.c.file_id.desc(), table.c.line.desc())
        .limit(ROWS)
    )
    return [_set(row) for row in await connection.execute(query)]


def _of_key(of: Table, key: ThresholdKey) -> ColumnElement[bool]:
    return and_(
        of.c.user_id == key.user_id,
        of.c.communication == key.communication,
        of.c.service == key.service,
        of.c.period_seconds == key.period_seconds,
        of.c.alignment == key.alignment,
    )


def _set(row: Any) -> SetThreshold:
    return SetThreshold(
        past=PastThreshold(threshold_of(row), row.in_force_at, row.superseded_at),
        file_name=row.file_name,
        file_state=row.file_state,
        submitted_by=row.file_submitted_by,
        submitted_at=row.file_submitted_at,
        approved_by=row.file_approved_by,
        approved_at=row.file_approved_at,
    )


async def past_episodes(
    connection: AsyncConnection, key: ThresholdKey, since: int, until: int
) -> list[PastEpisode]:
    """Return the episodes of *key* that were open between *since* and *until*, the newest first."""
    query = (
        select(
            episodes.c.level,
            episodes.c.opened_at,
            episodes.c.ended_at,
            incidents.c.id,
            incidents.c.title,
            incidents.c.state,
        )
        .join(incidents, and_(incidents.c.id == episodes.c.incident_id, not_classified), isouter=True)
        .where(
            _of_key(episodes, key),
            episodes.c.opened_at < until,
            or_(episodes.c.ended_at.is_(None), episodes.c.ended_at >= since),
        )
        .order_by(episodes.c.opened_at.desc())
        .limit(ROWS)
    )
    return [PastEpisode(*row) for row in await connection.execute(query)]
