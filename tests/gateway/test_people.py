"""People are named once, their access tokens are shown once, and both are on record."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from gateway.access import Person, Role
from gateway.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, Unavailable
from gateway.operations import access_tokens
from gateway.operations.access_tokens import issue_access_token
from gateway.operations.accounts import set_password
from gateway.operations.authenticator import Authenticator
from gateway.operations.people import RESERVED, add_person, disable_person, everybody
from gateway.operations.usage import Usage
from gateway.store.audit_log import all_records, read_records
from gateway.store.database import Database
from gateway.store.people_schema import people
from tests.support.databases import opened, store_settings

BOTH = (Role.SUBMITTER, Role.ANALYST)


async def authenticate(database: Database, token: str) -> Person:
    """Return who *token* stands for soon after it was issued."""
    return (await access_tokens.authenticate(database, token, 100))[1]


async def ann(database: Database, *roles: Role) -> str:
    """Add Ann; return an access token of hers."""
    await add_person(database, "root", "ann", BOTH, 10)
    return await issue_access_token(database, "root", "ann", roles, 11)


async def records(database: Database) -> list[dict[str, Any]]:
    return [json.loads(record.body) async for record in all_records(database)]


async def refusal(database: Database, token: str) -> tuple[str, str, str]:
    with pytest.raises(NotAuthenticated) as caught:
        await authenticate(database, token)
    return caught.value.code, caught.value.message, caught.value.remedy


async def test_an_access_token_stands_for_its_person(database: Database) -> None:
    assert await authenticate(database, await ann(database)) == Person("ann", frozenset(BOTH))


async def test_a_password_that_an_admin_gave_revokes_the_access_tokens(database: Database) -> None:
    """Whoever had the old password may have issued some; one's own new password leaves them."""
    token = await ann(database)
    await set_password(database, "ann", "ann", "hash", 12)
    assert (await authenticate(database, token)).name == "ann"
    await set_password(database, "ada", "ann", "hash", 13, expires_at=1000)
    assert (await refusal(database, token))[0] == "access_token_unknown"
    last = (await records(database))[-1]
    assert (last["actor"], last["action"]) == ("ada", "password.set")
    assert last["detail"] == {"temporary": True, "access_tokens_revoked": 1}


async def test_an_access_token_may_have_fewer_roles_than_its_person(database: Database) -> None:
    token = await ann(database, Role.ANALYST)
    assert (await authenticate(database, token)).roles == {Role.ANALYST}


async def test_an_access_token_cannot_have_a_role_that_its_person_lacks(database: Database) -> None:
    with pytest.raises(InvalidInput, match="does not have the role approver"):
        await ann(database, Role.ANALYST, Role.APPROVER)
    assert [record["action"] for record in await records(database)] == ["person.added"]


async def test_a_role_taken_from_the_person_is_taken_from_the_token(database: Database) -> None:
    token = await ann(database)
    async with database.write() as connection:
        await connection.execute(update(people).values(roles="analyst approver"))
    assert (await authenticate(database, token)).roles == {Role.ANALYST}


async def test_access_tokens_are_random_and_marked(database: Database) -> None:
    tokens = {await ann(database)} | {
        await issue_access_token(database, "root", "ann", (), 12) for _ in range(3)
    }
    assert len(tokens) == 4
    assert all(re.fullmatch(r"adtgw_[A-Za-z0-9_-]{43}", token) for token in tokens)


async def test_the_token_itself_is_nowhere_in_the_store(tmp_path: Path) -> None:
    """Only its hash is: in the table, in the audit record, in every file of the database."""
    async with opened(store_settings(tmp_path)) as database:
        token = await ann(database)
        async with database.read() as connection:
            await connection.execute(text("SELECT 1"))
        files = _contents(tmp_path)
        secret = token.removeprefix("adtgw_").encode()
        assert not any(secret in content for content in files)
        assert any(hashlib.sha256(token.encode()).hexdigest().encode() in content for content in files)


def _contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def test_a_disabled_person_is_refused_like_an_unknown_one(database: Database) -> None:
    token = await ann(database)
    unknown = await refusal(database, "adtgw_unknown")
    await disable_person(database, "root", "ann", 20)
    assert await refusal(database, token) == unknown
    assert token not in "".join(unknown)


@pytest.mark.parametrize("token", ["", " ", "adtgw_", "\udcff\udc00", "x" * 100_000, "\x00", "' OR 1=1 --"])
async def test_any_text_that_is_no_token_is_refused_in_the_same_words(database: Database, token: str) -> None:
    """Bytes of a header that are not UTF-8 arrive as lone surrogates."""
    assert await refusal(database, token) == await refusal(database, "adtgw_unknown")


async def test_part_of_a_token_is_no_token(database: Database) -> None:
    token = await ann(database)
    for wrong in (token[:-1], token + " ", token.upper(), hashlib.sha256(token.encode()).hexdigest()):
        await refusal(database, wrong)


