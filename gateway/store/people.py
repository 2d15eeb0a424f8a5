"""People, their roles and the hashes of their passwords."""

from typing import Any

import msgspec
from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Role
from gateway.store.database import inserted_id
from gateway.store.people_schema import people


class PersonRow(msgspec.Struct, frozen=True):
    """A person as kept."""

    id: int
    name: str
    roles: tuple[Role, ...]
    created_at: int
    disabled_at: int | None
    password_set_at: int | None = None
    password_expires_at: int | None = None
    """Until when a password works that its person has not chosen; None for one's own."""
    issuer: str | None = None
    """The OpenID Connect provider that the person comes from; None for a local account."""
    subject: str | None = None
    """What the provider calls them: it stays when their name changes."""


class Credentials(msgspec.Struct, frozen=True):
    """What a sign-in is judged by; the hash is printed nowhere."""

    person: PersonRow
    password_hash: str | None

    def __repr__(self) -> str:
        return f"Credentials({self.person.name})"


def read_roles(text: str) -> tuple[Role, ...]:
    """Return the roles in a column."""
    return tuple(Role(part) for part in text.split())


def roles_text(roles: tuple[Role, ...]) -> str:
    """Return *roles* as they stand in a column."""
    return " ".join(sorted(set(roles)))


async def insert_person(
    connection: AsyncConnection,
    name: str,
    roles: tuple[Role, ...],
    now: float,
    identity: tuple[str, str] | None = None,
) -> int:
    """Add a person; *identity* is issuer and subject of one who comes from a provider. Return their number."""
    issuer, subject = identity or (None, None)
    result = await connection.execute(
        insert(people).values(
            name=name, roles=roles_text(roles), created_at=int(now), issuer=issuer, subject=subject
        )
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


async def find_by_identity(connection: AsyncConnection, issuer: str, subject: str) -> PersonRow | None:
    """Return the person whom a provider calls by that subject."""
    query = select(people).where(people.c.issuer == issuer, people.c.subject == subject)
    row = (await connection.execute(query)).one_or_none()
    return _person(row) if row else None


def of_another_directory(name: str) -> Select[tuple[str]]:
    """Return the query of the names of those whom another directory lets in than the person called *name*.

    A provider is a directory, and so are the local accounts.
    """
    own = people.alias("own")
    another = people.c.issuer.is_distinct_from(own.c.issuer)
    return select(people.c.name).join(own, another).where(own.c.name == name)


async def find_credentials(connection: AsyncConnection, name: str) -> Credentials | None:
    """Return what a sign-in of the person of that name is judged by."""
    row = (await connection.execute(select(people).where(people.c.name == name))).one_or_none()
    return Credentials(_person(row), row.password_hash) if row else None


def _person(row: Any) -> PersonRow:
    return PersonRow(
        row.id,
        row.name,
        read_roles(row.roles),
        row.created_at,
        row.disabled_at,
        row.password_set_at,
        row.password_expires_at,
        row.issuer,
        row.subject,
    )


async def disable_person(connection: AsyncConnection, person_id: int, now: float) -> None:
    """Take all access away; the person stays on record."""
    await connection.execute(update(people).where(people.c.id == person_id).values(disabled_at=int(now)))


async def set_roles(connection: AsyncConnection, person_id: int, roles: tuple[Role, ...]) -> None:
    """Give a person other roles."""
    await connection.execute(update(people).where(people.c.id == person_id).values(roles=roles_text(roles)))


async def set_password(
    connection: AsyncConnection, person_id: int, password_hash: str, now: float, expires_at: int | None
) -> None:
    """Keep the hash of a new password."""
    values = {
        "password_hash": password_hash,
        "password_set_at": int(now),
        "password_expires_at": expires_at,
    }
    await connection.execute(update(people).where(people.c.id == person_id).values(**values))
