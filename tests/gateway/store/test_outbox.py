"""Alerts leave in the order in which they were recorded, each channel for itself."""

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.outbox import (
    Backlog,
    WaitingAlert,
    backlogs,
    bury,
    count_waiting,
    due_alerts,
    mark_failed,
    mark_sent,
    put_alert,
)
from tests.support.rows import open_incident


async def put(database: Database, *messages: bytes, channels: tuple[str, ...] = ("file",)) -> None:
    async with database.write() as connection:
        incident = await open_incident(connection)
        for message in messages:
            await put_alert(connection, channels, incident, message, 100)


async def next_alert(connection: AsyncConnection, channel: str, now: int = 100) -> WaitingAlert | None:
    due = await due_alerts(connection, channel, now, 73, 10)
    return due[0] if due else None


async def waiting(database: Database, channel: str = "file") -> bytes | None:
    async with database.read() as connection:
        alert = await next_alert(connection, channel)
    return alert.message if alert else None


async def take(database: Database, channel: str = "file") -> bytes | None:
    async with database.write() as connection:
        alert = await next_alert(connection, channel)
        if alert:
            await mark_sent(connection, [alert.id], 101)
    return alert.message if alert else None


async def test_the_oldest_is_next_until_it_was_sent(database: Database) -> None:
    await put(database, b"1", b"2")
    await put(database, b"3")
    assert await waiting(database) == await waiting(database) == b"1"
    assert [await take(database) for _ in range(4)] == [b"1", b"2", b"3", None]


async def test_an_alert_that_failed_holds_up_its_own_incident_alone(database: Database) -> None:
    await put(database, b"1", b"2")
    await put(database, b"3", b"4")
    async with database.write() as connection:
        alert = await next_alert(connection, "file")
        assert alert is not None
        await mark_failed(connection, alert.id, "x" * 10_000, 160)
        others = await due_alerts(connection, "file", 159, 73, 10)
        again = await next_alert(connection, "file", 160)
    assert [other.message for other in others] == [b"3", b"4"]
    assert again is not None
    assert (again.id, again.message, again.attempts) == (alert.id, b"1", 1)


async def test_after_a_dead_letter_its_incident_goes_on(database: Database) -> None:
    await put(database, b"1", b"2")
    async with database.write() as connection:
        alert = await next_alert(connection, "file")
        assert alert is not None
        await bury(connection, alert.id, "never", 101)
        assert await count_waiting(connection) == {"file": 1}
        assert await backlogs(connection) == {"file": Backlog(1, 100, 1)}
    assert await waiting(database) == b"2"


async def test_channels_do_not_take_from_each_other(database: Database) -> None:
    await put(database, b"1", b"2", channels=("file", "mqtt"))
    assert await take(database, "mqtt") == b"1"
    async with database.read() as connection:
        assert await count_waiting(connection) == {"file": 2, "mqtt": 1}
    assert await waiting(database) == b"1"
    assert await waiting(database, "mqtt") == b"2"


async def test_without_a_channel_nothing_waits(database: Database) -> None:
    await put(database, b"1", channels=())
    async with database.read() as connection:
        assert await count_waiting(connection) == {}
