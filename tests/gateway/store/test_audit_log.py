"""The chain in the store has one end, whoever writes at once."""

import asyncio
import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from sqlalchemy import delete, insert, update

from gateway.audit.record import AuditRecord, Entry
from gateway.audit.verify import ChainVerdict, verify_chain
from gateway.store import audit_log
from gateway.store.audit_log import all_records, append_record, ends_of, last_record, read_records
from gateway.store.database import Database
from gateway.store.schema import audit_records
from tests.support.chains import ENTRIES
from tests.support.databases import Backend, opened, store_settings

ROOT = Path(__file__).parents[3]


async def append_one(database: Database, subject: str = "test/1") -> AuditRecord:
    async with database.write() as connection:
        return await append_record(connection, Entry("ann", "test.written", subject), 0)


async def verdict(database: Database) -> ChainVerdict:
    return verify_chain([record async for record in all_records(database)])


async def test_records_come_back_as_they_were_written(database: Database) -> None:
    written = [await append_one(database, f"test/{number}") for number in range(3)]
    assert [record async for record in all_records(database)] == written
    async with database.read() as connection:
        assert await last_record(connection) == written[-1]


async def test_records_are_read_in_pages_and_by_subject(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log.read_records, "__defaults__", (0, 3, None))
    written = [await append_one(database, f"test/{number % 2}") for number in range(7)]
    assert await read_records(database) == written[:3]
    assert await read_records(database, after=5) == written[5:]
    assert await read_records(database, after=1, limit=2, subject="test/0") == [written[2], written[4]]
    assert [record async for record in all_records(database)] == written


@pytest.mark.parametrize(
    ("written", "first", "last"), [(0, 0, 0), (5, 2, 3), (4, 2, 2), (7, 2, 2), (40, 2, 2)]
)
async def test_of_many_records_of_a_subject_the_first_and_the_newest_are_read(
    sqlite: Database, written: int, first: int, last: int
) -> None:
    """The newest are among them however many there are, none twice, and it is said how many are not."""
    records = [await append_one(sqlite, f"test/{number % 2}") for number in range(2 * written)]
    own = [record for record in records if record.number % 2]
    async with sqlite.read() as connection:
        found = await ends_of(connection, "test/0", 4 if first == last else 6)
    assert found.records == [*own[:first], *own[written - last :]]
    assert found.left_out == written - first - last


async def test_a_chain_longer_than_a_page_is_read_whole(sqlite: Database) -> None:
    async with sqlite.write() as connection:
        for _ in range(audit_log.PAGE + 1):
            await append_record(connection, Entry("ann", "test.written", "test/1"), 0)
    found = await verdict(sqlite)
    assert (found.intact, found.records) == (True, audit_log.PAGE + 1)


async def test_twenty_writers_at_once_make_one_chain_without_gaps(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(append_one(database))
    found = await verdict(database)
    assert (found.intact, found.records, found.last_number) == (True, 20, 20)


async def test_two_processes_that_write_at_once_make_one_chain(backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(backend.settings.model_dump_json())
    async with opened(backend.settings) as database:
        command = (sys.executable, "-m", "tests.support.audit_writer", str(file), "40")
        other = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."})
        ours = 0
        while other.returncode is None:
            await append_one(database)
            ours += 1
            await asyncio.sleep(0.001)
        assert await other.wait() == 0
        found = await verdict(database)
        assert (found.intact, found.records) == (True, ours + 40)
        actors = [b'"actor":"ann"' in record.body async for record in all_records(database)]
    changes = sum(one != two for one, two in pairwise(actors))
    assert changes > 2, "the two did not write at the same time"


async def test_what_somebody_did_to_the_rows_is_found(database: Database) -> None:
    for _ in range(4):
        await append_one(database)
    table = audit_records
    async with database.write() as connection:
        await connection.execute(update(table).where(table.c.number == 3).values(body=b"{}"))
    assert (await verdict(database)).wrong_number == 3
    async with database.write() as connection:
        await connection.execute(delete(table).where(table.c.number == 2))
    assert (await verdict(database)).wrong_number == 2


async def test_a_number_cannot_stand_twice(database: Database) -> None:
    record = await append_one(database)
    values = {"number": 1, "subject": "x", "body": record.body, "hash": record.hash}
    with pytest.raises(Exception, match=r"(?i)unique"):
        async with database.write() as connection:
            await connection.execute(insert(audit_records).values(values))


@given(ENTRIES)
@hypothesis_settings(max_examples=20)
def test_any_entry_comes_back_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, entry: Entry) -> None:
    """Whatever text a person typed: the store gives back the bytes that were hashed."""

    async def round_trip() -> None:
        async with opened(store_settings(tmp_path_factory.mktemp("store"))) as database:
            async with database.write() as connection:
                written = await append_record(connection, entry, 0)
            assert await read_records(database) == [written]

    asyncio.run(round_trip())
