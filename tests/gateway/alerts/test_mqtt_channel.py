"""Alerts and status at a Mosquitto that is configured as docs/alerts.md says."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from gateway import tasks
from gateway.alerts.channels.mqtt import MqttChannel, properties
from gateway.alerts.message import encode
from gateway.errors import Unavailable
from gateway.mqtt import Broker
from gateway.settings import Mqtt
from tests.support.alerts import an_alert, encoded, heartbeat
from tests.support.mosquitto import HOST, Client, DocumentedMosquitto, needs_mosquitto
from tests.support.tls import Authority

ROOT = "adt-gateway/main"
STATUS = f"{ROOT}/status"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[DocumentedMosquitto]:
    with DocumentedMosquitto(tmp_path / "broker", Authority(tmp_path)) as running:
        yield running


async def ignore(payload: bytes) -> None:
    del payload


@asynccontextmanager
async def connected(section: dict[str, Any]) -> AsyncIterator[Broker]:
    """Run a connection until the end of the context, or its own."""
    ready = asyncio.Event()
    broker = Broker(Mqtt.model_validate(section), "main", {"duis/requests": ignore}, ready.set)

    async def run() -> None:
        try:
            await broker.run()
        except Unavailable:
            if not ready.is_set():
                raise

    async with asyncio.TaskGroup() as group:
        task = tasks.start(group, "mqtt", run())
        async with asyncio.timeout(20):
            await ready.wait()
        yield broker
        task.cancel()


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not look():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.02)


def statuses(listener: Client) -> list[bytes]:
    return listener.payloads(STATUS)


@needs_mosquitto
@pytest.mark.parametrize("section", ["section", "password_section"])
async def test_alerts_come_over_tls_with_all_that_a_receiver_routes_by(
    mosquitto: DocumentedMosquitto, section: str
) -> None:
    with mosquitto.soc(f"{ROOT}/#") as soc:
        async with connected(getattr(mosquitto, section)) as broker:
            said = await MqttChannel(broker, 600).send([encoded(7), encode(heartbeat())])
            await until(lambda: len(soc.messages) >= 3)
        assert said == "acknowledged by the broker"
        alert, beat = [message for message in soc.messages if message.topic != STATUS]
    assert (alert.topic, beat.topic) == (f"{ROOT}/incidents/7", f"{ROOT}/incidents/heartbeat")
    assert (alert.qos, alert.retain, alert.payload) == (1, False, encoded(7))
    properties: Any = alert.properties
    assert properties.ContentType == "application/json"
    assert 0 < properties.MessageExpiryInterval <= 600
    assert dict(properties.UserProperty) == {
        "schema": "adt-gateway-alert-1",
        "alert": "main/incident/7/opened",
        "instance": "main",
        "incident": "7",
        "event": "opened",
        "state": "candidate",
        "marking": "confidential",
    }


@needs_mosquitto
async def test_alerts_keep_their_order_in_a_batch(mosquitto: DocumentedMosquitto) -> None:
    with mosquitto.soc(f"{ROOT}/incidents/+") as soc:
        async with connected(mosquitto.section) as broker:
            await MqttChannel(broker, 0).send([encoded(number) for number in range(1, 101)])
            await until(lambda: len(soc.messages) == 100)
    assert [message.topic for message in soc.messages] == [f"{ROOT}/incidents/{n}" for n in range(1, 101)]
    assert not hasattr(soc.messages[0].properties, "MessageExpiryInterval")


@needs_mosquitto
async def test_without_a_client_certificate_there_is_no_connection(mosquitto: DocumentedMosquitto) -> None:
    section = mosquitto.section
    del section["certificate_file"], section["key_file"]
    with pytest.raises(ExceptionGroup) as caught:
        async with connected(section):
            pass
    assert caught.group_contains(Unavailable)


@needs_mosquitto
async def test_a_broker_of_another_authority_is_not_believed(
    mosquitto: DocumentedMosquitto, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "another authority")
    with pytest.raises(ExceptionGroup) as caught:
        async with connected(mosquitto.section | {"ca_file": other.file}):
            pass
    assert caught.group_contains(Unavailable, match="certificate verify failed")


@needs_mosquitto
async def test_a_wrong_password_is_said_and_not_shown(mosquitto: DocumentedMosquitto) -> None:
    mosquitto.password_file.write_text("battery staple")
    with pytest.raises(ExceptionGroup) as caught:
        async with connected(mosquitto.password_section):
            pass
    assert caught.group_contains(Unavailable, match="Not authorized")
    assert not caught.group_contains(Unavailable, match="staple")


@needs_mosquitto
async def test_what_the_access_list_does_not_let_us_write_was_not_sent(
    mosquitto: DocumentedMosquitto,
) -> None:
    broker = Broker(Mqtt.model_validate(mosquitto.section), "other", {"duis/requests": ignore}, lambda: None)
    async with asyncio.TaskGroup() as group:
        task = tasks.start(group, "mqtt", broker.run())
        await until(lambda: broker.reachable)
        with pytest.raises(Unavailable, match="incidents/7: Not authorized"):
            await MqttChannel(broker, 0).send([encoded(7)])
        task.cancel()


@needs_mosquitto
async def test_the_status_says_what_it_is(mosquitto: DocumentedMosquitto) -> None:
    with mosquitto.soc(STATUS) as soc:
        async with connected(mosquitto.section):
            await until(lambda: statuses(soc) == [b"online"])
        await until(lambda: statuses(soc) == [b"online", b"offline"])
        properties: Any = soc.messages[0].properties
    assert properties.ContentType == "text/plain"
    assert dict(properties.UserProperty)["schema"] == "adt-gateway-status-1"
    with mosquitto.soc(STATUS) as late:
        await until(lambda: statuses(late) == [b"offline"])


def vanish(broker: Broker) -> None:
    """Break the connection without a goodbye."""
    assert broker._connection is not None
    found = broker._connection._paho.socket()
    assert isinstance(found, socket.socket)
    found.shutdown(socket.SHUT_RDWR)


@needs_mosquitto
async def test_who_is_back_in_time_was_never_offline(mosquitto: DocumentedMosquitto) -> None:
    section = mosquitto.section | {"will_delay_seconds": 3600}
    with mosquitto.soc(STATUS) as soc:
        async with connected(section) as broker:
            await until(lambda: statuses(soc) == [b"online"])
            vanish(broker)
            await until(lambda: not broker.reachable)
        async with connected(section):
            await until(lambda: len(statuses(soc)) == 2)
        await until(lambda: statuses(soc)[-1] == b"offline")
    assert statuses(soc) == [b"online", b"online", b"offline"]


@needs_mosquitto
async def test_who_does_not_come_back_is_said_to_be_offline(mosquitto: DocumentedMosquitto) -> None:
    with mosquitto.soc(STATUS) as soc:
        async with connected(mosquitto.section | {"will_delay_seconds": 1}) as broker:
            await until(lambda: statuses(soc) == [b"online"])
            vanish(broker)
            await until(lambda: statuses(soc) == [b"online", b"offline"])
        properties: Any = soc.messages[-1].properties
    assert properties.ContentType == "text/plain"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"certificate_file": "a.pem"}, "together"),
        ({"certificate_file": "a.pem", "key_file": "a.key"}, "set ca_file"),
        ({"password_file": "password"}, "needs username"),
    ],
)
def test_half_an_identity_is_refused(other: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Mqtt.model_validate({"host": HOST} | other)


async def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    settings = Mqtt.model_validate({"host": HOST, "port": 1, "ca_file": tmp_path / "none.pem"})
    with pytest.raises(Unavailable, match=r"none\.pem"):
        await Broker(settings, "main", {"duis/requests": ignore}, lambda: None).run()


def test_an_alert_of_a_test_is_about_no_incident() -> None:
    test = msgspec.structs.replace(an_alert(), event="test", incident=0, marking="")
    assert properties(test).keys() == {"schema", "alert", "instance", "event"}
