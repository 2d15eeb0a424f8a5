"""A channel that is new or renamed is told of what is open, once, under the identity that others know."""

import msgspec
import pytest
from sqlalchemy import select, update

from gateway.access import Person, Role
from gateway.alerts.candidate import Candidate, Candidates, Change
from gateway.alerts.introduction import Introduction
from gateway.alerts.message import Alert, decode
from gateway.errors import NotFound
from gateway.operations.alert_desk import AlertDesk
from gateway.store.database import Database
from gateway.store.incidents import get_incident, update_incident
from gateway.store.schema import outbox
from tests.support.alerts import SILENT
from tests.support.firing import fires

NOW = 1_800_000_000.0
OLGA = Person("olga", frozenset({Role.OPERATOR}))


async def opened(database: Database, *subjects: str, channels: tuple[str, ...] = ("old",)) -> list[int]:
    candidates = Candidates("test", channels, lambda: None)
    numbers = []
    for subject in subjects:
        async with database.write() as connection:
            facts = msgspec.structs.replace(SILENT, subject=subject)
            new = Candidate(facts, f"about {subject}", NOW, subject_key=subject)
            numbers.append(await candidates.open(connection, new, NOW))
    return numbers


async def alerts(database: Database, channel: str) -> list[Alert]:
    async with database.read() as connection:
        query = select(outbox.c.message).where(outbox.c.channel == channel).order_by(outbox.c.id)
        return [decode(message) for message in (await connection.execute(query)).scalars()]


async def restarted(database: Database, *channels: str) -> None:
    await Introduction("test", channels, (), database, lambda: NOW + 60).introduce()


async def test_a_renamed_channel_is_told_once_of_what_is_open(database: Database) -> None:
    first, second, closed = await opened(database, "a", "b", "c")
    async with database.write() as connection:
        incident = await get_incident(connection, closed)
        desk = Candidates("test", ("old",), lambda: None)
        await desk.close(connection, incident, by="ana", reason="seen", now=NOW)
    for _ in range(2):
        await restarted(database, "new")
    told = await alerts(database, "new")
    assert [(alert.incident, alert.event) for alert in told] == [(first, "opened"), (second, "opened")]
    before = {alert.id for alert in await alerts(database, "old")}
    assert {alert.id for alert in told} <= before, "a receiver that is the same drops what it knows"
    async with database.write() as connection:
        await connection.execute(update(outbox).values(sent_at=1))
    assert [alert.incident for alert in await fires(database, "new")] == [second, first], "it goes on firing"


async def test_the_first_channel_is_told_of_what_was_opened_while_none_was_set(database: Database) -> None:
    (number,) = await opened(database, "a", channels=())
    for _ in range(2):
        await restarted(database, "first")
    assert [(each.incident, each.event) for each in await alerts(database, "first")] == [(number, "opened")]


async def test_a_channel_that_was_told_is_told_nothing_and_a_marking_holds(sqlite: Database) -> None:
    (number,) = await opened(sqlite, "a", channels=("old", "new"))
    await restarted(sqlite, "old", "new")
    assert len(await alerts(sqlite, "new")) == 1
    async with sqlite.write() as connection:
        await update_incident(connection, number, marking="classified")
    await restarted(sqlite, "third")
    (told,) = await alerts(sqlite, "third")
    assert (told.facts, told.marking, "about a" in told.title) == (None, "classified", False)


async def test_a_marking_takes_the_facts_out_of_what_waits_for_a_channel_that_is_not_set(
    database: Database,
) -> None:
    """It may be set again, and would get what it may not carry."""
    (number,) = await opened(database, "a", channels=("old", "cleared"))
    desk = Candidates("test", ("cleared",), lambda: None, cleared={"cleared"})
    change = Change("ana", "incident.marked", "marked classified", "why", {"marking": "classified"})
    async with database.write() as connection:
        await desk.change(connection, await get_incident(connection, number), change, NOW)
    (waiting,) = await alerts(database, "old")
    assert (waiting.facts, "about a" in waiting.title) == (None, False)
    assert all(alert.facts for alert in await alerts(database, "cleared"))
    async with database.write() as connection:
        await Candidates("test", ("cleared", "old"), lambda: None).withhold(connection)
    assert not any(alert.facts for alert in await alerts(database, "cleared")), "it is cleared no more"


async def test_a_dead_letter_of_a_channel_that_is_not_set_does_not_wait_for_ever(sqlite: Database) -> None:
    await opened(sqlite, "a")
    async with sqlite.write() as connection:
        await connection.execute(update(outbox).values(dead_at=1))
    desk = AlertDesk("test", (), {}, sqlite, Candidates("test", (), lambda: None), lambda: NOW)
    for resend in (desk.resend(OLGA, 1), desk.resend_all(OLGA, "old")):
        with pytest.raises(NotFound, match="there is no channel old"):
            await resend
    assert (await desk.look(OLGA))[0].dead == 1
