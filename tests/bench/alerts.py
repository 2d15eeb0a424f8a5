"""From the acknowledgement of the request that crosses a level to its alert at an MQTT subscriber."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.bench.figure import Figure
from tests.support.api import Person, header_line
from tests.support.daemon import Daemon
from tests.support.mosquitto import MOSQUITTO, Mosquitto
from tests.support.with_people import SUPPLIER
from thresholds.catalogue import load_catalogue

RATE: Final = 1000.0
"""Other requests a second that arrive meanwhile."""
PAUSE: Final = 0.1
"""Seconds between two crossings."""
FROM: Final = "2026-11-01T00:00:00Z"
OUR_ROLES: Final = {"IS", "GS"}


class Arrivals:
    """When the alert for each service came to a subscriber."""

    def __init__(self, port: int) -> None:
        self.at: dict[str, float] = {}
        self._subscribed = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.on_message = self._take
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe("adt-gateway/+/incidents/+", qos=1)
        self._subscribed.wait(10)

    def _take(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        alert = json.loads(message.payload)
        self.at[alert["facts"]["threshold"]["service"]] = time.perf_counter()


def run() -> list[Figure]:
    """Return the 99th percentile of the delays, and their median."""
    if MOSQUITTO is None:
        sys.stderr.write("Mosquitto is not installed: no figures of alerts\n")
        return []
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder) / "broker") as broker:
        path = Path(folder) / "daemon"
        path.mkdir()
        with Daemon(path, mqtt=broker.section) as daemon:
            services = [
                found.variant for found in load_catalogue() if not found.roles or found.roles & OUR_ROLES
            ]
            return _measure(daemon, broker, services)


def _measure(daemon: Daemon, broker: Mosquitto, services: list[str]) -> list[Figure]:
    rows = [(SUPPLIER, "ALL", service, "PT1H", "2", "1000000", FROM, "") for service in services]
    daemon.put_in_force(*rows)
    arrivals = Arrivals(broker.port)
    adaptor = daemon.as_("adaptor")
    below = [header_line(1000 * times + n, service) for times in (1, 2) for n, service in enumerate(services)]
    adaptor.send_lines(below)
    with _load(daemon, adaptor) as rates:
        time.sleep(1.0)
        acknowledged = {}
        for number, service in enumerate(services):
            adaptor.send_lines([header_line(10_000 + number, service)])
            acknowledged[service] = time.perf_counter()
            time.sleep(PAUSE)
    time.sleep(1.0)
    arrivals.client.disconnect()
    missing = acknowledged.keys() - arrivals.at.keys()
    if missing:
        message = f"no alert came for {sorted(missing)}"
        raise RuntimeError(message)
    delays = sorted(1000 * (arrivals.at[name] - at) for name, at in acknowledged.items())
    note = f"{len(delays)} crossings under {rates[0]:,.0f} requests a second; median {delays[len(delays) // 2]:.0f}"
    return [
        Figure(
            what="acknowledgement to alert at an MQTT subscriber, 99th percentile",
            against="",
            ours=delays[int(len(delays) * 0.99) - 1],
            unit="milliseconds",
            aim=250,
            at_least=False,
            note=note,
        )
    ]


@contextmanager
def _load(daemon: Daemon, adaptor: Person) -> Iterator[list[float]]:
    """Send other requests meanwhile; what is yielded holds the rate that was reached, afterwards."""
    command = [sys.executable, "-m", "tests.bench.load", daemon.url, adaptor.access_token, str(RATE)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    rates: list[float] = []
    try:
        yield rates
    finally:
        rates.append(float(process.communicate("")[0] or 0))