async def test_a_disabled_person_gets_no_new_token_and_no_second_record(database: Database) -> None:
    await ann(database)
    for now in (20, 30):
        await disable_person(database, "root", "ann", now)
    with pytest.raises(Conflict, match="ann is disabled"):
        await issue_access_token(database, "root", "ann", (), 40)
    assert [person.disabled_at for person in await everybody(database)] == [20]
    assert [record["action"] for record in await records(database)].count("person.disabled") == 1


async def test_every_step_is_on_record(database: Database) -> None:
    token = await ann(database, Role.ANALYST, Role.ANALYST)
    await disable_person(database, "kim", "ann", 20.5)
    sha256 = hashlib.sha256(token.encode()).hexdigest()
    told = [(r["at"], r["actor"], r["action"], r["subject"], r["detail"]) for r in await records(database)]
    assert told == [
        (
            "1970-01-01T00:00:10.000Z",
            "root",
            "person.added",
            "person/ann",
            {"roles": ["analyst", "submitter"]},
        ),
        (
            "1970-01-01T00:00:11.000Z",
            "root",
            "access_token.issued",
            "person/ann",
            {"number": 1, "label": "", "days": 90, "roles": ["analyst"], "sha256": sha256},
        ),
        ("1970-01-01T00:00:20.500Z", "kim", "person.disabled", "person/ann", {}),
    ]
    assert len(await read_records(database, subject="person/ann")) == 3


async def test_a_name_is_given_once_even_after_its_person_is_disabled(database: Database) -> None:
    """Two people of one name would be one in the evidence."""
    await ann(database)
    await disable_person(database, "root", "ann", 20)
    with pytest.raises(Conflict) as caught:
        await add_person(database, "root", "ann", BOTH, 30)
    assert caught.value.code == "person_exists"


async def test_a_person_needs_a_role(database: Database) -> None:
    with pytest.raises(InvalidInput) as caught:
        await add_person(database, "root", "ann", (), 10)
    assert caught.value.code == "person_roles"


async def test_an_unknown_person_is_not_found(database: Database) -> None:
    """Nor is what cannot be a name: a command line may hold any bytes."""
    with pytest.raises(NotFound):
        await issue_access_token(database, "root", "ann", (), 10)
    for name in ("ann", "ann\ud800", "ann\x00", "x" * 1000):
        with pytest.raises(NotFound) as caught:
            await disable_person(database, "root", name, 10)
        assert caught.value.message.isprintable()


async def test_everybody_is_listed_by_name(database: Database) -> None:
    for name in ("zoe", "ann", "kim"):
        await add_person(database, "root", name, (Role.APPROVER, Role.APPROVER), 10)
    found = await everybody(database)
    assert [person.name for person in found] == ["ann", "kim", "zoe"]
    assert {person.roles for person in found} == {(Role.APPROVER,)}


def letters() -> Iterator[str]:
    """Yield names just inside and just outside the rule."""
    yield from ("a", "a" * 63, "a.b-c_9", "a" * 64, "", "9a", ".a", "Ann", "ann ", "ann\n", "änn", "system")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.one_of(st.sampled_from([*letters()]), st.text(max_size=70), st.from_regex(r"[a-z0-9._-]{1,66}")))
async def test_a_name_is_lower_case_ascii_begins_with_a_letter_and_is_not_reserved(
    sqlite: Database, name: str
) -> None:
    allowed = (
        1 <= len(name) <= 63
        and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
        and name[0] in "abcdefghijklmnopqrstuvwxyz"
        and name not in RESERVED
    )
    if allowed:
        known = {person.name for person in await everybody(sqlite)}
        if name not in known:
            await add_person(sqlite, "root", name, BOTH, 10)
            assert name in {person.name for person in await everybody(sqlite)}
        return
    with pytest.raises(InvalidInput) as caught:
        await add_person(sqlite, "root", name, BOTH, 10)
    assert caught.value.code == "person_name"
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 140


def test_the_gateway_itself_is_a_reserved_name() -> None:
    assert "system" in RESERVED


@asynccontextmanager
async def _away(_database: Database) -> AsyncIterator[None]:
    raise Unavailable("store_unavailable", "away")
    yield


async def test_who_was_known_stays_known_while_the_store_is_away_where_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's trouble holds no request back that is passed on; nobody new gets in by it."""
    now = 100.0
    async with opened(store_settings(tmp_path)) as database:
        await add_person(database, "root", "ann", (Role.ADAPTOR,), 10)
        token = await issue_access_token(database, "root", "ann", (), 11)
        authenticator = Authenticator(database, lambda: now, Usage(database, lambda: now))
        assert (await authenticator.person(token)).name == "ann"
        monkeypatch.setattr(Database, "read", _away)
        now += 1000
        assert (await authenticator.person(token, though_store_away=True)).name == "ann"
        for unknown, though_away in ((token, False), ("adtgw_x", True)):
            with pytest.raises(Unavailable):
                await authenticator.person(unknown, though_store_away=though_away)
        monkeypatch.undo()
        await disable_person(database, "root", "ann", 20)
        with pytest.raises(NotAuthenticated):
            await authenticator.person(token, though_store_away=True)
