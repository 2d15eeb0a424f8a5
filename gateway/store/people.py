"""People, their roles and their access tokens (kept as SHA-256 alone)."""

from typing import Any

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Person, Role
from gateway.store.database import inserted_id
from gateway.store.schema import access_tokens, people


class PersonRow(msgspec.Struct, frozen=True):
    """A person as kept."""

    id: int
    name: str
    roles: tuple[Role, ...]
    created_at: int
    disabled_at: int | None


def _roles(text: str) -> tuple[Role, ...]:
    return tuple(Role(part) for part in text.split())


def _text(roles: tuple[Role, ...]) -> str:
    return " ".join(sorted(set(roles)))


async def insert_person(connection: AsyncConnection, name: str, roles: tuple[Role, ...], now: float) -> int:
    """Add a person; return their number."""
    result = await connection.execute(
        insert(people).values(name=name, roles=_text(roles), created_at=int(now))
    )
    return inserted_id(result)


async def list_people(connection: AsyncConnection) -> list[PersonRow]:
    """Return everybody, by name."""
    rows = await connection.execute(select(people).order_by(people.c.name))
    return [_person(row) for row in rows]


async def find_person(connection: AsyncConnection, name: str) -> PersonRow | None:
    """Return the person of that name."""
    row = (await connection.execute(select(people).where(people.c.name == name))).one_or_none()
    return _person(row) if row else None


def _person(row: Any) -> PersonRow:
    return PersonRow(row.id, row.name, _roles(row.roles), row.created_at, row.disabled_at)


async def disable_person(connection: AsyncConnection, person_id: int, now: float) -> None:
    """Take all access away; the person stays on record."""
    await connection.execute(update(people).where(people.c.id == person_id).values(disabled_at=int(now)))


async def insert_access_token(
    connection: AsyncConnection, person_id: int, sha256: str, roles: tuple[Role, ...], now: float
) -> None:
    """Keep the SHA-256 of a new access token."""
    await connection.execute(
        insert(access_tokens).values(
            person_id=person_id, sha256=sha256, roles=_text(roles), created_at=int(now)
        )
    )


async def find_by_access_token(connection: AsyncConnection, sha256: str) -> Person | None:
    """Return who an access token stands for, with the roles that both it and the person still have."""
    query = (
        select(people.c.name, people.c.roles, access_tokens.c.roles.label("token_roles"))
        .join(access_tokens, access_tokens.c.person_id == people.c.id)
        .where(access_tokens.c.sha256 == sha256, people.c.disabled_at.is_(None))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return Person(row.name, frozenset(_roles(row.roles)) & frozenset(_roles(row.token_roles)))
