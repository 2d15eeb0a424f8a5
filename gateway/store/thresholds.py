"""The thresholds in force: rows of ADT files that have come into force and were not replaced."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import adt_files
from gateway.store.schema import thresholds as table
from thresholds.model import Alignment, Period, Threshold, UserId

CHUNK: Final = 2000
"""Values that one statement names."""

_KEY: Final = ("user_id", "communication", "service", "period_seconds", "alignment")
"""What a threshold counts."""

_Value = TypeVar("_Value")


async def thresholds_in_force(connection: AsyncConnection) -> tuple[Threshold, ...]:
    """Return all thresholds in force, exceptions included."""
    rows = await connection.execute(select(table).where(table.c.superseded_at.is_(None)))
    return tuple(threshold_of(row) for row in rows)


async def thresholds_before(connection: AsyncConnection, file_id: int, at: int) -> tuple[Threshold, ...]:
    """Return what was in force at *at*, just before file *file_id* came into force at that second."""
    until = or_(table.c.superseded_at.is_(None), table.c.superseded_at >= at)
    which = table.c.file_id != file_id, table.c.in_force_at <= at, until
    earlier = table.c.file_id < file_id  # of two files of one second the later number came second
    rows = await connection.execute(select(table).where(*which, or_(table.c.in_force_at < at, earlier)))
    return tuple(threshold_of(row) for row in rows)


def threshold_of(row: Any) -> Threshold:
    """Return the threshold that a row of the table holds."""
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
    await _supersede(connection, table.c.user_id, sorted(set(users)), now)


async def supersede_rows(connection: AsyncConnection, thresholds: Sequence[Threshold], now: int) -> None:
    """Take out of force the standing thresholds of the same key and the exceptions of the same key and time.

    The rows in force are read once and matched here: statements do not grow with the rows of the file.
    """
    replaced = {row_place(threshold) for threshold in thresholds}
    columns = [table.c[name] for name in ("id", *_KEY, "effective_from", "effective_to")]
    ids: list[int] = []
    for users in _chunks(sorted({threshold.user_id for threshold in thresholds})):
        query = select(*columns).where(table.c.user_id.in_(users), table.c.superseded_at.is_(None))
        for row_id, *key, start, end in await connection.execute(query):
            if (*key, None if end is None else (start, end)) in replaced:
                ids.append(row_id)
    await _supersede(connection, table.c.id, ids, now)


def row_place(threshold: Threshold) -> Hashable:
    """Return what two rows share of which the later replaces the earlier, where single rows are replaced."""
    key, end = threshold.key, threshold.effective_to
    times = None if end is None else (threshold.effective_from, end)
    return (key.user_id, key.communication, key.service, key.period_seconds, key.alignment, times)


def _chunks(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """Yield *values* in parts that one statement can hold: databases limit its parameters."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


async def _supersede(
    connection: AsyncConnection, column: ColumnElement[Any], values: Sequence[Any], now: int
) -> None:
    for chunk in _chunks(values):
        which = column.in_(chunk), table.c.superseded_at.is_(None)
        await connection.execute(update(table).where(*which).values(superseded_at=now))


async def superseded_since(connection: AsyncConnection, since: int) -> set[tuple[str, str, str]]:
    """Return (User ID, class, service) of what was taken out of force at *since* or later."""
    names = table.c.user_id, table.c.communication, table.c.service
    rows = await connection.execute(select(*names).where(table.c.superseded_at >= since).distinct())
    return {(row[0], row[1], row[2]) for row in rows}


async def files_without_thresholds(connection: AsyncConnection) -> list[int]:
    """Return the files that count as in force but have no threshold left in force."""
    left = select(table.c.file_id).where(table.c.superseded_at.is_(None)).distinct()
    query = select(adt_files.c.id).where(adt_files.c.state == "in force", adt_files.c.id.not_in(left))
    return list((await connection.execute(query)).scalars())
