"""What fifty viewers of `/api/v1/events` cost the daemon, while a thousand requests a second move 1,300 thresholds."""

import selectors
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import psutil

from tests.bench.figure import Figure
from tests.support.api import header_line
from tests.support.daemon import Daemon, row
from tests.support.viewer import EVENTS
from tests.support.with_people import OTHER_SUPPLIER, SUPPLIER
from thresholds.catalogue import load_catalogue

VIEWERS: Final = 50
SECONDS: Final = 15.0
PER_SECOND: Final = 1000
BATCH: Final = 50
"""Lines of one call, so that the sender is not what is measured."""
PERIODS: Final = ("PT5M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D")
USERS: Final = (SUPPLIER, OTHER_SUPPLIER)
THRESHOLDS: Final = 1300


def run() -> list[Figure]:
    """Return the processor time of the daemon with viewers less that without, as part of one core."""
    if shutil.which("softhsm2-util") is None:
        sys.stderr.write("SoftHSM is not installed: no figure of viewers\n")
        return []
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder)) as daemon:
        known = [each.variant for each in load_catalogue() if each.may_be_sent_by(frozenset({"IS", "GS"}))]
        services = known[: THRESHOLDS // len(PERIODS) // len(USERS)]
        daemon.put_in_force(*_rows(services))
        thresholds = len(daemon.rates())
        without = _load(daemon, services, 0)
        with Readers(daemon) as readers:
            cost = _load(daemon, services, 1) - without
    return [
        Figure(
            what=f"{VIEWERS} viewers of {thresholds:,} thresholds at {PER_SECOND:,} requests a second",
            against="",
            ours=cost,
            unit="of a core",
            aim=0.2,
            at_least=False,
            note=f"the daemon with viewers less without ({without:.2f}); "
            f"{readers.received / VIEWERS / 2**20 / SECONDS:.2f} MB a second to each",
        )
    ]


def _rows(services: list[str]) -> list[list[str]]:
    return [
        row(10_000_000, 20_000_000, user=user, communication="ALL", service=service, period=period)
        for user in USERS
        for service in services
        for period in PERIODS
    ]


def _load(daemon: Daemon, services: list[str], turn: int) -> float:
    """Send for some seconds; return the processor time that the daemon took, a second."""
    if daemon.process is None:
        raise RuntimeError
    process, adaptor = psutil.Process(daemon.process.pid), daemon.as_("adaptor")
    began, before = time.monotonic(), process.cpu_times()
    for number in range(0, int(SECONDS * PER_SECOND), BATCH):
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        lines = [_line(turn * 10_000_000 + number + each, services) for each in range(BATCH)]
        if adaptor.send_lines(lines).json["accepted"] != BATCH:
            message = "the load is not what it should be"
            raise RuntimeError(message)
    took, after = time.monotonic() - began, process.cpu_times()
    if took > SECONDS * 1.2:
        message = f"the machine is too busy: it took {took:.0f} s instead of {SECONDS:g}"
        raise RuntimeError(message)
    return (after.user + after.system - before.user - before.system) / took


def _line(number: int, services: list[str]) -> dict[str, Any]:
    line = header_line(number, services[number % len(services)])
    user = USERS[number // len(services) % len(USERS)]
    return line | {"request_id": line["request_id"].replace(SUPPLIER, user)}


class Readers:
    """The viewers: one thread reads all their connections and looks at nothing."""

    def __init__(self, daemon: Daemon) -> None:
        self.received = 0
        self._selector = selectors.DefaultSelector()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        address = urlsplit(daemon.url)
        request = f"GET {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {daemon.as_('adam').access_token}\r\n\r\n"
        for _ in range(VIEWERS):
            connection = socket.create_connection((address.hostname or "", address.port or 0))
            connection.sendall(request.encode())
            self._selector.register(connection, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        self._thread.start()
        time.sleep(2)  # every count once, which is not what is measured
        self.received = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr] # they are sockets
        self._selector.close()

    def _read(self) -> None:
        buffer = bytearray(2**20)
        while not self._stop.is_set():
            for key, _ in self._selector.select(0.2):
                count = key.fileobj.recv_into(buffer)  # type: ignore[union-attr] # as above
                if not count:
                    message = "a viewer was hung up on"
                    raise RuntimeError(message)
                self.received += count
