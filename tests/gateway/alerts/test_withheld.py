"""What is classified now is not sent by a channel that may not carry it, whenever the alert was written."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import update

from gateway import tasks
from gateway.alerts.candidate import Candidates
from gateway.alerts.channels.file import FileChannel
from gateway.alerts.dispatcher import Dispatcher
from gateway.alerts.line import Line
from gateway.alerts.message import Alert, decode
from gateway.health import Health
from gateway.operations.alert_desk import AlertDesk
from gateway.operations.silences import NewSilence, Silences
from gateway.store.database import Database
from gateway.store.schema import outbox
from gateway.store.silences import Scope
from tests.gateway.alerts.test_dispatcher import until
from tests.support.firing import fires
from tests.support.incident_work import ANA, NOW, OLGA, Office
from tests.support.rows import ANN

FIRED: Final = {"opened", "updated"}


def without_facts(alert: Alert) -> bool:
    return alert.facts is None and not alert.user_id and alert.marking == "classified"


async def dead_letters(database: Database) -> Office:
    """Return an office with a classified incident whose alerts channel `secret`, then cleared, never took."""
    office = await Office(database).staffed()
    incident = await office.breach()
    await office.marking.mark(ANA, incident.id, "classified", [], "x")
    async with database.write() as connection:
        await connection.execute(update(outbox).values(dead_at=1))
    assert all(alert.facts for alert in await office.alerts("secret"))
    return office


async def test_a_dead_letter_is_sent_anew_by_the_settings_of_now(database: Database, tmp_path: Path) -> None:
    """The channel was cleared when the alert was written, and is not any more."""
    office = await dead_letters(database)
    candidates = Candidates("test", ("file", "secret"), lambda: None, cleared=())
    lines = [Line(FileChannel(tmp_path / "alerts"), Health(), office.clock)]
    async with database.write() as connection:
        await connection.execute(update(outbox).where(outbox.c.channel == "file").values(channel="other"))
        await connection.execute(update(outbox).where(outbox.c.channel == "secret").values(channel="file"))
    desk = AlertDesk("test", lines, {}, database, candidates, office.clock)
    assert await desk.resend_all(OLGA, "file") == 2
    assert all(without_facts(alert) for alert in await office.alerts("file"))


async def test_what_was_written_for_a_channel_that_was_not_set_is_held_back_too(database: Database) -> None:
    """It may be set again, and would send what still waits."""
    office = await Office(database).staffed()
    incident = await office.breach()
    async with database.write() as connection:
        await connection.execute(update(outbox).where(outbox.c.channel == "file").values(channel="gone"))
    await office.marking.mark(ANA, incident.id, "classified", [], "x")
    assert [without_facts(alert) for alert in await office.alerts("gone")] == [True]


async def test_what_another_version_wrote_neither_hinders_the_marking_nor_goes_out(
    database: Database,
) -> None:
    office = await Office(database).staffed()
    incident = await office.breach()
    async with database.write() as connection:
        await connection.execute(update(outbox).values(message=msgspec.json.encode({"title": "secret"})))
    await office.marking.mark(ANA, incident.id, "classified", [], "x")
    assert all(without_facts(alert) for alert in await office.alerts("file"))


async def test_what_fires_is_held_back_though_a_silence_muted_the_marking(database: Database) -> None:
    """Alertmanager is told again and again what it was told last, which was before the marking."""
    office = await Office(database).staffed()
    incident = await office.breach()
    async with database.write() as connection:
        await connection.execute(update(outbox).values(sent_at=1))
    silences = Silences(database, office.candidates, office.clock)
    await silences.create(OLGA, NewSilence("x", int(NOW) + 600, scope=Scope(user_id=ANN)))
    await office.marking.mark(ANA, incident.id, "classified", [], "x")
    (alert,) = await fires(database, "file")
    assert without_facts(alert)
    assert alert.event in FIRED
    (alert,) = await fires(database, "secret", cleared=True)
    assert alert.facts


class Slow:
    """Another side that takes one alert at a time, each when it is told to."""

    name = "file"
    batch = 1

    def __init__(self) -> None:
        self.taken: list[Alert] = []
        self.asked = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def send(self, messages: Sequence[bytes]) -> str:
        self.asked.set()
        await self.goes_on.wait()
        self.taken += map(decode, messages)
        return "taken"

    async def close(self) -> None:
        pass


async def test_a_marking_holds_for_what_was_found_to_be_sent_and_has_not_had_its_turn(
    database: Database,
) -> None:
    """Both alerts are in one round; the first is on its way when the incident is marked, the second is not."""
    office = await Office(database).staffed()
    incident = await office.breach()
    await office.work.ticket(ANA, incident.id, "INC-1")
    channel = Slow()
    dispatcher = Dispatcher(database, Line(channel, Health(), office.clock), office.clock)
    async with asyncio.TaskGroup() as group:
        work = tasks.start(group, "slow", dispatcher.run())
        await channel.asked.wait()
        await office.marking.mark(ANA, incident.id, "classified", [], "x")
        channel.goes_on.set()

        async def all_three() -> bool:
            return len(channel.taken) == 3

        await until(all_three, dispatcher)
        work.cancel()
    assert [without_facts(alert) for alert in channel.taken] == [False, True, True]
    assert [alert.event for alert in channel.taken] == ["opened", "updated", "updated"]
