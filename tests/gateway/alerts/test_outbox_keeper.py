"""What was taken long ago is forgotten; what somebody may still need is not."""

from sqlalchemy import select, update

from gateway.alerts import outbox_keeper as module
from gateway.alerts.outbox_keeper import OutboxKeeper
from gateway.store.database import Database
from gateway.store.outbox import put_alert
from gateway.store.schema import incidents, outbox
from tests.support.rows import open_incident

DAY = 86_400
NOW = 100 * DAY


async def test_alerts_of_closed_incidents_are_forgotten_after_their_days(database: Database) -> None:
    rows = {
        b"old": {"sent_at": NOW - 31 * DAY},
        b"new": {"sent_at": NOW - 29 * DAY},
        b"waits": {},
        b"dead": {"dead_at": NOW - 99 * DAY},
        b"of one that is open": {"sent_at": NOW - 99 * DAY},
    }
    async with database.write() as connection:
        for message, values in rows.items():
            incident = await open_incident(connection)
            await put_alert(connection, ["soc"], incident, message, NOW - 99 * DAY)
            if values:
                which = outbox.c.incident_id == incident
                await connection.execute(update(outbox).where(which).values(**values))
            if message != b"of one that is open":
                which = incidents.c.id == incident
                await connection.execute(update(incidents).where(which).values(state="closed"))
    assert await OutboxKeeper(database, 30, lambda: float(NOW)).forget() == 1
    async with database.read() as connection:
        left = [bytes(row[0]) for row in await connection.execute(select(outbox.c.message))]
    assert sorted(left) == sorted(rows.keys() - {b"old"})


async def test_many_are_forgotten_a_part_at_a_time(sqlite: Database) -> None:
    count = module.AT_ONCE * 2 + 5
    async with sqlite.write() as connection:
        incident = await open_incident(connection)
        await connection.execute(update(incidents).values(state="closed"))
        for _ in range(count):
            await put_alert(connection, ["soc"], incident, b"", 1)
        await connection.execute(update(outbox).values(sent_at=1))
    assert await OutboxKeeper(sqlite, 30, lambda: float(NOW)).forget() == count
