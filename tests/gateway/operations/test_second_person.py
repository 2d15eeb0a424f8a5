"""Who may approve is asked where the approval is written, not only where the request came in."""

import pytest

from gateway.access import Person, Role
from gateway.errors import NotPermitted
from gateway.operations.people import add_person, disable_person, set_roles
from gateway.store.adt_files import FileState, get_file
from gateway.store.database import Database
from tests.support.held import files_of
from tests.support.rows import submitted

BOB = Person("bob", frozenset({Role.APPROVER}))
"""As he was known when his request came in."""


async def refused(database: Database, file_id: int) -> str:
    """Have Bob try to approve; return the code of the refusal."""
    with pytest.raises(NotPermitted) as error:
        await files_of(database).approve(BOB, file_id)
    async with database.read() as connection:
        assert (await get_file(connection, file_id)).state is FileState.SUBMITTED
    return error.value.code


@pytest.fixture
async def file_id(database: Database) -> int:
    await add_person(database, "test", "ann", (Role.SUBMITTER,), 0)
    await add_person(database, "test", "bob", (Role.APPROVER,), 0)
    return (await submitted(database)).id


async def test_who_was_disabled_since_they_asked_approves_nothing(database: Database, file_id: int) -> None:
    await disable_person(database, "test", "bob", 1)
    assert await refused(database, file_id) == "person_disabled"


async def test_who_has_another_role_since_they_asked_approves_nothing(
    database: Database, file_id: int
) -> None:
    await set_roles(database, "test", "bob", (Role.OPERATOR,), 1)
    assert await refused(database, file_id) == "role_missing"


async def test_who_still_has_the_role_approves(database: Database, file_id: int) -> None:
    assert (await files_of(database).approve(BOB, file_id)).state is FileState.APPROVED


async def test_what_is_approved_is_signed_on_request_without_a_passkey(
    database: Database, file_id: int
) -> None:
    """A passkey approves, and there is nothing left to approve: the page offers to sign now, without one."""
    await files_of(database).approve(BOB, file_id)
    with_passkeys = files_of(database)
    with_passkeys.passkey = "required"
    assert (await with_passkeys.approve(BOB, file_id)).state is FileState.APPROVED
    await add_person(database, "test", "carol", (Role.APPROVER,), 0)
    carol = Person("carol", frozenset({Role.APPROVER}))
    assert (await with_passkeys.approve(carol, file_id)).state is FileState.APPROVED
    async with database.read() as connection:
        assert (await get_file(connection, file_id)).approved_by == "bob"
