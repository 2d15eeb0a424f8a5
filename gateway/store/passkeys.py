"""Passkeys of people: the public keys, and when each was used. A removed one stays on record."""

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import inserted_id
from gateway.store.people_schema import passkeys, people


class PasskeyRow(msgspec.Struct, frozen=True):
    """A passkey as kept."""

    id: int
    person_id: int
    credential_id: str
    """What the authenticator calls it, base64url."""
    public_key: bytes
    """COSE_Key, as the authenticator gave it."""
    sign_count: int
    """How often the authenticator says it was used; 0 for ever where it does not count."""
    label: str
    created_at: int
    used_at: int | None
    removed_at: int | None


_COLUMNS = [passkeys.c[name] for name in PasskeyRow.__struct_fields__]


async def insert_passkey(
    connection: AsyncConnection,
    person_id: int,
    credential_id: str,
    public_key: bytes,
    sign_count: int,
    label: str,
    now: float,
) -> int:
    """Add a passkey; return its number."""
    result = await connection.execute(
        insert(passkeys).values(
            person_id=person_id,
            credential_id=credential_id,
            public_key=public_key,
            sign_count=sign_count,
            label=label,
            created_at=int(now),
        )
    )
    return inserted_id(result)


async def passkeys_of(connection: AsyncConnection, name: str) -> list[PasskeyRow]:
    """Return the passkeys of a person that were not removed, the newest first."""
    query = (
        select(*_COLUMNS)
        .join(people, people.c.id == passkeys.c.person_id)
        .where(people.c.name == name, passkeys.c.removed_at.is_(None))
        .order_by(passkeys.c.id.desc())
    )
    return [PasskeyRow(*row) for row in await connection.execute(query)]


async def credential_known(connection: AsyncConnection, credential_id: str) -> bool:
    """Tell whether anybody has, or had, the passkey that its authenticator calls so."""
    query = select(passkeys.c.id).where(passkeys.c.credential_id == credential_id)
    return (await connection.execute(query)).one_or_none() is not None


async def remove_passkey(connection: AsyncConnection, person_id: int, number: int, now: float) -> bool:
    """Let a passkey of a person work no more; tell whether it had worked."""
    result = await connection.execute(
        update(passkeys)
        .where(passkeys.c.id == number, passkeys.c.person_id == person_id, passkeys.c.removed_at.is_(None))
        .values(removed_at=int(now))
    )
    return bool(result.rowcount)


async def note_passkey_use(
    connection: AsyncConnection, before: PasskeyRow, sign_count: int, now: float
) -> bool:
    """Keep a use of a passkey as it was *before*; tell whether it still is so, and was not removed."""
    result = await connection.execute(
        update(passkeys)
        .where(
            passkeys.c.id == before.id,
            passkeys.c.removed_at.is_(None),
            passkeys.c.sign_count == before.sign_count,
        )
        .values(sign_count=sign_count, used_at=int(now))
    )
    return bool(result.rowcount)
