"""What was passed on and not counted is put on record once, also where the gateway stops while the store is away."""

import asyncio

import pytest
from sqlalchemy import select, text

from gateway.ingest.not_counted import NotCounted
from gateway.store.database import Database
from gateway.store.incidents import list_incidents
from gateway.store.schema import audit_records
from tests.support.watching import Machine, make_conditions


async def rename(database: Database, old: str, new: str) -> None:
    async with database.write() as connection:
        await connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


@pytest.mark.parametrize("later", [0, 2], ids=["alone", "with more that came meanwhile"])
async def test_what_the_store_did_not_take_is_recorded_before_the_end(sqlite: Database, later: int) -> None:
    """The store is back, and the next attempt would come too late."""
    not_counted = NotCounted(sqlite, make_conditions(sqlite, Machine()), Machine())
    await rename(sqlite, "audit_records", "away")
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(not_counted.run())
        not_counted.add("store_unavailable", "first")
        await asyncio.wait({telling}, timeout=2)  # it is tried again and again, and the pauses get longer
        for _ in range(later):
            not_counted.add("memory_full")
        await rename(sqlite, "away", "audit_records")
        await not_counted.finish()
        telling.cancel()
    async with sqlite.read() as connection:
        bodies = list((await connection.execute(select(audit_records.c.body))).scalars())
        (incident,) = await list_incidents(connection)
    told = [body for body in bodies if "forward.not_counted" in str(body)]
    assert len(told) == 1 + bool(later)
    assert sum('"first_request_id":"first"' in str(body) for body in told) == 1
    assert f'"requests":{1 + later}' in bytes(incident.detail).decode()
