"""Candidate incidents looked for: a page of those that match, without what is known of each."""

from typing import Final

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.life import IncidentState
from gateway.store.incident_work import not_classified
from gateway.store.incidents import is_open
from gateway.store.schema import incidents

MOST_DIGITS: Final = 9
"""Digits of a text that may be an incident's number."""


class IncidentFilter(msgspec.Struct, frozen=True):
    """Which incidents are wanted; what is empty does not matter."""

    states: tuple[IncidentState, ...] = ()
    kind: str = ""
    level: str = ""
    user_id: str = ""
    """The whole User ID, or a part of it."""
    text: str = ""
    """A part of the title or of the reason, in any case; or the number."""


class ListedIncident(msgspec.Struct, frozen=True):
    """A row of the list."""

    id: int
    kind: str
    state: str
    level: str
    user_id: str
    title: str
    opened_at: int
    closed_at: int | None
    closed_by: str | None
    superseded_by: int | None
    marking: str
    group_id: int | None


_COLUMNS: Final = tuple(incidents.c[name] for name in ListedIncident.__struct_fields__)


def _conditions(wanted: IncidentFilter) -> list[ColumnElement[bool]]:
    table = incidents.c
    found: list[ColumnElement[bool]] = []
    if wanted.states:
        found.append(table.state.in_(wanted.states))
    if wanted.kind:
        found.append(table.kind == wanted.kind)
    if wanted.level:
        found.append(table.level == wanted.level)
    if wanted.user_id:
        found.append(table.user_id.icontains(wanted.user_id, autoescape=True))
    if wanted.text:
        either = [each.icontains(wanted.text, autoescape=True) for each in (table.title, table.reason)]
        if wanted.text.isascii() and wanted.text.isdecimal() and len(wanted.text) <= MOST_DIGITS:
            either.append(table.id == int(wanted.text))
        found.append(or_(*either))
    if wanted.level or wanted.user_id or wanted.text:
        found.append(not_classified)  # what is hidden is not found either
    return found


async def count_incidents(connection: AsyncConnection, wanted: IncidentFilter) -> int:
    """Return how many incidents match."""
    query = select(func.count()).select_from(incidents).where(*_conditions(wanted))
    return int((await connection.execute(query)).scalar_one())


async def find_incidents(
    connection: AsyncConnection, wanted: IncidentFilter, limit: int, skip: int = 0
) -> list[ListedIncident]:
    """Return up to *limit* of the incidents that match after the first *skip*, the newest first."""
    query = select(*_COLUMNS).where(*_conditions(wanted))
    rows = await connection.execute(query.order_by(incidents.c.id.desc()).limit(limit).offset(skip))
    return [ListedIncident(*row) for row in rows]


async def count_open_by_level(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """Return how many incidents are open, by kind and level."""
    columns = incidents.c.kind, incidents.c.level
    query = select(*columns, func.count()).where(is_open).group_by(*columns)
    return {(row[0], row[1]): row[2] for row in await connection.execute(query)}
