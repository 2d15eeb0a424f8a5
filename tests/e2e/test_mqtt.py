"""MQTT: acknowledged after the commit, counted once, and everybody hears how the gateway is."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_ingest import journalled, needs_templates, unique_templates
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, ids, row
from tests.support.duis_messages import request_id, service_request
from tests.support.mosquitto import Mosquitto, needs_mosquitto
from tests.support.softhsm import needs_softhsm

pytestmark = [needs_softhsm, needs_mosquitto]

STATUS = "adt-gateway/test/status"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def daemon(tmp_path: Path, broker: Mosquitto) -> Iterator[Daemon]:
    with Daemon(tmp_path / "daemon", mqtt=broker.section) as running:
        wait_connected(running)
        yield running


def wait_connected(daemon: Daemon) -> None:
    wait_for("the broker to be connected", lambda: daemon.metric("ready", "broker") == 1)


def message(counter: int) -> bytes:
    return json.dumps(header_line(counter)).encode()


def counted(daemon: Daemon) -> int:
    return len(daemon.journal())


def parts(daemon: Daemon) -> dict[str, bool]:
    answer = daemon.stranger().get("/readyz")
    assert answer.json["ready"] == (answer.status == 200)
    return {part["part"]: part["works"] for part in answer.json["parts"]}


@needs_templates
def test_every_template_of_the_dcc_is_counted_once_over_mqtt(daemon: Daemon, broker: Mosquitto) -> None:
    templates = unique_templates()
    with broker.client() as sender:
        for data in [*templates.values(), *templates.values()]:
            sender.publish(data)
    wait_for("the repeats", lambda: daemon.metric("duplicates_total") == len(templates))
    assert journalled(daemon) == Counter(list(templates))


def test_both_forms_and_several_lines_are_read_from_one_topic(daemon: Daemon, broker: Mosquitto) -> None:
    with broker.client() as sender:
        sender.publish(b"\n".join([message(1), message(2), b"{", message(1)]))
        sender.publish(service_request(request_id(3), 1, "4.1", "4.1.1"))
    wait_for("three requests", lambda: counted(daemon) == 3)
    assert daemon.metric("rejected_total", "line_malformed") == 1


def test_a_poison_message_is_acknowledged_and_shown_and_blocks_nothing(
    daemon: Daemon, broker: Mosquitto
) -> None:
    poison = (b"", b"\x00\xff", b"<!DOCTYPE a><a/>", b"<a/>", b"{" * 10_000, b"[1, 2]")
    with broker.client() as sender:
        for payload in poison:
            sender.publish(payload)
        sender.publish(message(1))
    wait_for("the good message", lambda: counted(daemon) == 1)
    assert daemon.log.count('"event": "message_refused"') + daemon.metric(
        "rejected_total", "line_malformed"
    ) == len(poison)
    assert daemon.metric("rejected_total", "dtd_not_allowed") == 1
    daemon.kill()
    daemon.start()
    wait_connected(daemon)
    with broker.client() as sender:
        sender.publish(message(2))
    wait_for("the next message", lambda: counted(daemon) == 2)
    assert daemon.metric("rejected_total", "dtd_not_allowed") == 0, "poison came again"


def test_a_message_is_acknowledged_after_the_commit_alone(daemon: Daemon, broker: Mosquitto) -> None:
    with daemon.locked_database():
        with broker.client() as sender:
            for number in range(20):
                sender.publish(message(number))
        wait_for("the messages to wait", lambda: daemon.metric("queued_communications") == 20)
        assert "Received PUBACK from adt-gateway/test" not in broker.log
        daemon.kill()
    assert counted(daemon) == 0
    daemon.start()
    wait_for("all of them again", lambda: counted(daemon) == 20)
    wait_for("the acknowledgements", lambda: broker.log.count("Received PUBACK from adt-gateway/test") == 20)
    assert sorted(ids(daemon.journal())) == sorted(header_line(number)["request_id"] for number in range(20))


def test_a_locked_database_delays_messages_and_loses_none(daemon: Daemon, broker: Mosquitto) -> None:
    with broker.client() as sender:
        with daemon.locked_database():
            sender.publish(message(1))
            wait_for("a refused commit", lambda: '"journal_failed"' in daemon.log)
            assert counted(daemon) == 0
        wait_for("the message", lambda: counted(daemon) == 1)


def test_after_a_restart_of_the_broker_the_daemon_connects_again(daemon: Daemon, broker: Mosquitto) -> None:
    assert parts(daemon)["broker"]
    broker.stop()
    wait_for("readyz to say so", lambda: not parts(daemon)["broker"])
    assert daemon.stranger().get("/healthz").status == 200
    assert daemon.as_("adaptor").send_lines([header_line(1)]).json["accepted"] == 1
    broker.start()
    wait_for("readyz to say so", lambda: parts(daemon)["broker"])
    with broker.client() as sender:
        sender.publish(message(2))
    wait_for("the message", lambda: counted(daemon) == 2)


def test_what_is_sent_while_the_daemon_is_away_is_counted_when_it_is_back(
    daemon: Daemon, broker: Mosquitto
) -> None:
    assert daemon.stop() == 0
    with broker.client() as sender:
        for number in range(5):
            sender.publish(message(number))
    broker.stop()
    broker.start()
    daemon.start()
    wait_for("the messages", lambda: counted(daemon) == 5)


def test_the_status_is_retained_and_the_last_will_says_offline(daemon: Daemon, broker: Mosquitto) -> None:
    with broker.client(STATUS) as listener:
        wait_for("the status", lambda: listener.payloads(STATUS) == [b"online"])
        assert listener.messages[0].retain
        daemon.kill()
        wait_for("the last will", lambda: listener.payloads(STATUS)[-1] == b"offline")
        daemon.start()
        wait_for("the status", lambda: listener.payloads(STATUS)[-1] == b"online")
        assert daemon.stop() == 0
        wait_for("the goodbye", lambda: listener.payloads(STATUS)[-1] == b"offline")


def test_alerts_reach_a_subscriber_also_after_the_broker_was_away(daemon: Daemon, broker: Mosquitto) -> None:
    daemon.put_in_force(row(1, 3))
    first, second = "adt-gateway/test/incidents/1", "adt-gateway/test/incidents/2"
    with broker.client("adt-gateway/test/incidents/+") as listener:
        daemon.as_("adaptor").send_lines([header_line(1), header_line(2)])
        wait_for("the alert", lambda: listener.payloads(first))
        alert = json.loads(listener.payloads(first)[0])
        assert (alert["event"], alert["facts"]["level"], alert["facts"]["count"]) == ("opened", "warning", 2)
        assert alert["record"]["number"] == daemon.incidents()[0]["record"]
    broker.stop()
    wait_for("readyz to say so", lambda: not parts(daemon)["broker"])
    daemon.as_("adaptor").send_lines([header_line(3), header_line(4)])
    wait_for("the incident", lambda: len(daemon.incidents()) == 2)
    wait_for("both alerts", lambda: daemon.metric("alerts_waiting", "mqtt") == 2)
    broker.start()
    with broker.client("adt-gateway/test/incidents/+") as listener:
        wait_for("the alert", lambda: listener.payloads(second))
        assert json.loads(listener.payloads(second)[0])["facts"]["level"] == "quarantine"
        closed = [json.loads(payload) for payload in listener.payloads(first)]
        wait_for("the outbox to be empty", lambda: daemon.metric("alerts_waiting", "mqtt") == 0)
        closed = [json.loads(payload) for payload in listener.payloads(first)]
    assert [alert["event"] for alert in closed] == ["closed"]
