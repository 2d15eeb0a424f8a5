"""The broker is away for a minute: HTTP goes on, alerts wait, and what was published arrives exactly once."""

import json
import os
import time
from pathlib import Path
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, ids, row
from tests.support.mosquitto import HOST, Mosquitto, needs_mosquitto
from tests.support.softhsm import needs_softhsm

pytestmark = [needs_softhsm, needs_mosquitto]

AWAY_SECONDS: Final = float(os.environ.get("BROKER_AWAY_SECONDS", "25"))
"""Longer than the keepalive of the connection; `BROKER_AWAY_SECONDS=60` for the whole minute."""
ALERTS: Final = "adt-gateway/test/incidents/+"


def own_session(port: int, name: str) -> paho.Client:
    """Return a client that keeps what it publishes until the broker has it, over any number of connections."""
    client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    client.reconnect_delay_set(1, 2)
    client.connect(HOST, port, clean_start=False, properties=properties)
    client.loop_start()
    return client


def broker_works(daemon: Daemon) -> bool:
    """Tell what `/readyz` says; with the broker away the gateway is not ready, and says why."""
    answer = daemon.stranger().get("/readyz")
    (part,) = [part for part in answer.json["parts"] if part["part"] == "broker"]
    assert bool(part["detail"]) != part["works"]
    assert answer.status == (200 if part["works"] else 503)
    return bool(part["works"])


def by_incident(alerts: list[str]) -> list[str]:
    """Put alerts together that are of one incident; they stay in their order."""
    return sorted(alerts, key=lambda alert: alert.rsplit("/", 1)[0])


def _arrived(message: paho.MQTTMessageInfo) -> bool:
    """Tell whether the broker has it; `is_published` raises for what was handed in while it was away."""
    return bool(message._published)


def test_a_broker_that_is_away_for_a_minute_loses_and_doubles_nothing(tmp_path: Path) -> None:
    published, over_http = 0, 0
    with Mosquitto(tmp_path / "broker") as broker, Daemon(tmp_path / "d", mqtt=broker.section) as daemon:
        wait_for("the broker", lambda: broker_works(daemon))
        daemon.put_in_force(row(1, 3), row(2, 100, service="4.1.1"))
        listener = own_session(broker.port, "soc")
        alerts: list[str] = []
        listener.on_message = lambda _client, _data, message: alerts.append(json.loads(message.payload)["id"])
        listener.subscribe(ALERTS, qos=1)
        sender = own_session(broker.port, "sender")
        handed_in = [
            sender.publish("duis/requests", json.dumps(header_line(n)).encode(), 1) for n in range(3)
        ]
        published = len(handed_in)
        wait_for("the first", lambda: len(daemon.journal()) == published)
        wait_for("its alerts", lambda: len(alerts) == 1)
        broker.stop()
        began = time.monotonic()
        wait_for("readyz to say so", lambda: not broker_works(daemon))
        while time.monotonic() - began < AWAY_SECONDS:
            counter = 1000 + published
            handed_in.append(sender.publish("duis/requests", json.dumps(header_line(counter)).encode(), 1))
            published += 1
            lines = [header_line(5000 + over_http, "4.1.1")]
            assert daemon.as_("adaptor").send_lines(lines).json["accepted"] == 1
            over_http += 1
            assert not broker_works(daemon)
            time.sleep(0.25)
        (incident,) = [i for i in daemon.incidents() if i["detail"]["threshold"]["service"] == "4.1.1"]
        assert incident["level"] == "warning"
        assert daemon.metric("alerts_waiting", "mqtt") == 1
        assert daemon.metric("alerts_sent_total", "file") == 2
        broker.start()
        wait_for("the broker", lambda: broker_works(daemon), 30)
        wait_for("the sender", lambda: all(_arrived(message) for message in handed_in), 30)
        wait_for("what was published", lambda: len(daemon.journal()) == published + over_http, 60)
        expected = [f"test/incident/{number}/opened" for number in (1, 2, 3)]
        expected.append("test/incident/1/closed")  # its quarantine, from what was published meanwhile
        wait_for("the alerts", lambda: len(alerts) == len(expected), 60)
        sender.disconnect()
        listener.disconnect()
        for client in (sender, listener):
            client.loop_stop()
        assert by_incident(alerts) == by_incident(expected), "in order for each incident"
        wait_for("what is said of them", lambda: daemon.metric("alerts_waiting", "mqtt") == 0)
        journal = ids(daemon.journal())
        assert len(journal) == len(set(journal)) == published + over_http
        assert {rate["service"]: rate["count"] for rate in daemon.rates()} == {
            "7.4": published,
            "4.1.1": over_http,
        }
        assert daemon.verify_audit().returncode == 0
