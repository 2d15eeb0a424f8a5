"""Records are found by what their hashed bytes say, whatever else stands beside them or inside them."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from gateway.audit.record import Content, Entry
from gateway.store.audit_log import append_record
from gateway.store.audit_search import RecordFilter, count_records, get_record, search_records
from gateway.store.database import Database
from gateway.store.schema import audit_records
from tests.support.rows import ANN

START = 1_800_000_000
"""2027-01-15T08:00:00Z."""

ENTRIES = (
    Entry("bob", "adt_file.approved", "adt-file/1"),
    Entry("bob", "adt_file.approval_refused", "adt-file/11"),
    Entry(
        "ann", "incident.closed", "incident/1", {"reason": '","actor":"bob","at":"2000-01-01T00:00:00.000Z"'}
    ),
    Entry(
        "ann",
        "incident.closed",
        "incident/2",
        {"nested": {"action": "adt_file.approved", "actor": "bob", "at": "2000"}},
    ),
    Entry('o"neil', "person.added", "person/é", {"user": ANN}),
    Entry("system", "adt_file.signed", "adt-file/1"),
)


async def _fill(database: Database, entries: tuple[Entry, ...] = ENTRIES) -> None:
    async with database.write() as connection:
        for place, entry in enumerate(entries):
            await append_record(connection, entry, START + 60 * place)


async def _numbers(
    database: Database, wanted: RecordFilter, limit: int = 100, before: int | None = None
) -> list[int]:
    async with database.read() as connection:
        return [each.number for each in await search_records(connection, wanted, limit, before)]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (RecordFilter(), [6, 5, 4, 3, 2, 1]),
        (RecordFilter(subject="adt-file/1"), [6, 1]),
        (RecordFilter(subject="adt-file"), [6, 2, 1]),
        (RecordFilter(subject="adt_file"), []),
        (RecordFilter(action="adt_file.approv"), [2, 1]),
        (RecordFilter(action="approved"), []),
        (RecordFilter(actor="bob"), [2, 1]),
        (RecordFilter(actor='o"neil'), [5]),
        (RecordFilter(actor="bo"), []),
        (RecordFilter(actor="bob", action="adt_file.approved"), [1]),
        (RecordFilter(first=2, last=4), [4, 3, 2]),
        (RecordFilter(since="2027-01-15T08:01:00", until="2027-01-15T08:03:00"), [3, 2]),
        (RecordFilter(until="2001-01-01T00:00:00"), []),
    ],
    ids=str,
)
async def test_a_record_is_found_by_its_own_words(
    database: Database, wanted: RecordFilter, numbers: list[int]
) -> None:
    """What a detail quotes is not the record's own."""
    await _fill(database)
    assert await _numbers(database, wanted) == numbers


async def test_records_are_read_page_by_page_from_the_end(database: Database) -> None:
    await _fill(database)
    assert await _numbers(database, RecordFilter(), 4) == [6, 5, 4, 3]
    assert await _numbers(database, RecordFilter(), 4, before=3) == [2, 1]
    async with database.read() as connection:
        assert await count_records(connection) == len(ENTRIES)
        assert await get_record(connection, 7) is None


async def test_what_somebody_wrote_over_a_record_hinders_nobody(database: Database) -> None:
    await _fill(database)
    async with database.write() as connection:
        await connection.execute(
            update(audit_records).where(audit_records.c.number == 3).values(body=b"\xff{")
        )
    assert await _numbers(database, RecordFilter(actor="bob")) == [2, 1]
    assert 3 in await _numbers(database, RecordFilter())


async def test_a_text_in_place_of_the_bytes_is_read(sqlite: Database) -> None:
    """SQLite keeps what it is given."""
    await _fill(sqlite)
    async with sqlite.write() as connection:
        await connection.execute(text("UPDATE audit_records SET body = CAST(body AS TEXT) WHERE number = 1"))
    assert await _numbers(sqlite, RecordFilter(actor="bob")) == [2, 1]


WORDS = st.sampled_from(["bob", "ann", 'a"b', "a\\", "é", "at", '","at":"', "adt_file.approved"])
DETAILS = st.dictionaries(st.sampled_from(["actor", "action", "at", "x"]), WORDS, max_size=3)
SOME = st.lists(st.builds(Entry, WORDS, WORDS, WORDS, DETAILS), min_size=1, max_size=6)


@given(entries=SOME, actor=WORDS, action=WORDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
async def test_the_search_finds_what_reading_every_record_finds(
    sqlite: Database, entries: list[Entry], actor: str, action: str
) -> None:
    async with sqlite.write() as connection:
        await connection.execute(text("DELETE FROM audit_records"))
    await _fill(sqlite, tuple(entries))
    async with sqlite.read() as connection:
        everything = await search_records(connection, RecordFilter(), 100)
    contents: list[Any] = [msgspec.json.decode(each.body, type=Content) for each in everything]
    by_actor = [each.number for each in contents if each.actor == actor]
    by_action = [each.number for each in contents if each.action.startswith(action)]
    assert await _numbers(sqlite, RecordFilter(actor=actor)) == by_actor
    assert await _numbers(sqlite, RecordFilter(action=action)) == by_action
