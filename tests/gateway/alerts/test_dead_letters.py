"""What is never taken becomes a dead letter, on record; what follows it goes on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import update

from gateway import tasks
from gateway.alerts import dispatcher as module
from gateway.alerts.dispatcher import Dispatcher, Limits
from gateway.alerts.line import Line
from gateway.audit.record import AuditRecord
from gateway.errors import AlertRefused, Unavailable
from gateway.health import Health
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from gateway.store.schema import outbox
from tests.gateway.alerts.test_dispatcher import Clock, put, rows, until


class Soc:
    """Takes batches, refuses some alerts for ever, and has trouble with others."""

    name = "soc"

    def __init__(self, batch: int = 1, refuses: bytes = b"", trouble: bytes = b"", width: int = 1) -> None:
        self.batch = batch
        self.in_flight = width
        self.refuses = refuses
        self.trouble = trouble
        self.taken: list[bytes] = []
        self.tried: list[list[bytes]] = []

    async def send(self, messages: Sequence[bytes]) -> str:
        self.tried.append(list(messages))
        await asyncio.sleep(0)
        if any(message in self.refuses for message in messages):
            raise AlertRefused("too_long", "it is too long for us")
        if any(message in self.trouble for message in messages):
            raise Unavailable("http_500", "an error of the server")
        self.taken += messages
        return "taken"

    async def close(self) -> None:
        pass


@asynccontextmanager
async def running(
    database: Database, soc: Soc, clock: Clock, limits: Limits | None = None
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(database, Line(soc, Health(), clock), clock, limits)
    async with asyncio.TaskGroup() as group:
        work = tasks.start(group, "soc", dispatcher.run())
        yield dispatcher
        work.cancel()


async def settled(database: Database, *ring: Dispatcher) -> None:
    async def none_waits() -> bool:
        return all(row.sent_at is not None or row.dead_at is not None for row in await rows(database))

    await until(none_waits, *ring)


async def given_up(database: Database) -> list[AuditRecord]:
    records = await read_records(database, 0, 100)
    return [record for record in records if b'"alert.given_up"' in record.body]


@pytest.mark.parametrize("batch", [1, 2, 3, 10])
async def test_what_is_refused_is_found_in_a_batch_and_the_rest_is_taken_once(
    database: Database, batch: int
) -> None:
    soc = Soc(batch, refuses=b"37")
    await put(database, b"1", b"2", b"3", b"4")
    await put(database, b"5", b"6", b"7")
    async with running(database, soc, Clock()):
        await settled(database)
    assert sorted(soc.taken) == [b"1", b"2", b"4", b"5", b"6"]
    assert soc.taken.index(b"1") < soc.taken.index(b"2") < soc.taken.index(b"4")
    dead = [row for row in await rows(database) if row.dead_at is not None]
    assert [(row.message, row.last_error) for row in dead] == [
        (b"3", "too_long: it is too long for us"),
        (b"7", "too_long: it is too long for us"),
    ]
    records = await given_up(database)
    assert len(records) == 2
    assert b'"because":"refused"' in records[0].body
    assert b'"channel":"soc"' in records[0].body
    assert b"incident/1" in records[0].body


async def test_trouble_with_one_alert_holds_up_its_incident_alone(sqlite: Database) -> None:
    soc = Soc(10, trouble=b"1")
    await put(sqlite, b"1", b"2")
    await put(sqlite, b"3")
    await put(sqlite, b"4")
    clock = Clock()
    async with running(sqlite, soc, clock) as dispatcher:

        async def others_are_sent() -> bool:
            clock.now += 0.5
            return {b"3", b"4"} <= set(soc.taken)

        await until(others_are_sent, dispatcher)
    assert b"2" not in soc.taken
    assert [b"1"] in soc.tried, "it is tried alone once it has failed"


async def test_an_alert_alone_to_blame_is_given_up_and_what_follows_goes_on(sqlite: Database) -> None:
    soc, clock = Soc(trouble=b"1"), Clock()
    await put(sqlite, b"1", b"2")
    async with running(sqlite, soc, clock, Limits(attempts=3)) as dispatcher:
        for message in (b"a", b"b", b"c", b"d", b"e", b"f"):
            await put(sqlite, message)
            dispatcher.ring()

            async def is_sent(message: bytes = message) -> bool:
                return message in soc.taken

            await until(is_sent, dispatcher)
            clock.now += 61
        await settled(sqlite, dispatcher)
    assert b"2" in soc.taken
    [record] = await given_up(sqlite)
    assert b'"because":"too many attempts"' in record.body


async def test_while_the_other_side_takes_nothing_no_alert_is_to_blame(sqlite: Database) -> None:
    soc, clock = Soc(trouble=b"12"), Clock()
    await put(sqlite, b"1")
    await put(sqlite, b"2")
    async with running(sqlite, soc, clock, Limits(attempts=3)) as dispatcher:

        async def often() -> bool:
            clock.now += 61
            return len(soc.tried) > 20

        await until(often, dispatcher)
        assert all(row.dead_at is None for row in await rows(sqlite))
        soc.trouble = b""
        dispatcher.retry()
        await settled(sqlite)
    assert sorted(soc.taken) == [b"1", b"2"]


async def test_after_a_clock_was_set_back_what_was_taken_before_blames_no_alert(sqlite: Database) -> None:
    soc, clock = Soc(trouble=b"1"), Clock()
    await put(sqlite, b"0")
    async with running(sqlite, soc, clock, Limits(attempts=3)) as dispatcher:
        await settled(sqlite)
        clock.now -= 86_400
        await put(sqlite, b"1")

        async def often() -> bool:
            clock.now += 61
            return len(soc.tried) > 10

        await until(often, dispatcher)
        assert all(row.dead_at is None for row in await rows(sqlite))


async def test_a_line_shows_its_last_attempt_whatever_the_clock_says() -> None:
    soc, clock = Soc(trouble=b"bad"), Clock()
    line = Line(soc, Health(), clock)
    for message in (b"good", b"bad", b"good"):
        clock.now -= 3600
        with contextlib.suppress(Unavailable):
            await line.send([message])
        assert line.state.works == (message == b"good")


async def test_what_is_too_old_is_given_up(sqlite: Database) -> None:
    soc, clock = Soc(trouble=b"1"), Clock()
    await put(sqlite, b"1")
    async with sqlite.write() as connection:
        await connection.execute(update(outbox).values(created_at=clock.now - 3601))
    async with running(sqlite, soc, clock, Limits(seconds=3600)):
        await settled(sqlite)
    [record] = await given_up(sqlite)
    assert b'"because":"too old"' in record.body


async def test_another_side_that_is_down_is_asked_by_one_alert_alone_however_often_it_rings(
    sqlite: Database,
) -> None:
    soc = Soc(10, trouble=b"".join(b"%d" % n for n in range(10)))
    for number in range(10):
        await put(sqlite, b"%d" % number)
    clock = Clock()
    async with running(sqlite, soc, clock) as dispatcher:

        async def failed_once() -> bool:
            return any(row.attempts for row in await rows(sqlite))

        await until(failed_once)
        for _ in range(50):
            dispatcher.ring()
            await asyncio.sleep(0.002)
        assert len(soc.tried) == 1, "it is down: every ring would be one more attempt"
        soc.trouble = b""
        dispatcher.retry()
        await settled(sqlite)
    assert sorted(soc.taken) == [b"%d" % n for n in range(10)]


async def test_several_are_under_way_at_once_but_never_two_of_one_incident(sqlite: Database) -> None:
    under_way: list[bytes] = []
    most = 0

    class Slow(Soc):
        async def send(self, messages: Sequence[bytes]) -> str:
            nonlocal most
            assert not {message[:1] for message in messages} & {message[:1] for message in under_way}
            under_way.extend(messages)
            most = max(most, len(under_way))
            await asyncio.sleep(0.01)
            for message in messages:
                under_way.remove(message)
            return await super().send(messages)

    soc = Slow(width=4)
    for incident in b"abcdef":
        await put(sqlite, *(bytes([incident, step]) for step in b"123"))
    async with running(sqlite, soc, Clock()):
        await settled(sqlite)
    assert most == 4
    for incident in b"abcdef":
        assert [m[1:] for m in soc.taken if m[0] == incident] == [b"1", b"2", b"3"]


async def test_a_fault_of_the_channel_itself_is_as_any_other_trouble(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.02)

    class Faulty(Soc):
        async def send(self, messages: Sequence[bytes]) -> str:
            if messages[0] == b"1":
                raise KeyError("facts")
            return await super().send(messages)

    soc = Faulty()
    await put(sqlite, b"1")
    await put(sqlite, b"2")
    async with running(sqlite, soc, Clock()):

        async def other_is_sent() -> bool:
            return soc.taken == [b"2"]

        await until(other_is_sent)
    assert (await rows(sqlite))[0].last_error == "'facts'"
