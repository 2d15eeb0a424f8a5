"""What nobody will take is discarded by a person, with a reason and on record; lists come in pages."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.access import Person, Role
from gateway.alerts.line import Line
from gateway.errors import Conflict, InvalidInput, NotFound, NotPermitted
from gateway.health import Health
from gateway.operations.alert_desk import AlertDesk
from gateway.store import outbox_list
from gateway.store.database import Database
from gateway.store.incident_list import Counted
from gateway.store.outbox_list import AlertState
from gateway.store.schema import outbox
from tests.support.incident_work import ADAM, ANA, OLGA, Office

GONE = "secret"
"""A channel that alerts were written for, and that the settings do not have."""


class Taker:
    """The other side of the one channel that is set; it is not asked."""

    name = "file"
    batch = 1

    async def send(self, _messages: Sequence[bytes]) -> str:
        return ""

    async def close(self) -> None:
        pass


async def desk_with(database: Database, incidents: int) -> tuple[AlertDesk, Office]:
    office = await Office(database).staffed()
    for _ in range(incidents):
        await office.breach()
    lines = [Line(Taker(), Health(), office.clock)]
    return AlertDesk("test", lines, {}, database, office.candidates, office.clock), office


async def rows(database: Database, channel: str) -> list[Any]:
    async with database.read() as connection:
        query = select(outbox).where(outbox.c.channel == channel).order_by(outbox.c.id)
        return list((await connection.execute(query)).all())


async def test_what_is_left_for_a_channel_that_is_gone_is_discarded_and_each_alert_is_on_record(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.operations.alert_desk.AT_ONCE", 2)
    desk, office = await desk_with(database, 4)
    waiting, dead, taken, last = await rows(database, GONE)
    async with database.write() as connection:
        await connection.execute(update(outbox).where(outbox.c.id == dead.id).values(dead_at=1))
        await connection.execute(update(outbox).where(outbox.c.id == taken.id).values(sent_at=1))
    look = next(each for each in await desk.look(OLGA) if each.name == GONE)
    assert (look.is_set, look.waiting, look.dead) == (False, 2, 1)
    (shown,) = (await desk.listed(OLGA, AlertState.DEAD, GONE, 10)).alerts
    assert (shown.channel_is_set, shown.may_discard) == (False, True)
    assert await desk.discard_all(OLGA, GONE, " the SOC has another one ") == 3
    assert [row.id for row in await rows(database, GONE)] == [taken.id], "what was taken stays on record"
    assert len(await rows(database, "file")) == 4, "other channels keep theirs"
    found = [each for each in await office.records() if each["action"] == "alert.discarded"]
    assert [(each["actor"], each["subject"]) for each in found] == [
        ("olga", f"incident/{row.incident_id}") for row in (waiting, dead, last)
    ]
    assert found[1]["detail"] == {
        "channel": GONE,
        "alert": dead.id,
        "id": f"test/incident/{dead.incident_id}/opened",
        "was": "dead",
        "reason": "the SOC has another one",
    }
    with pytest.raises(NotFound, match="nothing is left"):
        await desk.discard_all(OLGA, GONE, "again")


async def test_what_will_still_be_sent_or_was_taken_is_not_discarded(database: Database) -> None:
    desk, office = await desk_with(database, 1)
    ((mine,), (other,)) = await rows(database, "file"), await rows(database, GONE)
    with pytest.raises(Conflict, match="waits for its channel"):
        await desk.discard(ANA, mine.id, "x")
    with pytest.raises(Conflict, match="channel file is set"):
        await desk.discard_all(ANA, "file", "x")
    async with database.write() as connection:
        await connection.execute(update(outbox).where(outbox.c.id == mine.id).values(sent_at=1))
    with pytest.raises(Conflict, match="was taken"):
        await desk.discard(ANA, mine.id, "x")
    assert (await desk.discard(ANA, other.id, "x")).channel == GONE
    with pytest.raises(NotFound, match=f"no alert {other.id}"):
        await desk.discard(ANA, other.id, "x")
    assert [each["action"] for each in await office.records()].count("alert.discarded") == 1


async def test_discarding_needs_a_role_and_a_reason(sqlite: Database) -> None:
    desk, _ = await desk_with(sqlite, 1)
    (row,) = await rows(sqlite, GONE)
    for person in (ADAM, Person("alice", frozenset({Role.SUBMITTER}))):
        with pytest.raises(NotPermitted):
            await desk.discard(person, row.id, "x")
        with pytest.raises(NotPermitted):
            await desk.discard_all(person, GONE, "x")
    with pytest.raises(InvalidInput):
        await desk.discard(OLGA, row.id, "  ")
    with pytest.raises(InvalidInput):
        await desk.discard_all(OLGA, GONE, "")
    assert len(await rows(sqlite, GONE)) == 1


async def test_a_list_comes_in_pages_each_alert_once_and_is_counted_as_far_as_it_is_worth(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _ = await desk_with(database, 5)
    pages = [await desk.listed(ADAM, AlertState.WAITING, "file", 2, skip) for skip in (0, 2, 4, 6)]
    numbers = [each.id for page in pages for each in page.alerts]
    assert numbers == [row.id for row in await rows(database, "file")][::-1]
    assert {page.counted for page in pages} == {Counted(5)}
    assert (await desk.listed(ADAM, AlertState.WAITING, None, 2)).counted == Counted(10)
    monkeypatch.setattr(outbox_list, "MOST_COUNTED", 3)
    assert (await desk.listed(ADAM, AlertState.WAITING, "file", 2)).counted == Counted(3, is_more=True)
    assert (await desk.listed(ADAM, AlertState.WAITING, "file", 2, 4)).alerts, (
        "the rest is there all the same"
    )
