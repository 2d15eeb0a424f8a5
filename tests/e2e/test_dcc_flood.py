"""A flood of alerts in the DCC's name: what is true is on record, what is not is bounded, and the count goes on.

`DCC_FLOOD=100000` sends as many as the product promises to survive; `-s` shows the figures.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import psutil

from gateway import tasks
from tests.support.api import XML, header_line
from tests.support.daemon import Daemon
from tests.support.dcc import alert, quarantine
from tests.support.quarantined_daemon import ALERTS, DCC, request_id

ALERTS_SENT: Final = int(os.environ.get("DCC_FLOOD", "1500"))
CONNECTIONS: Final = 256
EVENTS: Final = 250
KEPT: Final = 100
STANDS_FOR: Final = 5
KINDS: Final = 10


def message(number: int) -> bytes:
    """Return one of ten kinds: 4 believed (one throttled), a repeat, 2 unsigned, changed, another alert, garbage."""
    kind, at = number % KINDS, float(int(time.time()))
    held = quarantine(request_id(number), number % EVENTS, at=at)
    if kind < 3:
        return DCC.sign(held)
    if kind == 3:
        return DCC.sign(quarantine(request_id(number), number % EVENTS, count=STANDS_FOR, at=at))
    if kind == 4:
        return DCC.sign(quarantine(request_id(0), 0, at=1_790_000_000))
    if kind == 5:
        return held
    if kind == 6:
        return quarantine(request_id(number), number, count=4_000_000_000, at=at)
    if kind == 7:
        return DCC.sign(held).replace(b"N46", b"N47")
    if kind == 8:
        return DCC.sign(alert("<sr:Other/>", code="N1", at=at))
    return b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>" if number % 20 == 9 else b"\x00garbage"


class Flood:
    """Sends all, again what is told to come again, and asks meanwhile whether the daemon is alive."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.answers: Counter[int] = Counter()
        self.pings: list[float] = []
        self.counted = 0

    def run(self) -> float:
        """Return how many seconds it took."""
        return asyncio.run(self._run())

    async def _run(self) -> float:
        token = self._daemon.as_("adaptor").access_token
        headers = {"Authorization": f"Bearer {token}"}
        connector, numbers = aiohttp.TCPConnector(limit=CONNECTIONS + 2), iter(range(ALERTS_SENT))
        began = time.perf_counter()
        async with (
            aiohttp.ClientSession(self._daemon.url, headers=headers, connector=connector) as session,
            asyncio.TaskGroup() as group,
        ):
            asking = [tasks.start(group, work.__name__, work(session)) for work in (self._ping, self._count)]
            await asyncio.gather(*(self._send(session, numbers) for _ in range(CONNECTIONS)))
            for task in asking:
                task.cancel()
        return time.perf_counter() - began

    async def _send(self, session: aiohttp.ClientSession, numbers: Any) -> None:
        for number in numbers:
            data, status = message(number), 503
            while status == 503:
                async with session.post(ALERTS, data=data, headers={"Content-Type": XML}) as answer:
                    status = answer.status
                    self.answers[status] += 1
                if status == 503:
                    await asyncio.sleep(0.2)

    async def _ping(self, session: aiohttp.ClientSession) -> None:
        while True:
            began = time.perf_counter()
            async with session.get("/healthz") as answer:
                assert answer.status == 200
            self.pings.append(time.perf_counter() - began)
            await asyncio.sleep(0.02)

    async def _count(self, session: aiohttp.ClientSession) -> None:
        while True:
            line = msgspec.json.encode(header_line(10_000_000 + self.counted))
            kind = {"Content-Type": "application/x-ndjson"}
            async with session.post("/api/v1/service-requests", data=line, headers=kind) as answer:
                assert answer.status == 202
            self.counted += 1
            await asyncio.sleep(0.05)


def figures(flood: Flood, seconds: float, daemon: Daemon) -> str:
    """Return what was measured, in a line."""
    pings = sorted(flood.pings)
    parts = ", ".join(
        f"{name} {pings[int(share * (len(pings) - 1))] * 1000:.0f} ms" for name, share in SHARES
    )
    assert daemon.process is not None
    memory = psutil.Process(daemon.process.pid).memory_info().rss // 2**20
    rate = ALERTS_SENT / seconds
    return f"{ALERTS_SENT} alerts in {seconds:.1f} s, {rate:.0f}/s; /healthz {parts}; {memory} MB; {flood.answers}"


SHARES: Final = (("p50", 0.5), ("p99", 0.99), ("slowest", 1.0))


def test_a_flood_of_alerts_is_survived_and_what_is_true_is_on_record(tmp_path: Path) -> None:
    settings = {"certificates_folder": str(DCC.write(tmp_path / "dcc")), "kept_unbelieved": KEPT}
    with Daemon(tmp_path / "daemon", token=False, dcc=settings) as daemon:
        flood = Flood(daemon)
        sys.stderr.write(figures(flood, flood.run(), daemon))
        garbage, believed = ALERTS_SENT // KINDS, 4 * ALERTS_SENT // KINDS
        assert flood.answers[202] == ALERTS_SENT - garbage
        assert sum(count for status, count in flood.answers.items() if 400 <= status < 500) == garbage
        # What is repeated names request 0 in event 0, as the very first does.
        assert daemon.query("SELECT count(*) FROM quarantined") == [(believed,)]
        throttled = "SELECT sum(throttled_count) FROM dcc_alerts WHERE trust = 'verified'"
        assert daemon.query(throttled) == [(STANDS_FOR * garbage,)]
        held_for = believed - garbage + STANDS_FOR * garbage
        assert held_for <= daemon.query("SELECT sum(alerts) FROM quarantined")[0][0] <= held_for + garbage
        kept = (
            "SELECT trust, count(*) FROM dcc_alerts WHERE trust != 'verified' GROUP BY trust ORDER BY trust"
        )
        assert daemon.query(kept) == [("unsigned", KEPT), ("wrong", KEPT)]
        incidents = dict(daemon.query("SELECT kind, count(*) FROM incidents GROUP BY kind"))
        assert incidents["unknown_request"] == 1
        assert incidents["dcc_quarantine"] <= 101
        assert incidents["dcc_not_kept"] == 2
        counted = sum(n for (name, _), n in daemon.metrics().items() if name == "communications_total")
        assert counted >= flood.counted
        assert daemon.verify_audit().returncode == 0
