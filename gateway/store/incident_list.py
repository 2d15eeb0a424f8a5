"""Candidate incidents looked for: a page of those that match, without what is known of each."""

from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.life import OPEN_STATES, IncidentState
from gateway.store.incident_words import begins, terms_of
from gateway.store.incident_work import not_classified
from gateway.store.incidents import in_states, is_open
from gateway.store.schema import incidents
from gateway.store.word_schema import incident_words

MOST_COUNTED: Final = 10_000
"""Incidents that are counted at the most: a list says "more than" beyond."""
MOST_WITH_WORDS: Final = 1000
"""The same where words are looked for."""
MOST_USERS: Final = 500
"""User IDs that a part of one may stand for."""
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
    """Beginnings of words of the title or of the reason, all of them, in any case; or the number."""
    before: int = 0
    """Only those with a lower number; 0 for all."""


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


class Counted(msgspec.Struct, frozen=True):
    """How many match, as far as they are counted."""

    count: int
    is_more: bool = False
    """Whether there are more than *count*."""


_COLUMNS: Final = tuple(incidents.c[name] for name in ListedIncident.__struct_fields__)


async def _ids(connection: AsyncConnection, wanted: IncidentFilter) -> Select[tuple[int]]:
    """Return the numbers of the incidents that match, without an order.

    All but the words stands in a narrow index in the order of the list: it is walked from the newest until there is
    enough. Where a word is rare, what it stands in is looked at alone.
    """
    table = incidents.c
    found: list[ColumnElement[bool]] = []
    if wanted.before:
        found.append(table.id < wanted.before)
    if wanted.states:
        found.append(in_states(wanted.states))
    if wanted.kind:
        found.append(table.kind == wanted.kind)
    if wanted.level:
        found.append(table.level == wanted.level)
    if wanted.user_id:
        found.append(table.user_id.in_(await _users(connection, wanted.user_id)))
    is_rare = False
    if wanted.text:
        words, is_rare = await _with_words(connection, wanted.text)
        found.append(words)
    if wanted.level or wanted.user_id or wanted.text:
        found.append(not_classified)  # what is hidden is not found either
    query = select(table.id).where(*found)
    if is_rare:
        return query
    index = "ix_incidents_open" if set(wanted.states) == set(OPEN_STATES) else "ix_incidents_list"
    return query.with_hint(incidents, f"INDEXED BY {index}", "sqlite")


async def _users(connection: AsyncConnection, part: str) -> list[str]:
    """Return the User IDs of incidents that hold *part*; each is found by one step in the index."""
    users = select(func.min(incidents.c.user_id).label("user_id")).cte("users", recursive=True)
    following = select(func.min(incidents.c.user_id)).where(incidents.c.user_id > users.c.user_id)
    users = users.union_all(select(following.scalar_subquery()).where(users.c.user_id.is_not(None)))
    query = select(users.c.user_id).where(users.c.user_id.icontains(part, autoescape=True))
    return list((await connection.execute(query.limit(MOST_USERS))).scalars())


async def _with_words(connection: AsyncConnection, text: str) -> tuple[ColumnElement[bool], bool]:
    """Return the condition that every word of *text* begins one of the incident's, and whether one of them is rare."""
    terms = await terms_of(connection, text)
    each = [
        select(incident_words.c.incident_id)
        .where(begins(term), incident_words.c.incident_id == incidents.c.id)
        .exists()
        if is_common
        else incidents.c.id.in_(select(incident_words.c.incident_id).where(begins(term)))
        for term, is_common in terms
    ]
    words = and_(*each) if each else false()
    is_rare = not terms or not terms[0][1]
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS:
        number = int(text)
        if is_rare and terms:
            own = select(incident_words.c.incident_id).where(begins(terms[0][0]))
            return incidents.c.id.in_(own.union_all(select(literal(number)))), True
        return or_(words, incidents.c.id == number), is_rare
    return words, is_rare


async def count_incidents(connection: AsyncConnection, wanted: IncidentFilter) -> Counted:
    """Return how many incidents match, counted up to `MOST_COUNTED`, or `MOST_WITH_WORDS` where words are looked for."""
    most = MOST_WITH_WORDS if wanted.text else MOST_COUNTED
    query = await _ids(connection, wanted)
    some = query.order_by(incidents.c.id.desc()).limit(most + 1).subquery()
    count = int((await connection.execute(select(func.count()).select_from(some))).scalar_one())
    return Counted(min(count, most), count > most)


async def find_incidents(
    connection: AsyncConnection, wanted: IncidentFilter, limit: int, skip: int = 0
) -> list[ListedIncident]:
    """Return up to *limit* of the incidents that match after the first *skip*, the newest first."""
    newest = incidents.c.id.desc()
    ids = (await _ids(connection, wanted)).order_by(newest).limit(limit).offset(skip).subquery()
    query = select(*_COLUMNS).where(incidents.c.id.in_(select(ids.c.id)))
    return [ListedIncident(*row) for row in await connection.execute(query.order_by(newest))]


async def count_open_by_level(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """Return how many incidents are open, by kind and level; the level of those that are classified is empty."""
    columns = (
        incidents.c.kind,
        case((not_classified, incidents.c.level), else_=literal_column("''")).label("shown_level"),
    )
    query = select(*columns, func.count()).where(is_open).group_by("kind", "shown_level")
    return {(row[0], row[1]): row[2] for row in await connection.execute(query)}
