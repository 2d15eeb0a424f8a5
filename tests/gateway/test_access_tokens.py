"""Access tokens end, can be revoked, and show their last use; those of before keep working."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.access import Person, Role
from gateway.errors import InvalidInput, NotAuthenticated, NotFound, Unavailable
from gateway.operations.access_tokens import (
    DAY_SECONDS,
    LONGEST_DAYS,
    authenticate,
    issue_access_token,
    list_access_tokens,
    revoke_access_token,
    token_hash,
)
from gateway.operations.authenticator import Authenticator
from gateway.operations.people import add_person, disable_person
from gateway.operations.usage import Usage
from gateway.section import ClientCertificate
from gateway.store.access_tokens import AccessTokenRow
from gateway.store.audit_log import read_records
from gateway.store.database import Database, open_database
from gateway.store.migrate import alembic_config, migrate
from tests.support.databases import Backend

NOW = 1_000_000
FINGERPRINT = "0a" * 32
LATER = NOW + 3600.0
"""When the certificate expires."""


async def issue(database: Database, days: int = 90, label: str = "") -> str:
    await add_person(database, "root", "ann", (Role.ANALYST,), NOW)
    return await issue_access_token(database, "root", "ann", (), NOW, days=days, label=label)


async def test_a_token_works_to_the_last_second_of_its_days(database: Database) -> None:
    token = await issue(database, days=2)
    assert (await authenticate(database, token, NOW + 2 * DAY_SECONDS - 1))[1].name == "ann"
    with pytest.raises(NotAuthenticated):
        await authenticate(database, token, NOW + 2 * DAY_SECONDS)


async def test_a_revoked_token_is_refused_like_an_unknown_one(database: Database) -> None:
    token = await issue(database)
    for _ in range(2):
        await revoke_access_token(database, "ada", "ann", 1, NOW + 5)
    with pytest.raises(NotAuthenticated) as caught:
        await authenticate(database, token, NOW + 6)
    assert caught.value.code == "access_token_unknown"
    actions = [record.body for record in await read_records(database, subject="person/ann")]
    assert sum(b"access_token.revoked" in body for body in actions) == 1
    assert [token.revoked_at for token in await list_access_tokens(database, "ann")] == [NOW + 5]


async def test_only_ones_own_number_is_revoked(database: Database) -> None:
    token = await issue(database)
    await add_person(database, "root", "bob", (Role.ANALYST,), NOW)
    for name, number in (("bob", 1), ("ann", 2)):
        with pytest.raises(NotFound):
            await revoke_access_token(database, "root", name, number, NOW)
    assert (await authenticate(database, token, NOW))[0] == 1


@pytest.mark.parametrize("days", [0, -1, LONGEST_DAYS + 1, 10**9])
async def test_a_token_without_an_end_is_not_issued(sqlite: Database, days: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        await issue(sqlite, days=days)
    assert caught.value.code == "access_token_days"


@pytest.mark.parametrize("label", ["x" * 81, "a\nb", "a\x00"])
async def test_what_it_is_for_is_a_short_line(sqlite: Database, label: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await issue(sqlite, label=label)
    assert caught.value.code == "access_token_label"


@given(st.none() | st.integers(0, 10**6), st.none() | st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_token_works_while_it_is_neither_revoked_nor_at_its_end(
    expires_at: int | None, revoked_at: int | None, now: int
) -> None:
    token = AccessTokenRow(1, "ann", "", (), 0, expires_at, revoked_at, None)
    assert token.works(now) == (revoked_at is None and not (expires_at is not None and now >= expires_at))


async def test_the_last_use_is_written_once_for_many_uses(database: Database) -> None:
    token, now = await issue(database), float(NOW)
    usage = Usage(database, lambda: now)
    authenticator = Authenticator(database, lambda: now, usage)
    for _ in range(5):
        now += 1
        await authenticator.person(token)
    assert [row.used_at for row in await list_access_tokens(database, "ann")] == [None]
    await usage.write()
    await usage.write()
    assert [row.used_at for row in await list_access_tokens(database, "ann")] == [NOW + 5]


@asynccontextmanager
async def _away(_database: Database) -> AsyncIterator[None]:
    raise Unavailable("store_unavailable", "away")
    yield


async def test_what_could_not_be_written_is_written_later(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await issue(sqlite)
    usage = Usage(sqlite, lambda: NOW)
    await Authenticator(sqlite, lambda: NOW, usage).person(token)
    usage.sign_in_refused("ann")
    monkeypatch.setattr(Database, "write", _away)
    with pytest.raises(Unavailable):
        await usage.write()
    monkeypatch.undo()
    await usage.write()
    assert [row.used_at for row in await list_access_tokens(sqlite, "ann")] == [NOW]
    assert b"sign_in.refused" in (await read_records(sqlite))[-1].body


async def test_tokens_of_before_keep_working_and_have_no_end(backend: Backend) -> None:
    database = open_database(backend.settings)
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "0002"))
        await connection.execute(
            text("INSERT INTO people (id, name, roles, created_at) VALUES (1, 'ann', 'analyst', 1)")
        )
        await connection.execute(
            text(
                "INSERT INTO access_tokens (id, person_id, sha256, roles, created_at)"
                " VALUES (1, 1, :sha256, 'analyst', 1)"
            ),
            {"sha256": token_hash("adtgw_old")},
        )
    await migrate(database)
    assert await authenticate(database, "adtgw_old", 10**10) == (1, Person("ann", frozenset({Role.ANALYST})))
    (token,) = await list_access_tokens(database, "ann")
    assert (token.label, token.expires_at, token.used_at) == ("", None, None)
    await database.close()


async def test_a_certificate_stands_for_its_machine_until_it_is_taken_from_the_list(sqlite: Database) -> None:
    now = float(NOW)
    authenticator = Authenticator(sqlite, lambda: now, Usage(sqlite, lambda: now))
    await add_person(sqlite, "root", "adaptor-1", (Role.ADAPTOR,), NOW)
    spelt = ":".join(FINGERPRINT[i : i + 2] for i in range(0, 64, 2)).upper()
    authenticator.use_certificates([ClientCertificate(sha256=spelt, person="adaptor-1")])
    assert await authenticator.machine(FINGERPRINT, LATER) == Person("adaptor-1", frozenset({Role.ADAPTOR}))
    await disable_person(sqlite, "root", "adaptor-1", NOW)
    now += 2
    with pytest.raises(NotAuthenticated):
        await authenticator.machine(FINGERPRINT, LATER)
    authenticator.use_certificates([])
    with pytest.raises(NotAuthenticated):
        await authenticator.machine(FINGERPRINT, LATER)
