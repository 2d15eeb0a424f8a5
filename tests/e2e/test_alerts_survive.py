"""Alerts survive other sides that are down or hang, and a daemon that is killed: none is lost, the order holds."""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.test_broker_away import ALERTS, own_session
from tests.support.all_channels import AllChannels
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.mosquitto import Mosquitto, needs_mosquitto
from tests.support.softhsm import needs_softhsm
from thresholds.catalogue import load_catalogue

pytestmark = [needs_softhsm, needs_mosquitto]

AWAY_SECONDS: Final = float(os.environ.get("ALERTS_AWAY_SECONDS", "10"))
"""`ALERTS_AWAY_SECONDS=600` for the whole ten minutes."""
INCIDENTS: Final = 50
EVERY: Final = ("file", "mqtt", *AllChannels.NAMES)
SERVICES: Final = [each.variant for each in load_catalogue() if not each.roles or each.roles & {"IS", "GS"}][
    :INCIDENTS
]


@contextmanager
def everything(folder: Path) -> Iterator[tuple[Daemon, AllChannels, Mosquitto]]:
    """Run a daemon with a channel of every kind; thresholds that the second request passes are in force."""
    with (
        AllChannels(folder / "soc") as soc,
        Mosquitto(folder / "broker") as broker,
        Daemon(folder / "d", alerts=soc.section(), mqtt=broker.section) as daemon,
    ):
        wait_for("the broker", lambda: daemon.stranger().get("/readyz").status == 200)
        rows = [row(1, 1_000_000, communication="ALL", service=service) for service in SERVICES]
        daemon.put_in_force(*rows)
        yield daemon, soc, broker


class Subscriber:
    """Somebody at the broker whose session lasts: what comes while they or the broker are away comes later."""

    def __init__(self, broker: Mosquitto) -> None:
        self.ids: list[str] = []
        subscribed = threading.Event()
        self._client = own_session(broker.port, "soc")
        self._client.on_message = lambda _client, _data, message: self.ids.append(
            json.loads(message.payload)["id"]
        )
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.subscribe(ALERTS, qos=1)
        assert subscribed.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def cross(daemon: Daemon, *numbers: int) -> None:
    """Open an incident for each of these services."""
    lines = [header_line(1000 * (n + 1) + k, SERVICES[n]) for n in numbers for k in range(2)]
    assert daemon.as_("adaptor").send_lines(lines).json["accepted"] == len(lines)
    wait_for("the incidents", lambda: len(daemon.incidents()) >= len(numbers))


def written(daemon: Daemon) -> dict[str, list[str]]:
    """Return the ids of the alerts of each channel as they stand in the outbox."""
    with closing(sqlite3.connect(daemon.data / "gateway.sqlite", timeout=10)) as store:
        rows = store.execute("SELECT channel, message FROM outbox ORDER BY id").fetchall()
    found: dict[str, list[str]] = {}
    for channel, message in rows:
        found.setdefault(channel, []).append(json.loads(message)["id"])
    return found


def in_file(daemon: Daemon) -> list[str]:
    path = daemon.data / "alerts.jsonl"
    return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.is_file() else []


def assert_in_order(came: list[str], wanted: list[str]) -> None:
    """All came, nothing else did, and of each incident the first comings are in the order in which it was."""
    firsts = list(dict.fromkeys(came))
    assert sorted(firsts) == sorted(wanted)
    for incident in {identity.rpartition("/")[0] for identity in wanted}:
        mine = f"{incident}/"
        assert [i for i in firsts if i.startswith(mine)] == [i for i in wanted if i.startswith(mine)]


