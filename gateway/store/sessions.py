"""Sessions of the console: kept as SHA-256 alone."""

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import inserted_id
from gateway.store.people import PersonRow, read_roles
from gateway.store.people_schema import people, sessions


class SessionRow(msgspec.Struct, frozen=True):
    """A session as kept."""

    id: int
    person_id: int
    created_at: int
    used_at: int
    """When it was last used, to a minute or so."""
    ended_at: int | None
    address: str
    agent: str
    provider_session: str | None = None
    """What an OpenID Connect provider calls it; empty where it has no name there, None for a password's session."""


_COLUMNS = [sessions.c[name] for name in SessionRow.__struct_fields__]


async def insert_session(
    connection: AsyncConnection,
    person_id: int,
    sha256: str,
    now: float,
    address: str,
    agent: str,
    provider_session: str | None = None,
) -> int:
    """Begin a session; return its number."""
    result = await connection.execute(
        insert(sessions).values(
            person_id=person_id,
            sha256=sha256,
            created_at=int(now),
            used_at=int(now),
            address=address,
            agent=agent,
            provider_session=provider_session,
        )
    )
    return inserted_id(result)


async def find_session(connection: AsyncConnection, sha256: str) -> tuple[SessionRow, PersonRow] | None:
    """Return a session that was not ended, and its person, who is not disabled."""
    query = (
        select(*_COLUMNS, people)
        .join(people, people.c.id == sessions.c.person_id)
        .where(sessions.c.sha256 == sha256, sessions.c.ended_at.is_(None), people.c.disabled_at.is_(None))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    values = list(row)
    kept = SessionRow(*values[: len(_COLUMNS)])
    person = dict(zip((column.name for column in people.c), values[len(_COLUMNS) :], strict=True))
    person["roles"] = read_roles(person["roles"])
    return kept, PersonRow(**{name: person[name] for name in PersonRow.__struct_fields__})


async def sessions_of(connection: AsyncConnection, person_id: int, since: int) -> list[SessionRow]:
    """Return a person's sessions that were not ended and began after *since*, the newest first."""
    query = select(*_COLUMNS).where(
        sessions.c.person_id == person_id, sessions.c.ended_at.is_(None), sessions.c.created_at > since
    )
    rows = await connection.execute(query.order_by(sessions.c.id.desc()))
    return [SessionRow(*row) for row in rows]


async def end_session(connection: AsyncConnection, person_id: int, number: int, now: float) -> bool:
    """End one session of a person; tell whether it had not ended."""
    result = await connection.execute(
        update(sessions)
        .where(sessions.c.id == number, sessions.c.person_id == person_id, sessions.c.ended_at.is_(None))
        .values(ended_at=int(now))
    )
    return bool(result.rowcount)


async def end_sessions(
    connection: AsyncConnection, person_id: int, now: float, but: int | None = None
) -> int:
    """End all sessions of a person, but for the one numbered *but*; return how many that were."""
    query = update(sessions).where(sessions.c.person_id == person_id, sessions.c.ended_at.is_(None))
    if but is not None:
        query = query.where(sessions.c.id != but)
    return (await connection.execute(query.values(ended_at=int(now)))).rowcount


async def end_provider_session(
    connection: AsyncConnection, issuer: str, name: str, subject: str, now: float
) -> list[str]:
    """End what a provider calls *name*; return whose sessions ended.

    Where no session ever had that name, those end to which the provider gave none: of *subject*, or, where that
    is empty, of everybody whom it let in. One of them may be the one that is over.
    """
    of_issuer = (
        select(sessions.c.id, people.c.name, sessions.c.ended_at)
        .join(people, people.c.id == sessions.c.person_id)
        .where(people.c.issuer == issuer)
    )
    found = list(await connection.execute(of_issuer.where(sessions.c.provider_session == name)))
    if not found:
        query = of_issuer.where(sessions.c.provider_session == "")
        query = query.where(people.c.subject == subject) if subject else query
        found = list(await connection.execute(query))
    last = [row for row in found if row.ended_at is None]
    numbers = [row.id for row in last]
    await connection.execute(update(sessions).where(sessions.c.id.in_(numbers)).values(ended_at=int(now)))
    return [row.name for row in last]


async def note_session_use(connection: AsyncConnection, number: int, used_at: int) -> None:
    """Keep when a session was last used."""
    await connection.execute(update(sessions).where(sessions.c.id == number).values(used_at=used_at))


async def forget_sessions(connection: AsyncConnection, before: int) -> None:
    """Delete the sessions that began before then; sign-ins stay on record in the audit chain."""
    await connection.execute(delete(sessions).where(sessions.c.created_at < before))
