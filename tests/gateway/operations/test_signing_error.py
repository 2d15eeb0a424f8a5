"""Why an approved file is not signed is told by its newest failure, whatever else is on record of it."""

import pytest
from sqlalchemy import update

from gateway.audit.record import Entry
from gateway.operations import signing
from gateway.operations.signing import last_signing_error
from gateway.store.adt_files import FileState, StoredFile, get_file, move_file
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.schema import audit_records
from tests.support.rows import submitted


async def approved(database: Database) -> StoredFile:
    file = await submitted(database)
    number = await written(database, file, "bob", "approved")
    async with database.write() as connection:
        return await move_file(
            connection, file, FileState.APPROVED, approved_by="bob", approved_at=5, approval_record=number
        )


async def written(database: Database, file: StoredFile, actor: str, step: str, **detail: str) -> int:
    async with database.write() as connection:
        entry = Entry(actor, file.kind.action(step), file.subject, detail)
        return (await append_record(connection, entry, 0)).number


async def failed(database: Database, file: StoredFile, code: str) -> int:
    return await written(database, file, "system", "signing_failed", code=code, message="no", at="now")


async def told(database: Database, file: StoredFile) -> str | None:
    async with database.read() as connection:
        error = await last_signing_error(connection, await get_file(connection, file.id))
    return error.code if error else None


async def test_the_newest_failure_is_told_after_any_number_of_refused_approvals(database: Database) -> None:
    file, other = await approved(database), await approved(database)
    assert await told(database, file) is None
    await failed(database, file, "token_pin_locked")
    await failed(database, file, "token_missing")
    await failed(database, other, "token_timeout")
    for _ in range(30):
        await written(database, file, "ann", "approval_refused", code="second_person_required")
    await written(database, file, "system", "signing")
    assert await told(database, file) == "token_missing"
    assert await told(database, other) == "token_timeout"


async def test_a_failure_that_somebody_changed_does_not_hide_the_one_before(sqlite: Database) -> None:
    file = await approved(sqlite)
    await failed(sqlite, file, "token_missing")
    number = await failed(sqlite, file, "token_timeout")
    async with sqlite.write() as connection:
        body = b'{"action":"adt_file.signing_failed","actor":'
        await connection.execute(
            update(audit_records).where(audit_records.c.number == number).values(body=body)
        )
    assert await told(sqlite, file) == "token_missing"


async def test_what_is_read_is_bounded(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure beyond the bound is not told: the read of a page stays short."""
    monkeypatch.setattr(signing, "LOOKED_BACK", 3)
    file = await approved(sqlite)
    await failed(sqlite, file, "token_missing")
    for seen in ("token_missing", "token_missing", None):
        await written(sqlite, file, "ann", "approval_refused", code="second_person_required")
        assert await told(sqlite, file) == seen
