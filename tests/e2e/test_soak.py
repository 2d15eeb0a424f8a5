"""A load that lasts: two thousand requests a second, none refused, none lost, and memory that stays as it is.

`make soak` runs it for ten minutes; among the other tests it runs for some seconds.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from gateway.ingest.folding import JOURNAL_SECONDS
from tests.support.daemon import Daemon, row
from tests.support.load import USERS
from tests.support.softhsm import needs_softhsm
from tests.support.with_people import OTHER_SUPPLIER, SUPPLIER

pytestmark = needs_softhsm

SECONDS: Final = int(os.environ.get("SOAK_SECONDS", "20"))
RATE: Final = int(os.environ.get("SOAK_RATE", "2000"))
"""Requests a second: 129 variants of each of ten User IDs in turn."""
REMEMBERED_SECONDS: Final = 60
"""How long RequestIDs are remembered here: what is remembered grows until then, and no more after it."""
WARM_SECONDS: Final = JOURNAL_SECONDS
"""From here on memory is to be flat: until then the journal fills, as its rows are pruned at this age."""
BUSY_SECONDS: Final = 120
"""How far a short load may fall behind, on a machine that does other work: it says nothing of the rate."""
LONG: Final = SECONDS >= 2 * WARM_SECONDS
"""Then the rate is to be held and memory to be flat; beside other tests, what else runs decides how long it takes."""
FLAT: Final = 10.0
"""Bytes for each request by which memory may grow once it is flat; one that is remembered takes about a hundred."""
WARMING: Final = 600.0
"""Bytes for each request by which it may grow before, besides `ROOM`."""
ROOM: Final = 48 * 1024 * 1024


class Memory:
    """What the daemon takes, by its own metric."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._began = time.monotonic()
        self.samples: list[tuple[float, float]] = []

    def look(self) -> None:
        taken = self._daemon.metrics()["process_resident_memory_bytes", frozenset()]
        seconds = time.monotonic() - self._began
        if self.samples and seconds // 60 > self.samples[-1][0] // 60:
            print(f"{seconds:.0f} s: {taken / 1e6:.1f} MB", flush=True)  # noqa: T201 - shown by `make soak`
        self.samples.append((seconds, taken))

    def slope(self, since: float) -> float:
        """Return bytes a second by which it grew from second *since* on (least squares)."""
        seconds, taken = zip(*(sample for sample in self.samples if sample[0] >= since), strict=True)
        return statistics.linear_regression(seconds, taken).slope


def kept(daemon: Daemon) -> int:
    """Return how many communications are on record: in digests, and in rows of the journal that are in none."""
    [(folded,)] = daemon.query("SELECT coalesce(sum(communications), 0) FROM digests")
    [(waiting,)] = daemon.query(
        "SELECT coalesce(sum(communications), 0) FROM journal"
        " WHERE id > (SELECT coalesce(max(journal_id), 0) FROM digests)"
    )
    return int(folded) + int(waiting)


def test_a_load_that_lasts_is_answered_counted_and_forgotten(tmp_path: Path) -> None:
    total = RATE * SECONDS
    with Daemon(tmp_path, environment={}, ingest={"deduplication_seconds": REMEMBERED_SECONDS}) as daemon:
        never = 10 * total
        levels = [
            row(never, never, user=user, communication="ALL", service="*", period="P1D")
            for user in (SUPPLIER, OTHER_SUPPLIER)
        ]
        daemon.put_in_force(*levels)
        person = daemon.as_("adaptor")
        command = [sys.executable, "-m", "tests.support.load", f"{daemon.url}/api/v1/service-requests"]
        command += [str(RATE), str(SECONDS), str(5 if LONG else BUSY_SECONDS)]
        memory = Memory(daemon)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
            assert sender.stdin is not None
            assert sender.stdout is not None
            sender.stdin.write(person.access_token + "\n")
            sender.stdin.flush()
            while sender.poll() is None:
                memory.look()
                time.sleep(1)
            sent = json.loads(sender.stdout.read() or "{}")
        print(sent, memory.samples[-1], f"{memory.slope(0):.0f} bytes/s")  # noqa: T201 - shown by `make soak`
        assert sender.returncode == 0
        assert sent["answers"] == {"202": total}
        metrics = daemon.metrics()
        counted = sum(n for (name, _), n in metrics.items() if name == "communications_total")
        assert (counted, metrics["duplicates_total", frozenset()]) == (total, 0)
        assert metrics["commit_failures_total", frozenset()] == 0
        assert sorted(rate["count"] for rate in daemon.rates()) == [total // len(USERS)] * 2
        assert kept(daemon) == total
        if LONG:
            assert sent["seconds"] < SECONDS + 5, "the rate was not held"
            assert memory.slope(WARM_SECONDS) < FLAT * RATE
        else:
            assert memory.samples[-1][1] - memory.samples[0][1] < ROOM + WARMING * total