def test_every_channel_down_under_fifty_incidents_then_back_loses_nothing(tmp_path: Path) -> None:
    with (
        everything(tmp_path) as (daemon, soc, broker),
        closing(Subscriber(broker)) as subscriber,
    ):
        soc.down()
        broker.stop()
        file = daemon.data / "alerts.jsonl"
        file.mkdir()
        began = time.monotonic()
        cross(daemon, *range(INCIDENTS))
        analyst = daemon.as_("ana")
        for incident in daemon.incidents():
            closed = analyst.post(
                f"/api/v1/incidents/{incident['id']}/close", {"reason": "a test", "finding": "expected_work"}
            )
            assert closed.status == 200
        wanted = written(daemon)
        assert wanted.keys() == set(EVERY)
        assert len({tuple(ids) for ids in wanted.values()}) == 1
        assert len(wanted["file"]) == 3 * INCIDENTS, "opened, its finding, closed"
        while time.monotonic() - began < AWAY_SECONDS:
            time.sleep(0.5)
        ready = {part["part"]: part["works"] for part in daemon.stranger().get("/readyz").json["parts"]}
        assert not any(ready[f"channel_{name}"] for name in EVERY)
        assert in_file(daemon) == subscriber.ids == soc.ids("syslog") == soc.ids("mail") == []
        file.rmdir()
        soc.up()
        broker.start()

        def all_sent() -> bool:
            return not any(daemon.metric("alerts_waiting", name) for name in EVERY)

        wait_for("every channel to catch up", all_sent, seconds=60 + AWAY_SECONDS)
        wait_for("the broker's alerts", lambda: len(set(subscriber.ids)) >= 3 * INCIDENTS)
        came = {name: soc.ids(name) for name in AllChannels.NAMES}
        came |= {"file": in_file(daemon), "mqtt": list(subscriber.ids)}
        for name in EVERY:
            assert_in_order(came[name], wanted[name])
            assert not daemon.metric("alerts_dead", name)


def test_a_daemon_that_is_killed_between_commit_and_send_sends_afterwards(tmp_path: Path) -> None:
    with everything(tmp_path) as (daemon, soc, _):
        soc.down()
        cross(daemon, 0, 1, 2)
        daemon.kill()
        wanted = written(daemon)
        assert len(wanted["webhook"]) == 3
        soc.up()
        daemon.start()

        def all_came() -> bool:
            return all(len(set(soc.ids(name))) == 3 for name in AllChannels.NAMES)

        wait_for("all alerts", all_came, seconds=90)
        for name in AllChannels.NAMES:
            assert_in_order(soc.ids(name), wanted[name])


@pytest.mark.parametrize("channel", ["webhook", "splunk"])
def test_a_daemon_that_is_killed_before_the_answer_repeats_the_same_alert(
    tmp_path: Path, channel: str
) -> None:
    with everything(tmp_path) as (daemon, soc, _):
        soc.hangs.add(channel)
        cross(daemon, 0)
        wait_for("the alert", lambda: soc.ids(channel))
        daemon.kill()
        soc.hangs.clear()
        first = soc.ids(channel)
        daemon.start()
        wait_for("the alert again", lambda: len(soc.ids(channel)) > len(first))
        assert set(soc.ids(channel)) == set(written(daemon)[channel]) == set(first)


def test_a_channel_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    with (
        everything(tmp_path) as (daemon, soc, broker),
        closing(Subscriber(broker)) as subscriber,
    ):
        soc.hangs.add("webhook")
        cross(daemon, *range(10))
        others = [name for name in AllChannels.NAMES if name != "webhook"]
        wait_for("the others", lambda: all(len(set(soc.ids(name))) == 10 for name in others))
        wait_for("the broker", lambda: len(set(subscriber.ids)) == 10)
        wait_for("the file", lambda: len(set(in_file(daemon))) == 10)
        wait_for("the time limit", lambda: daemon.metric("alerts_failed_total", "webhook"), seconds=30)
        wait_for("all to wait", lambda: daemon.metric("alerts_waiting", "webhook") == 10)
        assert daemon.stranger().get("/readyz").status == 200
        soc.hangs.clear()
        wait_for("the webhook", lambda: len(set(soc.ids("webhook"))) == 10, seconds=90)
        assert_in_order(soc.ids("webhook"), written(daemon)["webhook"])
