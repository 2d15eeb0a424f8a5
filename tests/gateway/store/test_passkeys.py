"""Passkeys as kept, on both stores."""

from gateway.access import Role
from gateway.operations.people import add_person
from gateway.store.database import Database
from gateway.store.passkeys import (
    PasskeyRow,
    credential_known,
    insert_passkey,
    note_passkey_use,
    passkeys_of,
    remove_passkey,
)
from gateway.store.people import find_person

NOW = 1_000_000.0
LONGEST = "A" * 1364
"""A credential ID of 1,023 bytes, the longest there is, in base64url."""


async def kept(database: Database) -> PasskeyRow:
    async with database.read() as connection:
        (passkey,) = await passkeys_of(connection, "ann")
    return passkey


async def test_a_passkey_is_used_as_it_was_and_removed_once(database: Database) -> None:
    await add_person(database, "root", "ann", (Role.APPROVER,), NOW)
    async with database.write() as connection:
        person = await find_person(connection, "ann")
        assert person is not None
        await insert_passkey(connection, person.id, LONGEST, b"\xa5\x00", 0, "blue", NOW)
    before = await kept(database)
    assert (before.credential_id, before.public_key, before.used_at) == (LONGEST, b"\xa5\x00", None)
    async with database.write() as connection:
        assert await note_passkey_use(connection, before, 7, NOW + 1)
        assert not await note_passkey_use(connection, before, 8, NOW + 2)  # it was used meanwhile
    after = await kept(database)
    assert (after.sign_count, after.used_at) == (7, int(NOW + 1))
    async with database.write() as connection:
        assert not await remove_passkey(connection, person.id + 1, after.id, NOW)  # not theirs
        assert await remove_passkey(connection, person.id, after.id, NOW)
        assert not await remove_passkey(connection, person.id, after.id, NOW)
        assert not await note_passkey_use(connection, after, 9, NOW)
        assert await passkeys_of(connection, "ann") == []
        assert await credential_known(connection, LONGEST)
        assert not await credential_known(connection, "B")
