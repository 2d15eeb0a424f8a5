"""Incidents are found by what people know of them, page by page."""

from typing import Any

import pytest
from sqlalchemy import event, update

from gateway.life import OPEN_STATES, IncidentState
from gateway.store import incident_list, incident_words
from gateway.store.database import Database
from gateway.store.incident_list import (
    Counted,
    IncidentFilter,
    ListedIncident,
    count_incidents,
    count_open_by_level,
    find_incidents,
)
from gateway.store.incidents import close_incident, get_incident, update_incident
from gateway.store.schema import incidents
from tests.support.rows import ANN, BOB, open_incident

ROWS: tuple[dict[str, Any], ...] = (
    {"title": "100 % of the level"},
    {"title": "under_score", "user_id": BOB, "level": "quarantine"},
    {"title": "CAMPAIGN of the spring", "kind": "forecast"},
    {"title": "http is silent", "kind": "source_silent", "user_id": "", "subject_key": "http"},
    {"title": "to be closed"},
)


async def _fill(database: Database) -> list[int]:
    async with database.write() as connection:
        numbers = [await open_incident(connection, **row) for row in ROWS]
        last = await get_incident(connection, numbers[-1])
        await close_incident(connection, last, by="zoe", reason="A Known Campaign", now=50)
    return numbers


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (IncidentFilter(), {0, 1, 2, 3, 4}),
        (IncidentFilter(states=OPEN_STATES), {0, 1, 2, 3}),
        (IncidentFilter(kind="forecast"), {2}),
        (IncidentFilter(level="quarantine"), {1}),
        (IncidentFilter(user_id=BOB), {1}),
        (IncidentFilter(user_id=ANN[:-1].lower()), {0, 1, 2, 4}),
        (IncidentFilter(text="campaign"), {2, 4}),
        (IncidentFilter(text="campaign", kind="forecast", states=(IncidentState.CLOSED,)), set()),
        (IncidentFilter(text="%"), set()),
        (IncidentFilter(text="_"), set()),
        (IncidentFilter(text="' OR 1=1 --"), set()),
        (IncidentFilter(text="\\"), set()),
        (IncidentFilter(text="under SCO"), {1}),
        (IncidentFilter(text="spring camp"), {2}),
        (IncidentFilter(text="spring autumn"), set()),
        (IncidentFilter(text="ampaign"), set()),
    ],
    ids=str,
)
async def test_an_incident_is_found_by_every_condition_and_no_other(
    database: Database, wanted: IncidentFilter, places: set[int]
) -> None:
    numbers = await _fill(database)
    async with database.read() as connection:
        found = [each.id for each in await find_incidents(connection, wanted, 10)]
        assert await count_incidents(connection, wanted) == Counted(len(found))
    assert found == sorted((numbers[place] for place in places), reverse=True)


async def test_a_number_finds_its_incident(database: Database) -> None:
    numbers = await _fill(database)
    async with database.read() as connection:
        found = await find_incidents(connection, IncidentFilter(text=str(numbers[3])), 10)
        assert numbers[3] in {each.id for each in found}
        assert await find_incidents(connection, IncidentFilter(text="9" * 30), 10) == []


async def test_pages_follow_each_other_without_gap_or_repetition(database: Database) -> None:
    async with database.write() as connection:
        numbers = [await open_incident(connection) for _ in range(7)]
    pages: list[ListedIncident] = []
    async with database.read() as connection:
        for skip in range(0, 9, 3):
            pages += await find_incidents(connection, IncidentFilter(), 3, skip)
    assert [each.id for each in pages] == numbers[::-1]


async def test_a_page_is_one_statement_however_many_rows_it_has(database: Database) -> None:
    async with database.write() as connection:
        for _ in range(60):
            await open_incident(connection)
    statements: list[str] = []
    engine = database.engine.sync_engine

    def note(*args: Any) -> None:
        statements.append(args[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        async with database.read() as connection:
            found = await find_incidents(connection, IncidentFilter(), 50)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(found) == 50
    assert len([each for each in statements if each.lstrip().upper().startswith("SELECT")]) == 1
    assert all("detail" not in each for each in statements)  # a row is small whatever is known of it


async def test_open_incidents_are_counted_by_kind_and_level(database: Database) -> None:
    await _fill(database)
    async with database.read() as connection:
        counts = await count_open_by_level(connection)
    assert counts == {
        ("threshold", "warning"): 1,
        ("threshold", "quarantine"): 1,
        ("forecast", "warning"): 1,
        ("source_silent", "warning"): 1,
    }
    async with database.write() as connection:
        await connection.execute(update(incidents).values(marking="classified"))
        counts = await count_open_by_level(connection)
    assert counts == {("threshold", ""): 2, ("forecast", ""): 1, ("source_silent", ""): 1}, (
        "no list tells more"
    )


@pytest.mark.parametrize("common", [1, 1000], ids=["every word common", "every word rare"])
async def test_words_find_the_same_whichever_way_is_taken(
    database: Database, monkeypatch: pytest.MonkeyPatch, common: int
) -> None:
    monkeypatch.setattr(incident_words, "COMMON", common)
    numbers = await _fill(database)
    async with database.write() as connection:
        await update_incident(connection, numbers[0], title="CHG-7 of 4.1.1, überprüft")
    async with database.read() as connection:
        for text, places in (
            ("campaign", {2, 4}),
            ("known camp", {4}),
            ("chg-7 4.1", {0}),
            ("ÜBER", {0}),
            ("100", set()),
            ("level", set()),
        ):
            found = await find_incidents(connection, IncidentFilter(text=text), 10)
            assert {each.id for each in found} == {numbers[place] for place in places}, text


async def test_what_is_beyond_the_limit_is_more_and_found_by_what_comes_before(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_list, "MOST_COUNTED", 5)
    async with sqlite.write() as connection:
        numbers = [await open_incident(connection) for _ in range(7)]
    async with sqlite.read() as connection:
        assert await count_incidents(connection, IncidentFilter()) == Counted(5, is_more=True)
        older = IncidentFilter(before=numbers[3])
        assert await count_incidents(connection, older) == Counted(3)
        assert [each.id for each in await find_incidents(connection, older, 9)] == numbers[2::-1]
