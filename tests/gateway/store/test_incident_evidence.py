"""Target devices in excess, and which other incidents stand beside one, on every kind of store."""

from collections import Counter
from typing import Final

import msgspec
import pytest
from sqlalchemy import insert, select

from gateway.access import Person, Role
from gateway.operations import evidence_csv
from gateway.operations.evidence_csv import devices_csv
from gateway.store.database import Database
from gateway.store.episodes import close_episode, find_episode, open_episode
from gateway.store.incident_evidence import devices_of, incidents_at
from gateway.store.incidents import update_incident
from gateway.store.schema import episodes, excess
from tests.support.rows import ANN, make_episode, open_incident
from thresholds.model import Level

ADAM: Final = Person("adam", frozenset({Role.AUDITOR}))


def device(number: int) -> str:
    return f"00-DB-12-34-56-78-90-{number:02X}"


async def with_excess(database: Database, requests: Counter[int], level: Level = Level.WARNING) -> int:
    """Open an incident with so many requests in excess to each device; return its number."""
    async with database.write() as connection:
        number = await open_incident(connection)
        episode = make_episode(level, 600)
        await open_episode(connection, episode, number)
        query = select(episodes.c.id).where(episodes.c.incident_id == number)
        own = (await connection.execute(query)).scalar_one()
        rows = [
            {"episode_id": own, "communication_class": name, "observed_at_ms": 600_000}
            | {"request_id": f"{ANN}:{device(to)}:{counter}"}
            for to, n in requests.items()
            for counter, name in ((counter, "SR" if counter % 2 else "SPC") for counter in range(n))
        ]
        await connection.execute(insert(excess), rows)
        return number


async def test_the_devices_with_the_most_requests_come_first_and_all_are_counted(database: Database) -> None:
    requests = Counter({number: number for number in range(1, 31)})
    incident = await with_excess(database, requests)
    await with_excess(database, Counter({200: 99}), Level.QUARANTINE)
    async with database.read() as connection:
        found = await devices_of(connection, incident, 3)
        nothing = await devices_of(connection, 99_999, 3)
    assert [(each.device, each.requests) for each in found.devices] == [
        (device(30), 30),
        (device(29), 29),
        (device(28), 28),
    ]
    assert (found.count, found.of_requests) == (30, sum(requests.values()))
    assert (nothing.count, nothing.of_requests, nothing.devices) == (0, 0, [])


async def test_the_file_has_every_device_once_wherever_its_parts_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of 1, 2, 7 and 1000 requests: a device whose requests lie in several is one row."""
    requests = Counter({number: 1 + number % 9 for number in range(25)})
    incident = await with_excess(database, requests)
    for at_once in (1, 2, 7, 1000):
        monkeypatch.setattr(evidence_csv, "AT_ONCE", at_once)
        parts = [part async for part in devices_csv(database, ADAM, incident, lambda: 1.0)]
        header, *rows = b"".join(parts).decode().splitlines()
        assert header == "Device,Requests,Level,EpisodeFrom"
        assert [row.split(",")[0] for row in rows] == sorted(device(number) for number in requests)
        assert {row.split(",")[0]: int(row.split(",")[1]) for row in rows} == {
            device(number): n for number, n in requests.items()
        }
        assert {tuple(row.split(",")[2:]) for row in rows} == {("warning", "1970-01-01T00:10:00Z")}


async def test_beside_stands_what_was_opened_or_lasted_at_the_time(database: Database) -> None:
    async with database.write() as connection:
        own = await open_incident(connection, opened_at=5000)
        opened = await open_incident(connection, opened_at=4000)
        await open_incident(connection, opened_at=3999)
        await open_incident(connection, opened_at=6001)
        lasting = await open_incident(connection, opened_at=100)
        await open_episode(connection, make_episode(Level.WARNING, 100), lasting)
        over = await open_incident(connection, opened_at=200)
        await open_episode(connection, make_episode(Level.QUARANTINE, 200), over)
        episode = await find_episode(connection, make_episode(Level.QUARANTINE, 200))
        assert episode is not None
        await close_episode(connection, episode, 3000, "fell")
        silent = await open_incident(connection, kind="source_silent", opened_at=1)
        closed = await open_incident(connection, kind="clock", opened_at=1)
        await update_incident(connection, closed, closed_at=3999)
    async with database.read() as connection:
        kinds = ["source_silent", "clock"]
        found = await incidents_at(connection, own, 4000, 6000, kinds, 50)
        few = await incidents_at(connection, own, 0, 9000, kinds, 2)
    assert [each.id for each in found] == [opened, lasting, silent]
    assert all(msgspec.json.decode(each.detail) == {} for each in found)
    assert len(few) <= 6
