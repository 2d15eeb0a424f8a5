"""A broker that refuses topics is not ready, is not believed, and is told of in one line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_mqtt import counted, message, parts, wait_connected
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.mosquitto import needs_mosquitto
from tests.support.refusing_broker import PUBLISH, SUBSCRIBE, RefusingBroker, needs_dynamic_security
from tests.support.softhsm import needs_softhsm

pytestmark = [needs_softhsm, needs_mosquitto, needs_dynamic_security]

ALERT = "adt-gateway/test/incidents/1"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RefusingBroker]:
    with RefusingBroker(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def daemon(tmp_path: Path, broker: RefusingBroker) -> Daemon:
    return Daemon(tmp_path / "daemon", mqtt=broker.section)


def test_a_refused_subscription_is_not_ready_and_tried_until_it_is_allowed(
    daemon: Daemon, broker: RefusingBroker
) -> None:
    broker.refuse_now((SUBSCRIBE, "duis/requests"))
    with daemon:
        wait_for("two attempts", lambda: daemon.log.count('"code": "broker_refused"') >= 2)
        assert not parts(daemon)["broker"]
        lines = [line for line in daemon.log.splitlines() if "broker_refused" in line]
        assert all("duis/requests: Not authorized" in line and '"warning"' in line for line in lines)
        broker.refuse_now()
        wait_connected(daemon)
        with broker.client() as sender:
            sender.publish(message(1))
        wait_for("the message", lambda: counted(daemon) == 1)
        assert "Traceback" not in daemon.log


def test_requests_are_counted_though_the_alerts_of_the_dcc_may_not_be_read(
    daemon: Daemon, broker: RefusingBroker
) -> None:
    """A gateway that is newer than the broker's access list goes on counting, and says what is missing."""
    broker.refuse_now((SUBSCRIBE, "duis/alerts"))
    with daemon:
        wait_for("the refusal", lambda: '"topic_refused"' in daemon.log)
        with broker.client() as sender:
            sender.publish(message(1))
        wait_for("the message", lambda: counted(daemon) == 1)
        wait_for("readyz to say so", lambda: b"duis/alerts: Not" in daemon.stranger().get("/readyz").body)
        assert not parts(daemon)["broker"]


def test_a_refused_alert_is_not_sent_and_comes_when_it_is_allowed(
    daemon: Daemon, broker: RefusingBroker
) -> None:
    broker.refuse_now((PUBLISH, "adt-gateway/test/incidents/#"))
    with daemon:
        wait_connected(daemon)
        daemon.put_in_force(row(1, 100))
        daemon.as_("adaptor").send_lines([header_line(1), header_line(2)])
        wait_for("a refused alert", lambda: daemon.metric("alerts_failed_total", "mqtt") >= 1)
        assert daemon.metric("alerts_sent_total", "mqtt") == 0
        wait_for("it to wait", lambda: daemon.metric("alerts_waiting", "mqtt") == 1)
        look = "SELECT last_error FROM outbox WHERE channel = 'mqtt'"
        error = wait_for("the error on record", lambda: daemon.query(look)[0][0])
        assert f"{ALERT}: Not authorized" in error
        wait_for("readyz to say so", lambda: not parts(daemon)["broker"])
        broker.stop()
        wait_for("the lost connection", lambda: '"broker_unavailable"' in daemon.log)
        broker.refuse()
        broker.start()
        with broker.client("adt-gateway/test/incidents/+") as listener:
            wait_for("the alert", lambda: listener.payloads(ALERT))
        wait_for("readyz to say so", lambda: parts(daemon)["broker"])


def test_a_broker_that_is_away_is_one_line_for_each_attempt(daemon: Daemon, broker: RefusingBroker) -> None:
    with daemon:
        wait_connected(daemon)
        broker.stop()
        wait_for("two attempts", lambda: daemon.log.count("Connection refused") >= 2)
        attempts = [line for line in daemon.log.splitlines() if "broker" in line and "warning" in line]
        assert all('"task_failed"' in line and '"broker_unavailable"' in line for line in attempts), attempts
        assert "Traceback" not in daemon.log
