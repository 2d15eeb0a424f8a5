"""Each step of a candidate incident is one row, one audit record and one alert for each channel."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from gateway.alerts.candidate import UPDATE_SECONDS, Candidate, Candidates
from gateway.alerts.facts import QueueFull
from gateway.alerts.message import decode
from gateway.errors import Conflict, StoreRefused
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from gateway.store.incidents import (
    StoredIncident,
    count_open,
    find_open,
    get_incident,
    list_incidents,
    update_incident,
)
from gateway.store.schema import outbox
from tests.support.alerts import BREACH
from tests.support.rows import open_incident

NOW = 1_800_000_000.0


def candidates() -> Candidates:
    return Candidates("test", ("file", "mqtt"), lambda: None)


def facts(deliveries: int = 1) -> QueueFull:
    return QueueFull(
        level="warning",
        subject="queue",
        since="2027-01-15T08:00:00.000Z",
        until=None,
        occurrences=1,
        detail="full",
        figures={"deliveries": deliveries},
    )


async def opened(database: Database) -> StoredIncident:
    async with database.write() as connection:
        new = Candidate(facts(), "full", NOW, subject_key="queue")
        number = await candidates().open(connection, new, NOW)
        return await get_incident(connection, number)


async def update(database: Database, incident: StoredIncident, deliveries: int, at: float) -> None:
    async with database.write() as connection:
        now = await get_incident(connection, incident.id)
        await candidates().update(connection, now, facts(deliveries), f"full {deliveries}", at)


async def alerts(database: Database, channel: str = "file") -> list[tuple[str, Any]]:
    """Return the event and the refused deliveries of each alert of one channel, in order."""
    async with database.read() as connection:
        query = select(outbox.c.message).where(outbox.c.channel == channel).order_by(outbox.c.id)
        found = [decode(message) for message in (await connection.execute(query)).scalars()]
    assert len({alert.id for alert in found}) == len(found), "a receiver drops what comes under one id twice"
    return [(alert.event, getattr(alert.facts, "figures", {}).get("deliveries")) for alert in found]


async def test_an_incident_is_opened_updated_and_closed_on_record_and_in_every_channel(
    database: Database,
) -> None:
    incident = await opened(database)
    await update(database, incident, 2, NOW + 1)
    async with database.write() as connection:
        updated = await get_incident(connection, incident.id)
        closed = await candidates().close(connection, updated, by="ana", reason="a burst", now=NOW + 2)
    assert (closed.title, closed.closed_by, closed.kind) == ("full 2", "ana", "queue_full")
    assert await alerts(database) == [("opened", 1), ("updated", 2), ("closed", 2)]
    assert await alerts(database, "mqtt") == await alerts(database)
    records = await read_records(database, subject=f"incident/{incident.id}")
    actions = [json.loads(record.body)["action"] for record in records]
    assert actions == ["incident.opened", "incident.updated", "incident.closed"]
    assert incident.record == records[0].number


async def test_updates_come_one_in_five_minutes_and_lose_nothing(sqlite: Database) -> None:
    incident = await opened(sqlite)
    for second in range(1, 200):
        await update(sqlite, incident, second, NOW + second)
    assert await alerts(sqlite) == [("opened", 1), ("updated", 1)]
    async with sqlite.read() as connection:
        kept = await get_incident(connection, incident.id)
    assert json.loads(bytes(kept.detail))["figures"] == {"deliveries": 199}, "kept, if not told"
    for at in (NOW + UPDATE_SECONDS, NOW + 1 + UPDATE_SECONDS, NOW + 2 + UPDATE_SECONDS):
        async with sqlite.write() as connection:
            await candidates().tell_due(connection, at)
    assert await alerts(sqlite) == [("opened", 1), ("updated", 1), ("updated", 199)]


async def test_an_update_told_by_a_clock_since_set_back_holds_up_nothing(sqlite: Database) -> None:
    incident = await opened(sqlite)
    await update(sqlite, incident, 2, NOW + 86_400)
    await update(sqlite, incident, 3, NOW)
    assert await alerts(sqlite) == [("opened", 1), ("updated", 2), ("updated", 3)]


async def test_what_was_kept_is_told_though_the_clock_was_set_back(sqlite: Database) -> None:
    incident = await opened(sqlite)
    await update(sqlite, incident, 2, NOW)
    await update(sqlite, incident, 3, NOW + 1)
    for back, told in ((0, 1), (86_400, 2)):
        async with sqlite.write() as connection:
            await candidates().tell_due(connection, NOW + 1 - back)
        assert [event for event, _ in await alerts(sqlite)].count("updated") == told


async def test_what_was_kept_goes_with_the_closing(sqlite: Database) -> None:
    incident = await opened(sqlite)
    await update(sqlite, incident, 2, NOW + 1)
    await update(sqlite, incident, 3, NOW + 2)
    async with sqlite.write() as connection:
        kept = await get_incident(connection, incident.id)
        await candidates().close(connection, kept, by="ana", reason="seen", now=NOW + 3)
        await candidates().tell_due(connection, NOW + 2 * UPDATE_SECONDS)
        with pytest.raises(Conflict):
            await candidates().close(connection, kept, by="ana", reason="again", now=NOW + 4)
    assert await alerts(sqlite) == [("opened", 1), ("updated", 2), ("closed", 3)]


async def test_the_store_refuses_a_second_open_incident_of_one_subject(database: Database) -> None:
    """Whatever path through the code leads there; those of thresholds have no subject and are as many as they are."""
    first = await opened(database)
    with pytest.raises(StoreRefused, match=r"(?i)unique"):
        await opened(database)
    async with database.write() as connection:
        await open_incident(connection, kind="token", subject_key="queue")
        assert [await open_incident(connection) for _ in range(2)]
        await candidates().close(connection, first, by="ana", reason="seen", now=NOW)
    second = await opened(database)
    async with database.read() as connection:
        assert await find_open(connection, "queue_full", "queue") == second
        assert await find_open(connection, "queue_full", "another") is None
        assert await count_open(connection) == {"queue_full": 1, "token": 1, "threshold": 2}
        assert [found.id for found in await list_incidents(connection, kind="queue_full")] == [
            second.id,
            first.id,
        ]


async def test_an_alert_says_the_group_and_when_closed_what_was_found(sqlite: Database) -> None:
    desk = Candidates("test", ("file",), lambda: None)
    async with sqlite.write() as connection:
        for subject in ("a", "b"):
            new = Candidate(BREACH, "passed", NOW, BREACH.threshold.user_id, subject)
            number = await desk.open(connection, new, NOW)
        await update_incident(connection, number, finding="false_positive")
        incident = await get_incident(connection, number)
        await desk.close(connection, incident, by="ana", reason="seen", now=NOW)
        query = select(outbox.c.message).order_by(outbox.c.id)
        first, second, closed = [decode(message) for message in (await connection.execute(query)).scalars()]
    assert (first.group, second.group, closed.group) == (0, incident.group_id, incident.group_id)
    assert (second.finding, closed.finding, closed.state) == ("", "false_positive", "closed")
