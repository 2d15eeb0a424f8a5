"""What is delivered is what was submitted, and it is on disk with its name before it is on record."""

import asyncio
import hashlib
from pathlib import Path

import pytest
import structlog
from sqlalchemy import update

from gateway.access import Role
from gateway.delivery.folder import FolderWay
from gateway.errors import GatewayError
from gateway.live import Live
from gateway.operations.delivery import Delivery
from gateway.store.adt_files import FileState, StoredFile, get_file
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from gateway.store.schema import adt_files
from tests.support.incident_work import person
from tests.support.rows import submitted
from tests.support.synced import watched_fsync

CONTENT = b"content"


async def signed(database: Database) -> StoredFile:
    """Return a file as it waits for its delivery."""
    file = await submitted(database, content=CONTENT, sha256=hashlib.sha256(CONTENT).hexdigest())
    values = {"state": FileState.SIGNED, "approved_by": "bob", "signature_name": f"{file.name}.p7s"}
    await change(database, file, signature=b"signature", receipt=b"receipt", **values)
    async with database.read() as connection:
        return await get_file(connection, file.id)


async def change(database: Database, file: StoredFile, **values: object) -> None:
    async with database.write() as connection:
        await connection.execute(update(adt_files).where(adt_files.c.id == file.id).values(**values))


async def test_the_three_files_are_written(sqlite: Database, tmp_path: Path) -> None:
    file = await signed(sqlite)
    delivered = await Delivery(sqlite, FolderWay(tmp_path / "out"), lambda: 1000.0).deliver(file.id)
    assert delivered.state is FileState.DELIVERED
    folder = tmp_path / "out" / str(file.id)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        file.name: CONTENT,
        f"{file.name}.p7s": b"signature",
        f"{file.name}.receipt.json": b"receipt",
    }


async def test_what_the_approval_and_the_background_come_for_at_once_is_delivered_once(
    sqlite: Database, tmp_path: Path
) -> None:
    """One record and one event; a person who asks has it delivered again."""
    file, live = await signed(sqlite), Live()
    told: list[object] = []
    live.tell = told.append  # type: ignore[method-assign, assignment]
    delivery = Delivery(sqlite, FolderWay(tmp_path / "out"), lambda: 1000.0, live)
    both = await asyncio.gather(delivery.deliver(file.id), delivery.deliver(file.id))
    assert {each.state for each in both} == {FileState.DELIVERED}
    (record,) = await read_records(sqlite)
    assert (b'"adt_file.delivered"' in record.body, len(told)) == (True, 1)
    await delivery.ask(person("olga", Role.OPERATOR), file.id)
    assert len(told) == 2


async def test_bytes_that_somebody_changed_in_the_store_are_not_delivered(
    sqlite: Database, tmp_path: Path
) -> None:
    file = await signed(sqlite)
    await change(sqlite, file, content=b"changed")
    delivery = Delivery(sqlite, FolderWay(tmp_path / "out"), lambda: 1000.0)
    with structlog.testing.capture_logs() as logs, pytest.raises(GatewayError) as caught:
        await delivery.deliver(file.id)
    assert caught.value.code == "stored_bytes_changed"
    assert [(log["event"], log["log_level"]) for log in logs] == [("stored_bytes_changed", "error")]
    assert not (tmp_path / "out").exists()
    async with sqlite.read() as connection:
        assert (await get_file(connection, file.id)).state is FileState.SIGNED


async def test_the_names_of_new_folders_are_on_disk_too(
    sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await signed(sqlite)
    out = tmp_path / "new" / "out"
    with watched_fsync(monkeypatch) as synced:
        await Delivery(sqlite, FolderWay(out), lambda: 1000.0).deliver(file.id)
    assert {tmp_path, tmp_path / "new", out, out / str(file.id)} <= set(synced)
