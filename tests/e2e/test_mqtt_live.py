"""What the gateway leaves at the broker: the counts for late subscribers, and a beat while the count moves."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_mqtt import parts, wait_connected
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.mosquitto import Client, Mosquitto, needs_mosquitto
from tests.support.refusing_broker import PUBLISH, RefusingBroker, needs_dynamic_security
from tests.support.softhsm import needs_softhsm
from tests.support.with_people import SUPPLIER

pytestmark = [needs_softhsm, needs_mosquitto]

RATES = "adt-gateway/test/rates/#"
BEAT = "adt-gateway/test/heartbeat"
QUICK = {"rates_seconds": 1, "heartbeat_seconds": 1}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def daemon(tmp_path: Path, broker: Mosquitto) -> Iterator[Daemon]:
    with Daemon(tmp_path / "daemon", mqtt=broker.section | QUICK) as running:
        wait_connected(running)
        yield running


def topic(service: str, communication: str = "SR") -> str:
    return f"adt-gateway/test/rates/{SUPPLIER}/{communication}/{service}"


def retained(broker: Mosquitto) -> dict[str, Any]:
    """Return what somebody gets who subscribes now."""
    with broker.client(RATES) as listener:
        end = time.monotonic() + 1
        while time.monotonic() < end and not listener.messages:
            time.sleep(0.05)
        time.sleep(0.2)  # the others come at once after the first
        return {message.topic: json.loads(message.payload) for message in listener.messages if message.retain}


def beats(listener: Client) -> list[Any]:
    return [json.loads(payload) for payload in listener.payloads(BEAT)]


def test_a_late_subscriber_gets_the_counts_and_then_what_changes_alone(
    daemon: Daemon, broker: Mosquitto
) -> None:
    daemon.put_in_force(
        row(2, 4),
        row(20, 40, period="P1D"),
        row(5, 6, communication="ALL", service="*"),
        row(1, 3, service="4.1.1"),
        row(1, 3, service="7.1"),
    )
    daemon.as_("adaptor").send_lines([header_line(number) for number in range(3)])
    counted = lambda: retained(broker).get(topic("7.4"), {}).get("periods", [{}])[0].get("count") == 3  # noqa: E731
    wait_for("the count", counted)
    found = retained(broker)
    assert set(found) == {topic("7.4"), topic("*", "ALL"), topic("4.1.1"), topic("7.1")}
    api = {(rate["service"], rate["period"]): rate for rate in daemon.rates()}
    hour, day = sorted(found[topic("7.4")]["periods"], key=lambda each: each["period"], reverse=True)
    assert (hour["count"], hour["headroom"], hour["state"], day["period"]) == (3, 1, "warning", "P1D")
    names = ("period", "alignment", "count", "warning", "quarantine", "headroom", "state")
    assert {name: hour[name] for name in names} == {name: api["7.4", "PT1H"][name] for name in names}
    with broker.client(RATES) as listener:
        wait_for("what is retained", lambda: len(listener.messages) == 4)
        assert all(message.retain for message in listener.messages)
        about = listener.messages[0].properties.json()  # type: ignore[union-attr]
        assert 0 < about["MessageExpiryInterval"] <= 3600
        assert about["ContentType"] == "application/json"
        daemon.as_("adaptor").send_lines([header_line(50, "4.1.1")])
        wait_for(
            "the other count",
            lambda: json.loads(listener.payloads(topic("4.1.1"))[-1])["periods"][0]["count"],
        )
        assert len(listener.payloads(topic("7.1"))) == 1, "it has not changed"


def test_what_is_in_force_no_more_is_cleared_also_across_restarts(daemon: Daemon, broker: Mosquitto) -> None:
    daemon.put_in_force(row(2, 4), row(2, 4, service="7.1"))
    wait_for("both", lambda: set(retained(broker)) == {topic("7.4"), topic("7.1")})
    daemon.put_in_force(row(2, 4), row(2, 4, service="7.2"), name="second.csv")
    wait_for("the change", lambda: set(retained(broker)) == {topic("7.4"), topic("7.2")})
    broker.stop()
    wait_for("the lost connection", lambda: not parts(daemon)["broker"])
    daemon.put_in_force(row(2, 4, service="7.2"), name="third.csv")
    assert daemon.stop() == 0
    broker.start()
    assert set(retained(broker)) == {topic("7.4"), topic("7.2")}, "the broker knows nothing of it yet"
    daemon.start()
    wait_for("the clearing", lambda: set(retained(broker)) == {topic("7.2")})


def test_a_broker_that_came_back_empty_gets_all_counts_anew(
    daemon: Daemon, broker: Mosquitto, tmp_path: Path
) -> None:
    daemon.put_in_force(row(2, 4))
    wait_for("the count", lambda: retained(broker))
    broker.stop()
    for file in (tmp_path / "broker").glob("*.db"):
        file.unlink()
    broker.start()
    wait_for("the count", lambda: set(retained(broker)) == {topic("7.4")})


def test_nothing_is_retained_where_that_is_switched_off(tmp_path: Path, broker: Mosquitto) -> None:
    off = {"rates_seconds": 0, "heartbeat_seconds": 0}
    with Daemon(tmp_path / "off", mqtt=broker.section | off) as daemon:
        wait_connected(daemon)
        daemon.put_in_force(row(2, 4))
        with broker.client("adt-gateway/#") as listener:
            daemon.as_("adaptor").send_lines([header_line(number) for number in range(3)])
            wait_for("the alert", lambda: listener.payloads("adt-gateway/test/incidents/1"))
            assert not any("rates" in each.topic or each.topic == BEAT for each in listener.messages)
        assert time.time() - daemon.metric("heartbeat_timestamp_seconds") < 31


@needs_dynamic_security
def test_a_refused_rate_shows_in_the_health_and_harms_no_request(tmp_path: Path) -> None:
    with RefusingBroker(tmp_path / "refusing") as broker:
        broker.refuse_now((PUBLISH, "adt-gateway/test/rates/#"))
        with Daemon(tmp_path / "daemon", mqtt=broker.section | QUICK) as daemon:
            wait_connected(daemon)
            daemon.put_in_force(row(1, 3), row(1, 3, service="7.1"))
            wait_for("readyz to say so", lambda: not parts(daemon)["broker"])
            assert b"rates/" in daemon.stranger().get("/readyz").body
            with broker.client("adt-gateway/test/incidents/+", BEAT) as listener:
                assert (
                    daemon.as_("adaptor").send_lines([header_line(1), header_line(2)]).json["accepted"] == 2
                )
                wait_for("the alert", lambda: listener.payloads("adt-gateway/test/incidents/1"))
                wait_for("the beat", lambda: beats(listener)[-1:] and not beats(listener)[-1]["ready"])
                assert beats(listener)[-1]["not_ready"] == ["broker"]


def test_the_beat_says_how_the_gateway_is_and_stays_for_a_while(daemon: Daemon, broker: Mosquitto) -> None:
    daemon.put_in_force(row(1, 3))
    daemon.as_("adaptor").send_lines([header_line(1), header_line(2)])
    wait_for("the incident", daemon.incidents)
    with broker.client(BEAT) as listener:
        wait_for("a beat", lambda: beats(listener) and beats(listener)[-1]["open_incidents"] == 1)
        beat = beats(listener)[-1]
        names = ("instance", "ready", "not_ready", "communications", "thresholds")
        assert [beat[name] for name in names] == ["test", True, [], 2, 1]
        about = listener.messages[-1].properties.json()  # type: ignore[union-attr]
        assert about["MessageExpiryInterval"] <= 3
        wait_for("no alert to wait", lambda: beats(listener)[-1]["alerts_waiting"] == 0)
    assert time.time() - daemon.metric("heartbeat_timestamp_seconds") < 5


def test_the_beat_stops_while_nothing_can_be_counted_and_comes_back(
    daemon: Daemon, broker: Mosquitto
) -> None:
    with broker.client(BEAT) as listener:
        wait_for("a beat", lambda: beats(listener))
        with daemon.locked_database():
            wait_for("the silence to be told", lambda: '"no_heartbeat"' in daemon.log)
            silent, at = len(beats(listener)), daemon.metric("heartbeat_timestamp_seconds")
            time.sleep(3)  # three beats would have come
            assert len(beats(listener)) == silent
            assert daemon.metric("heartbeat_timestamp_seconds") == at
            with broker.client(BEAT) as late:
                time.sleep(0.3)
                assert not beats(late), "the broker has forgotten the last one"
        wait_for("the beat", lambda: len(beats(listener)) > silent)
