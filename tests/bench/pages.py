"""How long the server works on pages of the console, as the browser waits for them."""

import http.client
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.bench.figure import Figure
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.visitor import Visitor
from tests.support.with_people import OTHER_SUPPLIER, SUPPLIER
from thresholds.catalogue import load_catalogue

TURNS: Final = 100
PERIODS: Final = ("PT5M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D")
USERS: Final = (SUPPLIER, OTHER_SUPPLIER)
THRESHOLDS: Final = 1300
REQUESTS: Final = 5000
AIM_MILLISECONDS: Final = 100.0


def run() -> list[Figure]:
    """Return the time of each page that people watch, at the 95th percentile."""
    if shutil.which("softhsm2-util") is None:
        sys.stderr.write("SoftHSM is not installed: no figures of pages\n")
        return []
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder)) as daemon:
        thresholds = _busy(daemon)
        visitor = Visitor(daemon.url)
        visitor.sign_in("adam")
        return [
            _figure(visitor, f"the rates of {thresholds:,} thresholds", "/rates"),
            _figure(
                visitor, f"the rates of {thresholds:,} thresholds by time to breach", "/rates?sort=breach"
            ),
        ]


def _busy(daemon: Daemon) -> int:
    """Put thresholds in force and count requests of every service; return how many thresholds there are."""
    known = [each.variant for each in load_catalogue() if each.may_be_sent_by(frozenset({"IS", "GS"}))]
    services = known[: -(-THRESHOLDS // len(PERIODS) // len(USERS))]
    daemon.put_in_force(
        *[
            row(400, 500, user=user, communication="ALL", service=service, period=period)
            for user in USERS
            for service in services
            for period in PERIODS
        ]
    )
    lines = [header_line(number, services[number % len(services)]) for number in range(REQUESTS)]
    for low in range(0, REQUESTS, 1000):
        if daemon.as_("adaptor").send_lines(lines[low : low + 1000]).status != 202:
            message = "the requests were not taken"
            raise RuntimeError(message)
    return len(wait_for("the thresholds", daemon.rates))


def _figure(visitor: Visitor, what: str, path: str) -> Figure:
    """Measure *path* on one connection that stays open, as browsers keep theirs."""
    connection = http.client.HTTPConnection(urlsplit(visitor.url).netloc, timeout=60)
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    took = []
    for _ in range(TURNS):
        time.sleep(0.02)  # another second now and then, so that the counts are looked at anew
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": cookies})
        answer = connection.getresponse()
        body = answer.read()
        took.append((time.perf_counter() - began) * 1000)
        if answer.status != 200 or not re.search(b"<tr data-key", body):
            message = f"{path} is not what it should be: {answer.status}"
            raise RuntimeError(message)
    connection.close()
    took.sort()
    return Figure(
        what=what,
        against="",
        ours=took[int(TURNS * 0.95)],
        unit="milliseconds",
        aim=AIM_MILLISECONDS,
        at_least=False,
        note=f"p95 of {TURNS}, half of them within {took[TURNS // 2]:.0f}; {len(body) // 1024} KB",
    )
