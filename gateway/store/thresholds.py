"""The thresholds in force: rows of ADT files that have come into force and were not replaced."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import adt_files
from gateway.store.schema import thresholds as table
from thresholds.model import Alignment, Period, Threshold, UserId


async def thresholds_in_force(connection: AsyncConnection) -> tuple[Threshold, ...]:
    """Return all thresholds in force, exceptions included."""
    rows = await connection.execute(select(table).where(table.c.superseded_at.is_(None)))
    return tuple(_threshold(row) for row in rows)


def _threshold(row: Any) -> Threshold:
    return Threshold(
        user_id=UserId(row.user_id),
        communication=row.communication,
        service=row.service,
        period=Period(row.period_seconds, row.period),
        warning=row.warning,
        quarantine=row.quarantine,
        effective_from=row.effective_from,
        effective_to=row.effective_to,
        alignment=Alignment(row.alignment),
        file_id=row.file_id,
        line=row.line,
    )


async def insert_thresholds(
    connection: AsyncConnection, file_id: int, thresholds: Iterable[Threshold], now: int
) -> None:
    """Put the rows of a file into force."""
    rows = [
        {
            "file_id": file_id,
            "line": threshold.line,
            "user_id": threshold.user_id,
            "communication": threshold.communication,
            "service": threshold.service,
            "period_seconds": threshold.period.seconds,
            "period": threshold.period.text,
            "alignment": threshold.alignment,
            "warning": threshold.warning,
            "quarantine": threshold.quarantine,
            "effective_from": threshold.effective_from,
            "effective_to": threshold.effective_to,
            "in_force_at": now,
        }
        for threshold in thresholds
    ]
    if rows:
        await connection.execute(insert(table), rows)


async def supersede_users(connection: AsyncConnection, users: Iterable[UserId], now: int) -> None:
    """Take every threshold of *users* out of force."""
    await _supersede(connection, table.c.user_id.in_(sorted(set(users))), now)


async def supersede_rows(connection: AsyncConnection, thresholds: Iterable[Threshold], now: int) -> None:
    """Take out of force the standing thresholds of the same key and the exceptions of the same key and time."""
    for threshold in thresholds:
        key, start, end = threshold.key, threshold.effective_from, threshold.effective_to
        same = and_(
            table.c.user_id == key.user_id,
            table.c.communication == key.communication,
            table.c.service == key.service,
            table.c.period_seconds == key.period_seconds,
            table.c.alignment == key.alignment,
            table.c.effective_to.is_not_distinct_from(end),
            true() if end is None else table.c.effective_from == start,
        )
        await _supersede(connection, same, now)


async def _supersede(connection: AsyncConnection, which: ColumnElement[bool], now: int) -> None:
    await connection.execute(
        update(table).where(which, table.c.superseded_at.is_(None)).values(superseded_at=now)
    )


async def files_without_thresholds(connection: AsyncConnection) -> list[int]:
    """Return the files that count as in force but have no threshold left in force."""
    left = select(table.c.file_id).where(table.c.superseded_at.is_(None)).distinct()
    query = select(adt_files.c.id).where(adt_files.c.state == "in force", adt_files.c.id.not_in(left))
    return list((await connection.execute(query)).scalars())
