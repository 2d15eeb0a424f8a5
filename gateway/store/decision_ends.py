"""How the requests of a decision are seen to have ended."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dcc_schema import quarantined
from gateway.store.decision_rows import DELETED, ENDED, RELEASED
from gateway.store.decision_schema import decision_rows, decisions
from gateway.store.schema import adt_files

ANSWERED = "answered"
"""The DCC answered the request after the file that decides on it was signed."""
CONFIRMED = "confirmed"
"""A person says so."""

AT_ONCE: Final = 500
"""Rows that one statement names."""

Place = tuple[int, int]
"""Number of the decision, and a line of its file."""


async def answered_rows(connection: AsyncConnection, limit: int) -> list[Place]:
    """Return rows of decisions that the DCC got and answered since, and that do not count as ended yet."""
    joined = decision_rows.join(quarantined, quarantined.c.id == decision_rows.c.quarantined_id)
    joined = joined.join(adt_files, adt_files.c.id == decision_rows.c.file_id)
    query = select(decision_rows.c.file_id, decision_rows.c.line)
    query = query.select_from(joined).where(
        quarantined.c.state.in_((RELEASED, DELETED)),
        quarantined.c.decision_id == decision_rows.c.file_id,
        decision_rows.c.ended_at.is_(None),
        # The DCC cannot have acted on a file that was not signed yet.
        quarantined.c.answered_at_ms >= adt_files.c.signed_at * 1000,
    )
    query = query.order_by(decision_rows.c.file_id, decision_rows.c.line).limit(limit)
    return [(file_id, line) for file_id, line in await connection.execute(query)]


async def lines_left(connection: AsyncConnection, file_id: int) -> list[int]:
    """Return the lines of a decision that were not seen to have ended."""
    which = decision_rows.c.file_id == file_id, decision_rows.c.ended_at.is_(None)
    query = select(decision_rows.c.line).where(*which).order_by(decision_rows.c.line)
    return list((await connection.execute(query)).scalars())


async def end_lines(
    connection: AsyncConnection,
    file_id: int,
    lines: Sequence[int],
    at: int,
    how: str,
    by: str | None = None,
    reason: str | None = None,
) -> None:
    """Keep that the requests on these lines were seen to have ended, *at* the second given."""
    values = {"ended_at": at, "ended_how": how, "ended_by": by, "ended_reason": reason}
    for start in range(0, len(lines), AT_ONCE):
        some = decision_rows.c.line.in_(lines[start : start + AT_ONCE])
        # What a person confirmed meanwhile stays as they said it.
        which = decision_rows.c.file_id == file_id, some, decision_rows.c.ended_at.is_(None)
        await connection.execute(update(decision_rows).where(*which).values(**values))
    ended = select(decision_rows.c.quarantined_id).where(
        decision_rows.c.file_id == file_id, decision_rows.c.ended_at.is_not(None)
    )
    await connection.execute(
        update(quarantined)
        .where(quarantined.c.id.in_(ended), quarantined.c.state != ENDED)
        .values(state=ENDED, ended_at=at)
    )


async def end_decision(connection: AsyncConnection, file_id: int) -> bool:
    """Keep that a decision has ended where all its requests have; tell whether it did so now."""
    if await lines_left(connection, file_id):
        return False
    last = select(func.max(decision_rows.c.ended_at)).where(decision_rows.c.file_id == file_id)
    which = decisions.c.file_id == file_id, decisions.c.ended_at.is_(None)
    change = update(decisions).where(*which).values(ended_at=last.scalar_subquery())
    return bool((await connection.execute(change)).rowcount)
