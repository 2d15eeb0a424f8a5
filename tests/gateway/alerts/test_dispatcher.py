"""Alerts are recorded before they are sent, sent in order, and sent again until they are taken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway import tasks
from gateway.alerts import dispatcher as module
from gateway.alerts.channels.channel import Channel
from gateway.alerts.channels.file import FileChannel
from gateway.alerts.dispatcher import Dispatcher
from gateway.alerts.line import Line
from gateway.alerts.pauses import LONGEST_PAUSE, LONGEST_WAIT
from gateway.errors import Unavailable
from gateway.health import Health
from gateway.store.database import Database
from gateway.store.outbox import put_alert
from gateway.store.schema import outbox
from tests.support.rows import open_incident


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Soc:
    """A channel that keeps what it took and fails where it is told to."""

    def __init__(self, name: str = "soc") -> None:
        self.name = name
        self.taken: list[bytes] = []
        self.tried: list[bytes] = []
        self.fault: BaseException | None = None

    batch = 1

    async def send(self, messages: Sequence[bytes]) -> str:
        self.tried += messages
        if self.fault:
            raise self.fault
        self.taken += messages
        return "taken"

    async def close(self) -> None:
        pass


def line(channel: Channel, clock: Clock, seconds: float = 10.0) -> Line:
    return Line(channel, Health(), clock, seconds)


async def put(database: Database, *messages: bytes, channels: tuple[str, ...] = ("soc",)) -> None:
    async with database.write() as connection:
        incident = await open_incident(connection)
        for message in messages:
            await put_alert(connection, channels, incident, message, 1000)


async def rows(database: Database) -> list[Any]:
    async with database.read() as connection:
        return list((await connection.execute(select(outbox).order_by(outbox.c.id))).all())


@asynccontextmanager
async def running(database: Database, *channels: Channel, clock: Clock) -> AsyncIterator[list[Dispatcher]]:
    """Run a dispatcher for each channel, as the daemon does."""
    dispatchers = [Dispatcher(database, line(channel, clock), clock) for channel in channels]
    async with asyncio.TaskGroup() as group:
        work = [
            tasks.start(group, channel.name, tasks.supervise(channel.name, dispatcher.run))
            for channel, dispatcher in zip(channels, dispatchers, strict=True)
        ]
        yield dispatchers
        for task in work:
            task.cancel()


async def until(condition: Callable[[], Awaitable[bool]], *ring: Dispatcher) -> None:
    """Wait for *condition*; a test that would wait for ever fails."""
    async with asyncio.timeout(30):
        while not await condition():
            for dispatcher in ring:
                dispatcher.ring()
            await asyncio.sleep(0.005)


async def all_sent(database: Database, count: int) -> None:
    async def sent() -> bool:
        return len([row for row in await rows(database) if row.sent_at is not None]) == count

    await until(sent)


async def one_failed(database: Database, attempts: int = 1) -> None:
    async def failed() -> bool:
        return bool((await rows(database))[0].attempts == attempts)

    await until(failed)


async def test_alerts_are_sent_in_the_order_recorded(database: Database) -> None:
    soc = Soc()
    await put(database, b"1", b"2")
    async with running(database, soc, clock=Clock()) as [dispatcher]:
        await all_sent(database, 2)
        await put(database, b"3")
        dispatcher.ring()
        await all_sent(database, 3)
    assert soc.taken == [b"1", b"2", b"3"]
    assert [(row.sent_at, row.attempts, row.last_error) for row in await rows(database)] == [
        (1000, 0, None)
    ] * 3


async def test_an_alert_that_fails_is_tried_again_first_after_a_pause(sqlite: Database) -> None:
    soc, clock = Soc(), Clock()
    soc.fault = Unavailable("broker_unavailable", "nobody answers")
    await put(sqlite, b"1", b"2")
    async with running(sqlite, soc, clock=clock) as [dispatcher]:
        await one_failed(sqlite)
        dispatcher.ring()
        await asyncio.sleep(0.05)
        assert soc.tried == [b"1"], "it was tried again before its time"
        [first, second] = await rows(sqlite)
        assert (first.attempts, first.last_error, first.sent_at) == (
            1,
            "broker_unavailable: nobody answers",
            None,
        )
        assert second.attempts == 0
        soc.fault = None
        clock.now = first.next_attempt_at
        dispatcher.ring()
        await all_sent(sqlite, 2)
    assert soc.tried == [b"1", b"1", b"2"]
    assert [row.last_error for row in await rows(sqlite)] == [None, None]


@pytest.mark.parametrize("attempts", [0, 1, 3, 6, 7, 1023, 1024, 100_000])
async def test_pauses_double_up_to_the_longest_however_often_it_failed(
    sqlite: Database, attempts: int
) -> None:
    soc, clock = Soc(), Clock()
    soc.fault = OSError("no route")
    await put(sqlite, b"1")
    async with sqlite.write() as connection:
        await connection.execute(update(outbox).values(attempts=attempts))
    async with running(sqlite, soc, clock=clock):
        await one_failed(sqlite, attempts + 1)
    [row] = await rows(sqlite)
    expected = min(2.0 ** min(attempts, 20), LONGEST_PAUSE)
    assert row.attempts == attempts + 1
    assert 0.8 * expected <= row.next_attempt_at - clock.now <= 1.2 * expected + 1


async def test_a_channel_that_is_back_is_tried_at_once(sqlite: Database) -> None:
    soc = Soc()
    soc.fault = Unavailable("broker_unavailable", "nobody answers")
    await put(sqlite, b"1")
    async with running(sqlite, soc, clock=Clock()) as [dispatcher]:
        await one_failed(sqlite)
        soc.fault = None
        dispatcher.retry()
        await all_sent(sqlite, 1)
    assert soc.taken == [b"1"]


async def test_a_channel_that_does_not_answer_has_failed(
    sqlite: Database,
) -> None:
    class Silent(Soc):
        async def send(self, messages: Sequence[bytes]) -> str:
            self.tried += messages
            await asyncio.Event().wait()
            return ""

    await put(sqlite, b"1")
    clock = Clock()
    async with asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(sqlite, line(Silent(), clock, 0.02), clock)
        work = tasks.start(group, "soc", dispatcher.run())
        await one_failed(sqlite)
        work.cancel()
    [row] = await rows(sqlite)
    assert row.last_error.startswith("channel_timeout: the other side did not answer within 0.02 s. Look")


@pytest.mark.parametrize("fault", [OSError("disk full"), RuntimeError("a fault of the channel itself")])
async def test_a_channel_that_fails_does_not_stop_another(sqlite: Database, fault: Exception) -> None:
    bad, good = Soc("bad"), Soc("good")
    bad.fault = fault
    await put(sqlite, b"1", b"2", channels=("bad", "good"))
    async with running(sqlite, bad, good, clock=Clock()):
        await all_sent(sqlite, 2)
        async with asyncio.timeout(30):
            while not bad.tried:  # noqa: ASYNC110 - what is looked at tells nobody
                await asyncio.sleep(0.005)
    assert (good.taken, bad.taken) == ([b"1", b"2"], [])
    assert {row.channel for row in await rows(sqlite) if row.sent_at is None} == {"bad"}


async def test_a_crash_between_sending_and_marking_sends_the_same_alert_again(
    sqlite: Database, tmp_path: Path
) -> None:
    """The other side has it, we do not know: a second daemon on the same store sends the same bytes."""
    path = tmp_path / "alerts.jsonl"

    class Crash(BaseException):
        """The process is gone."""

    class Dying(FileChannel):
        async def send(self, messages: Sequence[bytes]) -> str:
            await super().send(messages)
            raise Crash

    message = b'{"id":"main/incident/1/opened"}'
    await put(sqlite, message, channels=("file",))
    with pytest.raises(Crash):
        await Dispatcher(sqlite, line(Dying(path), Clock()), Clock()).run()
    assert path.read_bytes() == message + b"\n"
    [row] = await rows(sqlite)
    assert (row.sent_at, row.attempts) == (None, 0)
    async with running(sqlite, FileChannel(path), clock=Clock()):
        await all_sent(sqlite, 1)
    assert path.read_bytes() == (message + b"\n") * 2


async def test_an_alert_of_a_transaction_that_failed_is_never_sent(sqlite: Database) -> None:
    soc = Soc()

    async def fail() -> None:
        async with sqlite.write() as connection:
            await put_alert(connection, ["soc"], await open_incident(connection), b"never", 1000)
            raise RuntimeError

    async with running(sqlite, soc, clock=Clock()) as [dispatcher]:
        with pytest.raises(RuntimeError):
            await fail()
        await put(sqlite, b"1")
        dispatcher.ring()
        await all_sent(sqlite, 1)
    assert soc.tried == [b"1"]


async def test_what_nobody_rang_for_is_found(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.02)
    soc = Soc()
    async with running(sqlite, soc, clock=Clock()):
        await asyncio.sleep(0.05)
        await put(sqlite, b"1")
        await all_sent(sqlite, 1)
    assert soc.taken == [b"1"]


async def test_after_a_clock_was_set_back_an_alert_does_not_wait_for_the_old_time(sqlite: Database) -> None:
    """No pause that was ever set is that long: what waits longer is due."""
    soc, clock = Soc(), Clock()
    await put(sqlite, b"1")
    async with sqlite.write() as connection:
        await connection.execute(
            update(outbox).values(attempts=9, next_attempt_at=clock.now + LONGEST_WAIT + 1)
        )
    async with running(sqlite, soc, clock=clock):
        await all_sent(sqlite, 1)
    assert soc.taken == [b"1"]


async def test_the_longest_pause_that_is_set_is_kept(sqlite: Database) -> None:
    soc, clock = Soc(), Clock()
    await put(sqlite, b"1")
    async with sqlite.write() as connection:
        await connection.execute(update(outbox).values(attempts=9, next_attempt_at=clock.now + LONGEST_WAIT))
    async with running(sqlite, soc, clock=clock) as [dispatcher]:
        dispatcher.ring()
        await asyncio.sleep(0.1)
        assert soc.tried == []


@pytest.mark.parametrize("turns", range(4))
async def test_it_stops_when_told_to_even_if_the_bell_rings_that_moment(sqlite: Database, turns: int) -> None:
    """Otherwise it goes on for ever, and the daemon with it, which waits for all of its parts."""
    dispatcher = Dispatcher(sqlite, line(Soc(), Clock()), Clock())
    async with asyncio.TaskGroup() as group:
        running = tasks.start(group, "alerts", dispatcher.run())
        await asyncio.sleep(0.3)  # it has found nothing to send, and waits for the bell
        dispatcher.ring()
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=2)
        stopped = bool(done)
        while not running.done():
            running.cancel()
            await asyncio.sleep(0.1)
    assert stopped
