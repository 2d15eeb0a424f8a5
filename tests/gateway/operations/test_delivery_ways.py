"""A file is delivered only once that is on record; what fails is kept, and tried again after a pause that grows."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from gateway.access import Person, Role
from gateway.delivery.way import Handed
from gateway.errors import Conflict, InvalidInput, NotPermitted, Unavailable
from gateway.operations.delivery import Delivery
from gateway.store.adt_files import FileState
from gateway.store.audit_log import all_records
from gateway.store.database import Database
from gateway.store.deliveries import DeliveryRow, get_delivery
from tests.gateway.operations.test_delivery import signed

OLGA = Person("olga", frozenset({Role.OPERATOR}))


class Slow:
    """A way that is away as often as it is told."""

    name = "sftp"
    is_quick = False

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tries = 0
        self.done = asyncio.Event()

    async def deliver(self, number: int, parts: Mapping[str, bytes]) -> Handed:
        self.tries += 1
        if self.tries <= self.failures:
            raise Unavailable("sftp_unreachable", "it is away", "")
        self.done.set()
        return Handed(f"there/{number}", f"{len(parts)} files, receipt 7")


async def row(database: Database, number: int) -> DeliveryRow | None:
    async with database.read() as connection:
        return await get_delivery(connection, number)


async def test_what_the_other_side_said_is_on_record_and_kept(database: Database) -> None:
    file = await signed(database)
    delivered = await Delivery(database, Slow(0), lambda: 1000.0).deliver(file.id)
    assert delivered.state is FileState.DELIVERED
    kept = await row(database, file.id)
    assert kept is not None
    assert (kept.channel, kept.place, kept.said) == ("sftp", f"there/{file.id}", "3 files, receipt 7")
    last = [json.loads(record.body) async for record in all_records(database)][-1]
    assert (last["action"], last["detail"]["said"]) == ("adt_file.delivered", "3 files, receipt 7")


async def test_a_failure_is_kept_and_the_file_stays_signed(database: Database) -> None:
    file = await signed(database)
    delivery = Delivery(database, Slow(2), lambda: 1000.0)
    for attempt in (1, 2):
        with pytest.raises(Unavailable):
            await delivery.deliver(file.id)
        kept = await row(database, file.id)
        assert kept is not None
        assert (kept.attempts, kept.error_code, kept.delivered_at) == (attempt, "sftp_unreachable", None)
    assert (await delivery.deliver(file.id)).state is FileState.DELIVERED
    kept = await row(database, file.id)
    assert kept is not None
    assert (kept.attempts, kept.error, kept.delivered_at) == (0, None, 1000)


async def test_the_pause_doubles_after_each_failure(sqlite: Database) -> None:
    await signed(sqlite)
    now = 1000.0
    way = Slow(99)
    delivery = Delivery(sqlite, way, lambda: now, retry_seconds=10)
    tried = []
    for second in range(0, 160, 5):
        now = 1000.0 + second
        before = way.tries
        await delivery._deliver_waiting()
        if way.tries > before:
            tried.append(second)
    assert tried == [0, 10, 30, 70, 150]


async def test_nobody_waits_for_a_way_that_takes_its_time(sqlite: Database) -> None:
    await signed(sqlite)
    way = Slow(0)
    delivery = Delivery(sqlite, way, lambda: 1000.0)
    running = asyncio.get_running_loop().create_task(delivery.run())
    await asyncio.wait_for(way.done.wait(), 30)
    running.cancel()
    other = await signed(sqlite)
    assert (await delivery.soon(other)).state is FileState.SIGNED
    assert way.tries == 1


async def test_a_person_confirms_with_the_reference_of_the_receipt(database: Database) -> None:
    file = await signed(database)
    delivery = Delivery(database, None, lambda: 1000.0)
    assert (await delivery.soon(file)).state is FileState.SIGNED
    with pytest.raises(Conflict, match="handed over by a person"):
        await delivery.ask(OLGA, file.id)
    with pytest.raises(InvalidInput):
        await delivery.confirm(OLGA, file.id, " ")
    with pytest.raises(NotPermitted):
        await delivery.confirm(Person("adam", frozenset({Role.AUDITOR})), file.id, "x")
    assert (await delivery.confirm(OLGA, file.id, "SharePoint 17")).state is FileState.DELIVERED
    kept = await row(database, file.id)
    assert kept is not None
    assert (kept.channel, kept.reference, kept.delivered_by) == ("by_hand", "SharePoint 17", "olga")
    with pytest.raises(Conflict, match="delivered already"):
        await delivery.confirm(OLGA, file.id, "again")
