"""Sessions end by themselves, and a person is let in by what the store says at that moment."""

import json

import pytest

from gateway.access import Role
from gateway.errors import Conflict, GatewayError, InvalidInput, NotAuthenticated, NotFound
from gateway.operations.accounts import TEMPORARY_SECONDS, set_password
from gateway.operations.entrance import Entrance
from gateway.operations.passwords import hash_password
from gateway.operations.people import add_person, disable_person, set_roles
from gateway.settings import Settings
from gateway.store.audit_log import read_records
from gateway.store.database import Database

PASSWORD = "grey heron over the lake"
KEPT = hash_password(PASSWORD)
START = 1_000_000.0


class House:
    """A store with Ann in it, everything that lets her in, and a clock that is set."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = START
        self.entrance = Entrance(Settings(), database, lambda: self.now)
        self.sessions = self.entrance.sessions

    async def people(self) -> None:
        await add_person(self.database, "root", "ann", (Role.ANALYST,), self.now)
        await set_password(self.database, "root", "ann", KEPT, self.now)

    async def enter(self, password: str = PASSWORD) -> str:
        return await self.sessions.sign_in("ann", password, "192.0.2.1", "a browser")

    async def is_in(self, secret: str) -> bool:
        try:
            await self.sessions.find(secret)
        except NotAuthenticated:
            return False
        return True


@pytest.fixture
async def house(database: Database) -> House:
    there = House(database)
    await there.people()
    return there


async def test_a_session_ends_when_it_is_idle(house: House) -> None:
    secret = await house.enter()
    for _ in range(3):
        house.now += 30 * 60 - 1
        assert await house.is_in(secret)
    house.now += 30 * 60
    assert not await house.is_in(secret)


async def test_a_session_ends_however_much_it_is_used(house: House) -> None:
    secret = await house.enter()
    while house.now < START + 12 * 3600 - 600:
        house.now += 600
        if house.now < START + 12 * 3600:
            assert await house.is_in(secret)
    house.now = START + 12 * 3600
    assert not await house.is_in(secret)


async def test_what_is_known_of_its_use_outlives_a_restart(house: House) -> None:
    secret = await house.enter()
    house.now += 29 * 60
    assert await house.is_in(secret)
    await house.entrance.usage.write()
    house.now += 29 * 60
    restarted = House(house.database)
    restarted.now = house.now
    assert await restarted.is_in(secret)


async def test_no_part_and_no_other_form_of_it_is_a_session(house: House) -> None:
    secret = await house.enter()
    for wrong in (secret[:-1], secret + "x", secret.swapcase(), "", "\udcff", "' OR 1=1 --"):
        assert not await house.is_in(wrong)


async def test_a_temporary_password_works_for_a_day_and_opens_nothing_else(house: House) -> None:
    given = await house.entrance.accounts.give_temporary("ada", "ann")
    session = await house.sessions.find(await house.enter(given))
    assert session.must_change_password
    house.now += TEMPORARY_SECONDS
    with pytest.raises(NotAuthenticated):
        await house.enter(given)


async def test_who_is_disabled_between_judgement_and_entry_stays_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = house.entrance.passwords.verify

    async def slowly(kept: str | None, password: str) -> bool:
        right = await verify(kept, password)
        await disable_person(house.database, "root", "ann", house.now)
        return right

    monkeypatch.setattr(house.entrance.passwords, "verify", slowly)
    with pytest.raises(NotAuthenticated):
        await house.enter()


async def test_sessions_end_with_roles_and_password_and_each_is_on_record(house: House) -> None:
    secret = await house.enter()
    await set_roles(house.database, "ada", "ann", (Role.ANALYST,), house.now)
    assert await house.is_in(secret)  # nothing changed
    await set_roles(house.database, "ada", "ann", (Role.AUDITOR,), house.now)
    assert not await house.is_in(secret)
    secret = await house.enter()
    await set_password(house.database, "ada", "ann", KEPT, house.now)
    assert not await house.is_in(secret)
    records = [json.loads(r.body) for r in await read_records(house.database, subject="person/ann")]
    assert [(record["actor"], record["action"]) for record in records] == [
        ("root", "person.added"),
        ("root", "password.set"),
        ("ann", "session.begun"),
        ("ada", "person.roles_changed"),
        ("ann", "session.begun"),
        ("ada", "password.set"),
    ]
    assert KEPT not in json.dumps(records)


async def test_nobody_changes_their_own_roles_or_disables_themselves(house: House) -> None:
    with pytest.raises(Conflict):
        await set_roles(house.database, "ann", "ann", (Role.ADMIN,), house.now)
    with pytest.raises(Conflict):
        await disable_person(house.database, "ann", "ann", house.now)


async def test_a_machine_is_no_person(house: House) -> None:
    with pytest.raises(InvalidInput, match="goes with no other"):
        await set_roles(house.database, "ada", "ann", (Role.ANALYST, Role.ADAPTOR), house.now)


async def test_a_session_is_ended_once_and_by_its_own_number(house: House) -> None:
    secret = await house.enter()
    (row,) = await house.sessions.of_person("ann")
    assert (row.address, row.agent) == ("192.0.2.1", "a browser")
    await add_person(house.database, "root", "bob", (Role.ANALYST,), house.now)
    with pytest.raises(NotFound):
        await house.sessions.end("ada", "bob", row.id)
    await house.sessions.end("ada", "ann", row.id)
    assert not await house.is_in(secret)
    with pytest.raises(NotFound):
        await house.sessions.end("ada", "ann", row.id)


async def test_guessing_the_present_password_is_slowed_too(house: House) -> None:
    session = await house.sessions.find(await house.enter())
    codes = []
    for _ in range(6):
        try:
            await house.entrance.accounts.change_own(session, "wrong", "seven brown otters swim")
        except GatewayError as error:
            codes.append(error.code)
    assert codes == ["password_wrong"] * 5 + ["sign_in_slowed"]
