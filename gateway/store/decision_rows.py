"""The requests of decisions: taken by one decision at a time, and following its file."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dcc_schema import quarantined
from gateway.store.decision_schema import decision_rows, decisions

HELD = "held"
DECIDED = "decided"
RELEASED = "released"
DELETED = "deleted"
ENDED = "ended"

AT_ONCE: Final = 500
"""Requests that one statement names."""


async def opposed(
    connection: AsyncConnection, request_ids: Sequence[str], action: str
) -> tuple[str, int] | None:
    """Return a request, held under another event, of which an open decision says other than *action*; and that one."""
    for start in range(0, len(request_ids), AT_ONCE):
        query = (
            select(quarantined.c.request_id, quarantined.c.decision_id)
            .join(decisions, decisions.c.file_id == quarantined.c.decision_id)
            .where(
                quarantined.c.request_id.in_(request_ids[start : start + AT_ONCE]),
                quarantined.c.state.in_((DECIDED, RELEASED, DELETED)),
                decisions.c.action != action,
            )
        )
        if row := (await connection.execute(query.limit(1))).one_or_none():
            return row.request_id, row.decision_id
    return None


async def follow_file(
    connection: AsyncConnection, file_id: int, *, dropped: bool = False, delivered: bool = False
) -> None:
    """Let the requests of a decision follow its file.

    *dropped*: the DCC will never get it, so they are held as before and another decision may take them.
    *delivered*: the DCC has been told to release or delete them.
    """
    if dropped:
        await connection.execute(
            update(decision_rows).where(decision_rows.c.file_id == file_id).values(live=False)
        )
        await connection.execute(
            update(quarantined)
            .where(quarantined.c.decision_id == file_id, quarantined.c.state == DECIDED)
            .values(state=HELD, decision_id=None)
        )
    elif delivered:
        action = select(decisions.c.action).where(decisions.c.file_id == file_id).scalar_subquery()
        to = case((action == "RELEASE", RELEASED), else_=DELETED)
        await connection.execute(
            update(quarantined)
            .where(quarantined.c.decision_id == file_id, quarantined.c.state == DECIDED)
            .values(state=to)
        )
