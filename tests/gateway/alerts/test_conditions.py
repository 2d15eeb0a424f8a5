"""A condition is one open incident, however often it comes back and whenever the gateway is restarted."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import tasks
from gateway.alerts import conditions as module
from gateway.alerts.candidate import UPDATE_SECONDS, Candidates
from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import QueueFull, SourceSilent
from gateway.errors import StoreRefused, Unavailable
from gateway.store.database import Database
from gateway.store.incidents import StoredIncident, list_incidents
from tests.support.watching import Machine, make_conditions

CHANNELS = ("file",)


async def incidents(database: Database) -> list[StoredIncident]:
    """Return the incidents, oldest first."""
    async with database.read() as connection:
        return list(reversed(await list_incidents(connection)))


def known(incident: StoredIncident) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(incident.detail))
    return found


def full(machine: Machine, **more: int) -> News:
    return News(QueueFull, "queue", "full", machine(), more=more)


async def test_what_holds_is_told_once_and_what_is_over_too(sqlite: Database) -> None:
    machine = Machine()
    conditions = make_conditions(sqlite, machine)
    for _ in range(3):
        conditions.holds(full(machine, deliveries=2))
        await conditions.write()
        machine.wait(1)
    (incident,) = await incidents(sqlite)
    assert (incident.kind, incident.state, incident.level) == ("queue_full", "candidate", "warning")
    assert known(incident)["figures"] == {"deliveries": 6}
    assert known(incident)["until"] is None
    for _ in range(2):
        conditions.over(QueueFull, "queue", "over")
        await conditions.write()
    (incident,) = await incidents(sqlite)
    assert (incident.state, incident.title) == ("candidate", "over"), "a person closes it"
    assert known(incident)["until"] is not None
    assert known(incident)["occurrences"] == 1


async def test_what_comes_back_adds_to_the_open_one_and_opens_another_once_that_is_closed(
    sqlite: Database,
) -> None:
    machine = Machine()
    conditions = make_conditions(sqlite, machine)
    for _ in range(2):
        conditions.holds(full(machine))
        await conditions.write()
        conditions.over(QueueFull, "queue", "over")
        await conditions.write()
    (incident,) = await incidents(sqlite)
    assert known(incident)["occurrences"] == 2
    async with sqlite.write() as connection:
        candidates = Candidates("test", CHANNELS, lambda: None)
        await candidates.close(connection, incident, by="ana", reason="seen", now=machine())
    conditions.over(QueueFull, "queue", "over")
    await conditions.write()
    assert len(await incidents(sqlite)) == 1
    conditions.holds(full(machine))
    await conditions.write()
    assert [incident.state for incident in await incidents(sqlite)] == ["closed", "candidate"]


async def test_one_that_a_person_closed_while_it_lasts_is_not_opened_again_before_it_began_anew(
    sqlite: Database,
) -> None:
    machine = Machine()
    conditions = make_conditions(sqlite, machine)
    conditions.holds(full(machine, deliveries=1))
    await conditions.write()
    (incident,) = await incidents(sqlite)
    async with sqlite.write() as connection:
        candidates = Candidates("test", CHANNELS, lambda: None)
        await candidates.close(connection, incident, by="ana", reason="seen", now=machine())
    conditions.holds(full(machine, deliveries=1))
    conditions.over(QueueFull, "queue", "over")
    await conditions.write()
    assert len(await incidents(sqlite)) == 1


async def test_a_restart_goes_on_with_what_lasted(database: Database) -> None:
    """Killed between the beginning and the end: neither is a second incident opened nor the end forgotten."""
    machine = Machine()
    before = make_conditions(database, machine)
    before.holds(full(machine, deliveries=1))
    before.holds(News(SourceSilent, "http", "silent", machine()))
    before.happened(News(SourceSilent, "mqtt", "was silent", machine()))
    await before.write()
    after = make_conditions(database, machine)
    await after.recover()
    assert (after.lasting(QueueFull), after.lasting(SourceSilent)) == (["queue"], ["http"])
    after.holds(full(machine, deliveries=1))
    after.over(SourceSilent, "http", "speaks")
    await after.write()
    queue, http, mqtt = await incidents(database)
    assert known(queue) | {"figures": {"deliveries": 2}} == known(queue)
    assert (known(queue)["occurrences"], known(queue)["until"]) == (1, None)
    assert (known(http)["occurrences"], known(http)["detail"]) == (1, "speaks")
    assert known(mqtt)["until"] is not None


async def test_what_a_store_that_is_away_does_not_take_is_put_on_record_when_it_is_back(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine()
    conditions = make_conditions(sqlite, machine)
    conditions.holds(full(machine, deliveries=1))
    conditions.holds(News(SourceSilent, "http", "silent", machine()))
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "write", away)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await conditions.write()
        await conditions.finish()  # says so in the log, and raises nothing
    conditions.over(QueueFull, "queue", "over")
    await conditions.write()
    found = {incident.kind: known(incident) for incident in await incidents(sqlite)}
    assert found["queue_full"]["figures"] == {"deliveries": 1}
    assert (found["queue_full"]["occurrences"], found["queue_full"]["until"] is None) == (1, False)
    assert found["source_silent"]["until"] is None


def away() -> Any:
    raise Unavailable("store_unavailable", "the store is away", "Wait.")


async def test_a_flood_of_subjects_stays_within_bounds(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 3)
    machine = Machine()
    conditions = make_conditions(sqlite, machine)
    for number in range(10):
        conditions.holds(News(SourceSilent, str(number), "silent", machine()))
    await conditions.write()
    assert len(await incidents(sqlite)) == 3


async def test_the_loop_writes_a_beginning_at_once_and_tells_later_what_was_kept(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    machine = Machine()
    rung = asyncio.Event()
    conditions = Conditions(sqlite, Candidates("test", CHANNELS, rung.set), machine)
    async with asyncio.TaskGroup() as group:
        work = tasks.start(group, "conditions", conditions.run())
        for step in (conditions.holds, lambda news: conditions.over(QueueFull, "queue", news.detail)):
            step(full(machine))
            await _event(rung)
        conditions.holds(full(machine))  # within five minutes of the first update: kept
        await _event(rung)
        (incident,) = await incidents(sqlite)
        assert incident.tell_at is not None
        machine.wait(UPDATE_SECONDS + 1)
        await _event(rung)
        (incident,) = await incidents(sqlite)
        assert (incident.tell_at, incident.updated_at) == (None, int(machine()))
        work.cancel()


async def _event(rung: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await rung.wait()
    rung.clear()


async def test_one_that_the_store_refuses_holds_no_other_up_and_is_not_lost(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine()
    conditions = make_conditions(sqlite, machine)
    put = Conditions.put

    async def refuse_one(self: Conditions, connection: AsyncConnection, news: News) -> None:
        if news.kind is QueueFull:
            raise StoreRefused("store_refused", "a rule of a table", "")
        await put(self, connection, news)

    conditions.holds(full(machine))
    conditions.holds(News(SourceSilent, "http", "silent", machine()))
    with monkeypatch.context() as patch:
        patch.setattr(Conditions, "put", refuse_one)
        await conditions.write()
    assert [each.kind for each in await incidents(sqlite)] == ["source_silent"]
    await conditions.finish()
    assert [each.kind for each in await incidents(sqlite)] == ["source_silent", "queue_full"]
