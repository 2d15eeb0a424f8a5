"""Whom a provider lets in is known by issuer and subject, and may do what the groups of this moment give."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import Role
from gateway.errors import GatewayError, NotPermitted
from gateway.oidc.tokens import Identity
from gateway.operations.people import NAME, RESERVED, add_person, disable_person
from gateway.operations.provider_people import admit, local_name, roles_of
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from gateway.store.people import PersonRow, find_person
from gateway.store.sessions import end_provider_session, find_session, insert_session

NOW = 1_000_000.0
ISSUER = "https://login.example"
SUBMITTER, APPROVER = (Role.SUBMITTER,), (Role.APPROVER,)


def who(subject: str = "u-1", name: str = "ann", issuer: str = ISSUER) -> Identity:
    return Identity(issuer, subject, name, (), "", 0)


async def let_in(database: Database, identity: Identity, roles: tuple[Role, ...]) -> PersonRow:
    async with database.write() as connection:
        return await admit(connection, identity, roles, NOW)


async def actions(database: Database, name: str) -> list[Any]:
    records = [json.loads(record.body) for record in await read_records(database)]
    return [each["action"] for each in records if each["subject"] == f"person/{name}"]


async def test_the_same_subject_is_the_same_person_whatever_they_are_called(database: Database) -> None:
    first = await let_in(database, who(), SUBMITTER)
    again = await let_in(database, who(name="another"), SUBMITTER)
    assert (first, first.name, first.roles) == (again, "ann", SUBMITTER)
    assert await actions(database, "ann") == ["person.added"]


async def test_another_subject_or_issuer_of_the_same_name_is_refused(database: Database) -> None:
    await let_in(database, who(), SUBMITTER)
    for other in (who("u-2"), who(issuer="https://other.example"), who("u-3", "ANN@elsewhere")):
        with pytest.raises(NotPermitted) as refused:
            await let_in(database, other, SUBMITTER)
        assert refused.value.code == "person_name_taken"


async def test_a_local_account_is_nobody_of_the_provider(database: Database) -> None:
    await add_person(database, "root", "ann", (Role.ADMIN,), NOW)
    with pytest.raises(NotPermitted):
        await let_in(database, who(), SUBMITTER)
    async with database.read() as connection:
        kept = await find_person(connection, "ann")
    assert kept is not None
    assert (kept.issuer, kept.roles) == (None, (Role.ADMIN,))


async def test_other_roles_are_on_record_and_end_the_sessions(database: Database) -> None:
    person = await let_in(database, who(), SUBMITTER)
    async with database.write() as connection:
        await insert_session(connection, person.id, "a" * 64, NOW, "", "", "s-1")
    await let_in(database, who(), SUBMITTER)
    async with database.read() as connection:
        assert await find_session(connection, "a" * 64)
    assert (await let_in(database, who(), APPROVER)).roles == APPROVER
    async with database.read() as connection:
        assert not await find_session(connection, "a" * 64)
    assert await actions(database, "ann") == ["person.added", "person.roles_changed"]


async def test_without_roles_one_who_is_known_loses_theirs_and_one_who_is_new_is_not_added(
    database: Database,
) -> None:
    await let_in(database, who(), SUBMITTER)
    assert (await let_in(database, who(), ())).roles == ()
    with pytest.raises(NotPermitted) as refused:
        await let_in(database, who("u-2", "bea"), ())
    assert refused.value.code == "no_role_by_group"
    assert await actions(database, "bea") == []


async def test_one_who_is_disabled_here_stays_out(database: Database) -> None:
    await let_in(database, who(), SUBMITTER)
    await disable_person(database, "root", "ann", NOW)
    with pytest.raises(GatewayError) as refused:
        await let_in(database, who(), APPROVER)
    assert refused.value.code == "person_disabled"


async def test_a_provider_ends_its_own_sessions_alone(database: Database) -> None:
    ann = await let_in(database, who(), SUBMITTER)
    bea = await let_in(database, who("u-1", "bea", "https://other.example"), SUBMITTER)
    async with database.write() as connection:
        for person, digest, name in ((ann, "a", "s-1"), (ann, "b", "s-2"), (bea, "c", "s-1")):
            await insert_session(connection, person.id, digest * 64, NOW, "", "", name)
        assert await end_provider_session(connection, ISSUER, "s-1", "", NOW) == ["ann"]
        assert await end_provider_session(connection, ISSUER, "s-1", "", NOW) == []
        lasting = [digest for digest in "abc" if await find_session(connection, digest * 64)]
    assert lasting == ["b", "c"]


async def test_a_session_that_nobody_knows_by_name_is_one_of_those_without(database: Database) -> None:
    """One that ended before is known: a person who signed out here first ends nobody else's."""
    ann = await let_in(database, who(), SUBMITTER)
    bea = await let_in(database, who("u-2", "bea"), SUBMITTER)
    cy = await let_in(database, who("u-1", "cy", "https://other.example"), SUBMITTER)
    async with database.write() as connection:
        begun = ((ann, "a", "s-1"), (ann, "b", ""), (bea, "c", ""), (cy, "d", ""), (ann, "e", None))
        for person, digest, name in begun:
            await insert_session(connection, person.id, digest * 64, NOW, "", "", name)
        assert await end_provider_session(connection, ISSUER, "s-1", "", NOW) == ["ann"]
        assert await end_provider_session(connection, ISSUER, "s-1", "", NOW) == []
        assert await end_provider_session(connection, ISSUER, "s-9", "u-2", NOW) == ["bea"]
        assert await end_provider_session(connection, ISSUER, "s-9", "", NOW) == ["ann"]
        lasting = [digest for digest in "abcde" if await find_session(connection, digest * 64)]
    assert lasting == ["d", "e"]


@given(st.text())
def test_a_name_made_of_any_text_is_a_name_or_is_refused(text: str) -> None:
    try:
        made = local_name(text)
    except NotPermitted:
        return
    assert NAME.fullmatch(made)
    assert made not in RESERVED
    assert local_name(made) == made


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("Jo.Bloggs@grid.example", "jo.bloggs"),
        ("Zoë Müller", "zoe-muller"),
        ("a" * 80, "a" * 63),
        ("GRID\\jo", "grid-jo"),
    ],
)
def test_names_become_those_of_here(there: str, here: str) -> None:
    assert local_name(there) == here


@pytest.mark.parametrize("name", ["", "@x", "7up", "system", "Unknown", "日本", "-a"])
def test_what_makes_no_name_is_refused(name: str) -> None:
    with pytest.raises(NotPermitted):
        local_name(name)


@given(st.lists(st.sampled_from(["a", "b", "c"])))
def test_roles_are_those_of_the_groups_that_count(groups: list[str]) -> None:
    given = {"a": "approver", "b": "submitter"}
    assert set(roles_of(tuple(groups), given)) == {Role(given[group]) for group in groups if group in given}
