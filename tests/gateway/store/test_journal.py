"""The journal gives back what arrived, in order, and forgets no more than it is told to."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store import journal
from gateway.store.database import Database
from gateway.store.journal import (
    Counted,
    JournalRow,
    Observation,
    keep_counted,
    newest_group,
    oldest_received,
    prune_journal,
    read_counted,
    read_journal,
)
from gateway.store.journal_writer import open_journal_writer
from tests.support.databases import opened, store_settings
from tests.support.rows import make_observation
from thresholds.model import Communication, CommunicationClass, UserId

OBSERVATIONS = st.builds(
    Observation,
    st.builds(
        Communication,
        request_id=st.text(max_size=68),
        originator=st.text(max_size=23).map(UserId),
        target=st.text(max_size=23),
        counter=st.integers(0, 2**64 - 1),
        command_variant=st.integers(1, 9),
        service_reference=st.text(max_size=8),
        service_reference_variant=st.text(max_size=8),
        communication_class=st.sampled_from(CommunicationClass),
    ),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
)


async def append(database: Database, observations: Sequence[Observation], now: int) -> int:
    """Commit one group over a writer of its own."""
    writer = open_journal_writer(database)
    try:
        return await writer.append(observations, now)
    finally:
        writer.close()


async def write(database: Database, *received: int) -> list[JournalRow]:
    """Write one group for each instant, each in a transaction of its own."""
    rows = []
    for number, instant in enumerate(received):
        observations = [make_observation(number)]
        row_id = await append(database, observations, instant)
        rows.append(JournalRow(row_id, instant, observations))
    return rows


async def read(database: Database, after: int = 0) -> list[JournalRow]:
    return [row async for row in read_journal(database, after)]


@given(st.lists(st.lists(OBSERVATIONS, max_size=5), max_size=4))
@settings(max_examples=15)
def test_groups_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[Observation]]
) -> None:
    async def round_trip() -> None:
        async with opened(store_settings(tmp_path_factory.mktemp("store"))) as database:
            for group in groups:
                await append(database, group, 100)
            assert [row.observations for row in await read(database)] == groups

    asyncio.run(round_trip())


async def test_groups_are_read_in_order_of_their_numbers(database: Database) -> None:
    rows = await write(database, 100, 101, 101, 99, 102)
    assert await read(database) == rows
    assert await read(database, rows[1].id) == rows[2:]
    async with database.read() as connection:
        assert await newest_group(connection) == rows[-1]
        assert await oldest_received(connection, rows[2].id) == 99
        assert await oldest_received(connection, rows[-1].id) is None


@pytest.mark.parametrize(("limit", "value"), [("PAGE", 3), ("PAGE_COMMUNICATIONS", 2)])
async def test_a_journal_longer_than_a_page_is_read_whole(
    database: Database, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(journal, limit, value)
    rows = await write(database, *range(7))
    assert await read(database) == rows
    assert await read(database, rows[0].id) == rows[1:]


async def test_a_group_larger_than_a_page_is_read_whole(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PAGE_COMMUNICATIONS", 2)
    large = [make_observation(number) for number in range(5)]
    await append(sqlite, large, 1)
    await write(sqlite, 2)
    assert [len(row.observations) for row in await read(sqlite)] == [5, 1]


async def test_a_group_that_arrives_while_the_journal_is_read_is_read_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page holds no transaction open: writers go on, and the end is found where it is then."""
    monkeypatch.setattr(journal, "PAGE", 2)
    await write(database, 1, 2)
    found = []
    async for row in read_journal(database):
        found.append(row.received_at)
        if len(found) < 5:
            await write(database, 2 + len(found))
    assert found == [1, 2, 3, 4, 5, 6]


async def test_pruning_takes_what_is_older_and_folded_and_no_more_than_it_is_told(database: Database) -> None:
    rows = await write(database, 100, 101, 102, 103, 104)
    for limit, taken in ((2, 2), (9, 1), (9, 0)):
        async with database.write() as connection:
            assert await prune_journal(connection, rows[-2].id, 103, limit) == taken
    assert await read(database) == rows[3:]


async def test_the_newest_group_is_never_pruned(database: Database) -> None:
    """SQLite would give its number to the next one."""
    rows = await write(database, 100, 101)
    async with database.write() as connection:
        assert await prune_journal(connection, rows[-1].id, 1000, 9) == 1
    (following,) = await write(database, 102)
    assert following.id == rows[-1].id + 1


async def test_reading_ends_at_the_last_group_asked_for(database: Database) -> None:
    rows = await write(database, 100, 101, 102)
    found = [row async for row in read_journal(database, 0, last=rows[1].id)]
    assert found == rows[:2]


async def test_how_far_the_count_came_is_kept_with_what_it_recorded(database: Database) -> None:
    async with database.read() as connection:
        assert await read_counted(connection) == Counted(0, 0)
    async with database.write() as connection:
        await keep_counted(connection, Counted(7, 100))
    async with database.read() as connection:
        assert await read_counted(connection) == Counted(7, 100)


@pytest.mark.parametrize(
    ("row", "covered"), [((7, 100), True), ((1, 1), True), ((8, 100), False), ((7, 101), False)]
)
def test_a_group_was_counted_where_both_its_number_and_its_time_were_reached(
    row: tuple[int, int], covered: bool
) -> None:
    """An emptied journal may use a number again: the time tells them apart."""
    assert Counted(7, 100).covers(JournalRow(*row, [])) is covered


async def test_an_empty_journal_has_no_newest_group(database: Database) -> None:
    async with database.read() as connection:
        assert await newest_group(connection) is None
    assert await read(database) == []
