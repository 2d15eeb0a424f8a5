"""One alert, or one incident, that cannot be read is set aside, and seen; it stops no other."""

import asyncio
import json
from functools import partial
from typing import Any, Final

import msgspec
import pytest
from aiohttp import web
from sqlalchemy import select, update

from gateway import tasks
from gateway.alerts.channels.alertmanager import AlertmanagerChannel
from gateway.alerts.conditions import Conditions
from gateway.alerts.dispatcher import Dispatcher
from gateway.alerts.firing import firing
from gateway.alerts.introduction import Introduction
from gateway.alerts.line import Line
from gateway.alerts.message import decode
from gateway.channel_settings import AlertmanagerSettings
from gateway.errors import AlertUnreadable
from gateway.health import Health
from gateway.life import IncidentState
from gateway.operations.alert_desk import AlertDesk
from gateway.operations.silences import NewSilence, Silences
from gateway.store.database import Database
from gateway.store.outbox_list import AlertState
from gateway.store.schema import incidents, outbox
from gateway.store.silences import Scope
from tests.gateway.alerts.test_dispatcher import until
from tests.support.firing import fires
from tests.support.http_receiver import Receiver
from tests.support.incident_work import ANA, NOW, OLGA, Office, queue_facts

UNREADABLE: Final = (
    b"",
    b"{",
    b'{"title": "of another version"}',
    b'{"id": "\xff\xfe"}',
    b"[" * 100_000,
    msgspec.json.encode({"id": "x", "instance": "x", "event": "rumour", "incident": 7, "title": ""}),
)


@pytest.mark.parametrize("message", UNREADABLE)
def test_what_holds_no_alert_is_said_to_be_unreadable_whatever_is_wrong_with_it(message: bytes) -> None:
    with pytest.raises(AlertUnreadable, match="cannot be read"):
        decode(message)


async def spoil(database: Database, incident: int, message: bytes = UNREADABLE[3], **values: Any) -> None:
    async with database.write() as connection:
        which = update(outbox).where(outbox.c.incident_id == incident)
        await connection.execute(which.values(message=message, **values))


async def given_up(office: Office) -> list[dict[str, Any]]:
    return [each["detail"] for each in await office.records() if each["action"] == "alert.given_up"]


async def test_it_is_set_aside_from_a_batch_and_the_others_go_out(database: Database) -> None:
    office = await Office(database).staffed()
    numbers = [(await office.open(queue_facts(), "full")).id for _ in range(4)]
    await spoil(database, numbers[1])
    async with Receiver().running() as receiver:
        receiver.answering = lambda _: web.Response()
        settings = AlertmanagerSettings(name="file", url=receiver.url)
        is_open = partial(firing, database, "test", "file", office.clock, cleared=False)
        channel = AlertmanagerChannel(settings, "", is_open)
        line = Line(channel, Health(), office.clock)
        dispatcher = Dispatcher(database, line, office.clock)
        async with asyncio.TaskGroup() as group:
            work = tasks.start(group, "file", dispatcher.run())
            await until(lambda: all_out(database, "file"))
            work.cancel()
        await channel.close()
    posted = [
        each["labels"]["incident"] for request in receiver.requests for each in json.loads(request.body)
    ]
    assert sorted(posted) == sorted(str(number) for number in numbers if number != numbers[1])
    (detail,) = await given_up(office)
    assert (detail["because"], detail["channel"]) == ("unreadable", "file")
    assert line.state.works, "the other side has no part in it"


async def all_out(database: Database, channel: str) -> bool:
    async with database.read() as connection:
        rows = outbox.c.channel == channel, outbox.c.sent_at.is_(None), outbox.c.dead_at.is_(None)
        return not (await connection.execute(select(outbox.c.id).where(*rows))).all()


async def test_what_fires_goes_on_firing_beside_it_and_so_does_its_own_incident(database: Database) -> None:
    """Else Alertmanager would take every open incident for resolved."""
    office = await Office(database).staffed()
    first, second = [(await office.open(queue_facts(), "full")).id for _ in range(2)]
    async with database.write() as connection:
        await connection.execute(update(outbox).values(sent_at=1))
    await spoil(database, first)
    for _ in range(2):
        other, instead = await fires(database, "file")
        assert (other.incident, other.title) == (second, "full")
        assert (instead.incident, instead.event, instead.facts) == (first, "updated", None)
        assert "cannot be read" in instead.title
    (detail,) = await given_up(office)
    assert (detail["because"], detail["channel"]) == ("unreadable", "file")


async def test_people_see_it_and_discard_it_and_do_not_send_it_anew(database: Database) -> None:
    office = await Office(database).staffed()
    first, second = [(await office.open(queue_facts(), "full")).id for _ in range(2)]
    async with database.write() as connection:
        await connection.execute(update(outbox).values(dead_at=1))
    await spoil(database, first)
    line = Line(Taker(), Health(), office.clock)
    desk = AlertDesk("test", [line], {}, database, office.candidates, office.clock)
    page = await desk.listed(OLGA, AlertState.DEAD, "file", 10)
    assert [(each.incident_id, bool(each.alert_id)) for each in page.alerts] == [
        (second, True),
        (first, False),
    ]
    unreadable = page.alerts[1].id
    with pytest.raises(AlertUnreadable):
        await desk.resend(OLGA, unreadable)
    assert await desk.resend_all(OLGA, "file") == 1
    assert (await desk.discard(OLGA, unreadable, "of a later version")).id == unreadable
    assert (await desk.listed(OLGA, AlertState.DEAD, "file", 10)).alerts == []


class Taker:
    """Another side that is not asked."""

    name = "file"
    batch = 1

    async def send(self, _messages: object) -> str:
        return ""

    async def close(self) -> None:
        pass


async def test_an_incident_that_cannot_be_read_is_told_without_facts_and_stops_nothing(
    database: Database,
) -> None:
    """Silences are settled, channels introduced, conditions recovered, and a person can close it."""
    office = await Office(database).staffed()
    silences = Silences(database, office.candidates, office.clock)
    await silences.create(OLGA, NewSilence("x", int(NOW) + 600, scope=Scope(kind="queue_full")))
    first, second = [(await office.open(queue_facts(), "full", subject_key=key)).id for key in "ab"]
    assert await office.alerts("file") == []
    async with database.write() as connection:
        changed = update(incidents).where(incidents.c.id == first).values(detail=b'{"kind": "rumour"}')
        await connection.execute(changed)
    office.now += 601
    await silences.settle()
    told = await office.alerts("file")
    assert [(each.incident, each.event, each.facts is None) for each in told] == [
        (first, "opened", True),
        (second, "opened", False),
    ]
    await Introduction("test", ["new"], (), database, office.clock).introduce()
    assert [each.incident for each in await office.alerts("new")] == [first, second]
    conditions = Conditions(database, office.candidates, office.clock)
    await conditions.recover()
    assert (await office.work.close(ANA, first, "seen", IncidentState.EXPECTED_WORK)).id == first
    assert (await office.alerts("file"))[-1].event == "closed"


async def test_it_neither_hinders_the_start_nor_goes_out_of_a_classified_incident(database: Database) -> None:
    office = await Office(database).staffed()
    incident = await office.breach()
    await spoil(database, incident.id)
    await office.marking.mark(ANA, incident.id, "classified", [], "x")
    async with database.write() as connection:
        await office.candidates.withhold(connection)
    assert all(each.facts is None for each in await office.alerts("file"))
