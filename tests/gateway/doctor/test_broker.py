"""The doctor tries what the daemon needs of the broker, and disturbs nobody."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.doctor.finding import Finding, State
from gateway.doctor.network import _broker
from gateway.settings import Mqtt, Settings
from tests.support.api import wait_for
from tests.support.mosquitto import HOST, DocumentedMosquitto, needs_mosquitto
from tests.support.refusing_broker import PUBLISH, SUBSCRIBE, RefusingBroker, needs_dynamic_security
from tests.support.tls import Authority

pytestmark = [needs_mosquitto, needs_dynamic_security]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[RefusingBroker]:
    with RefusingBroker(tmp_path / "broker") as running:
        yield running


def find(mosquitto: RefusingBroker, topic: str = "duis/requests") -> Finding:
    section = Mqtt(host=HOST, port=mosquitto.port, requests_topic=topic)
    return found(Settings(instance="test", mqtt=section))


def found(settings: Settings) -> Finding:
    async def look() -> list[Finding]:
        return [finding async for finding in _broker(settings, 0.0)]

    [finding] = asyncio.run(look())
    return finding


def test_a_broker_that_lets_us_read_and_write_is_well(mosquitto: RefusingBroker) -> None:
    with mosquitto.client("adt-gateway/#") as listener:
        assert find(mosquitto).state is State.OK
        wait_for("the trial message", lambda: listener.payloads("adt-gateway/test/doctor") == [b""])
        assert not listener.messages[0].retain


def test_a_broker_that_wants_a_client_certificate_gets_it(tmp_path: Path) -> None:
    with DocumentedMosquitto(tmp_path / "broker", Authority(tmp_path)) as mosquitto:
        settings = Settings(instance="main", mqtt=Mqtt.model_validate(mosquitto.section))
        assert found(settings).state is State.OK


@pytest.mark.parametrize(
    ("kind", "topic"), [(SUBSCRIBE, "duis/requests"), (PUBLISH, "adt-gateway/test/doctor")]
)
def test_a_topic_that_is_refused_is_named(mosquitto: RefusingBroker, kind: str, topic: str) -> None:
    mosquitto.refuse_now((kind, topic))
    finding = find(mosquitto)
    assert finding.state is State.FAILED
    assert f"{topic}: Not authorized" in finding.what
    assert finding.remedy


def test_a_shared_subscription_is_not_joined(mosquitto: RefusingBroker) -> None:
    """Who joins it takes requests that the daemon should count."""
    assert find(mosquitto, "$share/gateways/duis/requests").state is State.OK
    assert "$share" not in mosquitto.log
    assert "\tduis/requests (QoS 1)" in mosquitto.log
