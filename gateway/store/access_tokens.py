"""Access tokens: kept as SHA-256 alone."""

from typing import Any

import msgspec
from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Person, Role
from gateway.store.database import inserted_id
from gateway.store.people import read_roles, roles_text
from gateway.store.people_schema import access_tokens, people


class AccessTokenRow(msgspec.Struct, frozen=True):
    """An access token as kept, without what it is known by."""

    id: int
    person: str
    label: str
    roles: tuple[Role, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    used_at: int | None
    """When it was last used, to a minute or so."""

    def works(self, now: float) -> bool:
        """Tell whether it is neither revoked nor past its end."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


async def insert_access_token(
    connection: AsyncConnection,
    person_id: int,
    sha256: str,
    roles: tuple[Role, ...],
    label: str,
    now: float,
    expires_at: int,
) -> int:
    """Keep the SHA-256 of a new access token; return its number."""
    result = await connection.execute(
        insert(access_tokens).values(
            person_id=person_id,
            sha256=sha256,
            roles=roles_text(roles),
            label=label,
            created_at=int(now),
            expires_at=expires_at,
        )
    )
    return inserted_id(result)


async def find_by_access_token(
    connection: AsyncConnection, sha256: str, now: float
) -> tuple[int, Person] | None:
    """Return the number of a token that works, and who it stands for, with the roles that both still have."""
    table = access_tokens.c
    query = (
        select(table.id, people.c.name, people.c.roles, table.roles.label("token_roles"))
        .join(people, table.person_id == people.c.id)
        .where(
            table.sha256 == sha256,
            table.revoked_at.is_(None),
            or_(table.expires_at.is_(None), table.expires_at > int(now)),
            people.c.disabled_at.is_(None),
        )
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    roles = frozenset(read_roles(row.roles)) & frozenset(read_roles(row.token_roles))
    return row.id, Person(row.name, roles)


def _tokens() -> Any:
    table = access_tokens.c
    columns = (
        table.id,
        people.c.name,
        table.label,
        table.roles,
        table.created_at,
        table.expires_at,
        table.revoked_at,
        table.used_at,
    )
    return select(*columns).join(people, table.person_id == people.c.id)


def _read(row: Row[Any]) -> AccessTokenRow:
    values = dict(zip(AccessTokenRow.__struct_fields__, row, strict=True))
    return AccessTokenRow(**(values | {"roles": read_roles(values["roles"])}))


async def access_tokens_of(connection: AsyncConnection, person_id: int) -> list[AccessTokenRow]:
    """Return a person's tokens, the newest first."""
    query = _tokens().where(access_tokens.c.person_id == person_id).order_by(access_tokens.c.id.desc())
    return [_read(row) for row in await connection.execute(query)]


async def get_access_token(connection: AsyncConnection, number: int) -> AccessTokenRow | None:
    """Return the token of that number."""
    row = (await connection.execute(_tokens().where(access_tokens.c.id == number))).one_or_none()
    return _read(row) if row else None


async def revoke_access_token(connection: AsyncConnection, number: int, now: float) -> None:
    """Let a token stand for nobody from now on."""
    await connection.execute(
        update(access_tokens).where(access_tokens.c.id == number).values(revoked_at=int(now))
    )


async def revoke_all_access_tokens(connection: AsyncConnection, person_id: int, now: float) -> int:
    """Let none of a person's access tokens stand for anybody from now on; return how many did."""
    of_person = access_tokens.c.person_id == person_id, access_tokens.c.revoked_at.is_(None)
    result = await connection.execute(update(access_tokens).where(*of_person).values(revoked_at=int(now)))
    return result.rowcount


async def note_token_use(connection: AsyncConnection, number: int, used_at: int) -> None:
    """Keep when a token was last used."""
    await connection.execute(
        update(access_tokens).where(access_tokens.c.id == number).values(used_at=used_at)
    )
