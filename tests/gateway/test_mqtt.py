"""The port to the broker, at a real Mosquitto: what is refused is an error that names its topic."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from gateway import tasks
from gateway.errors import Unavailable
from gateway.ingest.document import DOCUMENT_MAX_BYTES
from gateway.mqtt import IN_FLIGHT_BYTES, MAXIMUM_PACKET_BYTES, Broker
from gateway.settings import Mqtt
from tests.support.mosquitto import HOST, needs_mosquitto
from tests.support.refusing_broker import PUBLISH, SUBSCRIBE, RefusingBroker, needs_dynamic_security

ALERT = "incidents/1"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[RefusingBroker]:
    with RefusingBroker(tmp_path / "broker") as running:
        yield running


async def ignore(payload: bytes) -> None:
    del payload


def make(port: int, connected: asyncio.Event) -> Broker:
    return Broker(Mqtt(host=HOST, port=port), "test", {"duis/requests": ignore}, connected.set)


@asynccontextmanager
async def running(port: int) -> AsyncIterator[Broker]:
    """Run a connection until the end of the context."""
    connected = asyncio.Event()
    broker = make(port, connected)
    async with asyncio.TaskGroup() as group:
        task = tasks.start(group, "mqtt", broker.run())
        async with asyncio.timeout(20):
            await connected.wait()
        yield broker
        task.cancel()


async def failure(broker: Broker) -> Unavailable:
    """Run until it fails; return what is raised, which is never a group."""
    async with asyncio.timeout(30):
        with pytest.raises(Unavailable) as caught:
            await broker.run()
    return caught.value


def test_the_largest_document_fits_into_a_packet_and_several_into_what_may_be_in_flight() -> None:
    """The topic and its properties take 65 535 bytes each at the most that is of use."""
    assert MAXIMUM_PACKET_BYTES >= DOCUMENT_MAX_BYTES + 2 * 65_535
    assert IN_FLIGHT_BYTES > 2 * MAXIMUM_PACKET_BYTES


@needs_mosquitto
@needs_dynamic_security
async def test_a_subscription_that_is_refused_is_an_error_and_no_connection(
    mosquitto: RefusingBroker,
) -> None:
    mosquitto.refuse_now((SUBSCRIBE, "duis/requests"))
    connected = asyncio.Event()
    broker = make(mosquitto.port, connected)
    error = await failure(broker)
    assert error.code == "broker_refused"
    assert "duis/requests: Not authorized" in error.message
    assert (broker.connected, broker.trouble) == (False, error.message)
    assert not connected.is_set()


@needs_mosquitto
@needs_dynamic_security
async def test_a_message_that_is_refused_was_not_sent_and_is_told_until_it_is_taken(
    mosquitto: RefusingBroker,
) -> None:
    mosquitto.refuse_now((PUBLISH, "adt-gateway/test/incidents/#"))
    async with running(mosquitto.port) as broker:
        assert (broker.connected, broker.trouble) == (True, "")
        with pytest.raises(Unavailable) as caught:
            await broker.publish(ALERT, b"{}")
        assert caught.value.code == "broker_refused"
        assert "adt-gateway/test/incidents/1: Not authorized" in caught.value.message
        assert (broker.connected, broker.trouble) == (False, caught.value.message)
        await broker.publish("other", b"{}")
        assert not broker.connected
    mosquitto.refuse_now()
    async with running(mosquitto.port) as broker:
        await broker.publish(ALERT, b"{}")
        assert broker.connected


@needs_mosquitto
async def test_that_nobody_listens_is_no_error(mosquitto: RefusingBroker) -> None:
    with structlog.testing.capture_logs() as logs:
        async with running(mosquitto.port) as broker:
            await broker.publish(ALERT, b"{}")
            assert broker.connected
    assert ("nobody_listens", "debug") in [(log["event"], log["log_level"]) for log in logs]


@needs_mosquitto
@needs_dynamic_security
async def test_where_the_status_is_refused_requests_come_all_the_same(mosquitto: RefusingBroker) -> None:
    mosquitto.refuse_now((PUBLISH, "adt-gateway/test/status"))
    async with running(mosquitto.port) as broker:
        assert "adt-gateway/test/status: Not authorized" in broker.trouble
        await broker.publish(ALERT, b"{}")


async def test_a_broker_that_is_not_there_is_one_error_with_its_reason() -> None:
    broker = make(1, asyncio.Event())
    assert "not connected" in broker.trouble
    error = await failure(broker)
    assert (error.code, error.message) == ("broker_unavailable", broker.trouble)
    assert "Connection refused" in error.message


@needs_mosquitto
async def test_a_connection_that_ends_is_one_error_with_its_reason(mosquitto: RefusingBroker) -> None:
    connected = asyncio.Event()
    broker = make(mosquitto.port, connected)

    async def end() -> None:
        await connected.wait()
        await asyncio.to_thread(mosquitto.stop)

    async with asyncio.TaskGroup() as group:
        tasks.start(group, "end", end())
        error = await failure(broker)
    assert error.code == "broker_unavailable"
    assert "during message iteration" not in error.message
    assert not broker.connected


async def test_a_password_file_that_is_missing_is_one_error_that_names_it(tmp_path: Path) -> None:
    settings = Mqtt(host=HOST, port=1, username="gateway", password_file=tmp_path / "none")
    error = await failure(Broker(settings, "test", {"duis/requests": ignore}, lambda: None))
    assert str(tmp_path / "none") in error.message
