"""From the acknowledgement of the request that crosses a level to its alert at the other side of each channel."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.bench.figure import Figure
from tests.support.all_channels import AllChannels
from tests.support.api import Person, header_line, wait_for
from tests.support.daemon import Daemon
from tests.support.mosquitto import MOSQUITTO, Mosquitto
from tests.support.with_people import SUPPLIER
from thresholds.catalogue import load_catalogue

RATE: Final = 1000.0
"""Other requests a second that arrive meanwhile."""
PAUSE: Final = 0.1
"""Seconds between two crossings."""
LATEST: Final = 10.0
"""Seconds after the last crossing in which its alert has to come."""
FROM: Final = "2026-11-01T00:00:00Z"
OUR_ROLES: Final = {"IS", "GS"}
AIM: Final = 1000
"""Milliseconds; the SOC is told within a second."""
MQTT_AIM: Final = 250

Arrivals = dict[str, float]
"""When an alert came for the first time, by its `id`."""


class AtBroker:
    """Notes when each alert came to a subscriber."""

    def __init__(self, port: int) -> None:
        self.at: Arrivals = {}
        self._subscribed = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.on_message = self._take
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe("adt-gateway/+/incidents/+", qos=1)
        self._subscribed.wait(10)

    def _take(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self.at.setdefault(json.loads(message.payload)["id"], time.perf_counter())


class InFile:
    """Notes when each line can be read from the file."""

    def __init__(self, path: Path) -> None:
        self.at: Arrivals = {}
        self._path = path
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        rest, place = b"", 0
        while not self._done.wait(0.002):
            if not self._path.exists() or self._path.stat().st_size == place:
                continue
            with self._path.open("rb") as file:
                file.seek(place)
                *lines, rest = (rest + file.read()).split(b"\n")
                place = file.tell()
            for line in lines:
                self.at.setdefault(json.loads(line)["id"], time.perf_counter())


def run() -> list[Figure]:
    """Return the 99th percentile of the delays of each channel, and the medians."""
    if MOSQUITTO is None:
        sys.stderr.write("Mosquitto is not installed: no figures of alerts\n")
        return []
    with tempfile.TemporaryDirectory() as name, Mosquitto(Path(name) / "broker") as broker:
        folder = Path(name) / "daemon"
        folder.mkdir()
        with (
            AllChannels(Path(name) / "soc") as soc,
            Daemon(folder, mqtt=broker.section, alerts=soc.section()) as daemon,
        ):
            return _measure(daemon, broker, soc)


def _measure(daemon: Daemon, broker: Mosquitto, soc: AllChannels) -> list[Figure]:
    services = [each.variant for each in load_catalogue() if not each.roles or each.roles & OUR_ROLES]
    rows = [(SUPPLIER, "ALL", service, "PT1H", "2", "1000000", FROM, "") for service in services]
    daemon.put_in_force(*rows)
    at_broker, in_file = AtBroker(broker.port), InFile(daemon.data / "alerts.jsonl")
    arrivals: dict[str, Callable[[], Arrivals]] = {
        "mqtt": lambda: dict(at_broker.at),
        "file": lambda: dict(in_file.at),
    }
    for name in soc.NAMES:
        arrivals[name] = lambda name=name: _firsts(soc.arrived[name])  # type: ignore[misc]
    acknowledged, rate = _cross(daemon, services)
    # A breach is on record shortly after the acknowledgement of the request that crossed.
    wait_for("the incidents", lambda: len(daemon.incidents()) >= len(acknowledged))
    ids = {incident["detail"]["threshold"]["service"]: incident["id"] for incident in daemon.incidents()}
    crossed = {f"test/incident/{ids[service]}/opened": at for service, at in acknowledged.items()}
    end = time.monotonic() + LATEST
    while time.monotonic() < end and any(crossed.keys() - came().keys() for came in arrivals.values()):
        time.sleep(0.1)
    at_broker.client.disconnect()
    in_file.close()
    return [_figure(name, crossed, came(), rate) for name, came in arrivals.items()]


def _cross(daemon: Daemon, services: list[str]) -> tuple[Arrivals, float]:
    """Pass each level under load; return when each was acknowledged, and the rate that was reached."""
    adaptor = daemon.as_("adaptor")
    below = [header_line(1000 * times + n, service) for times in (1, 2) for n, service in enumerate(services)]
    adaptor.send_lines(below)
    acknowledged = {}
    with _load(daemon, adaptor) as rates:
        time.sleep(1.0)
        for number, service in enumerate(services):
            adaptor.send_lines([header_line(10_000 + number, service)])
            acknowledged[service] = time.perf_counter()
            time.sleep(PAUSE)
    return acknowledged, rates[0]


def _firsts(arrived: list[tuple[str, float]]) -> Arrivals:
    return dict(reversed(list(arrived)))


def _figure(channel: str, crossed: Mapping[str, float], came: Arrivals, rate: float) -> Figure:
    missing = crossed.keys() - came.keys()
    if missing:
        message = f"{channel}: no alert came for {sorted(missing)}"
        raise RuntimeError(message)
    delays = sorted(1000 * (came[name] - at) for name, at in crossed.items())
    note = (
        f"{len(delays)} crossings under {rate:,.0f} requests a second; median {delays[len(delays) // 2]:.0f}"
    )
    where = "an MQTT subscriber" if channel == "mqtt" else f"the other side of {channel}"
    return Figure(
        what=f"acknowledgement to alert at {where}, 99th percentile",
        against="",
        ours=delays[int(len(delays) * 0.99) - 1],
        unit="milliseconds",
        aim=MQTT_AIM if channel == "mqtt" else AIM,
        at_least=False,
        note=note,
    )


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
