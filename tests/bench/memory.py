"""Memory of windows and deduplication after a day at the peak of a large supplier, in a process of its own.

The thresholds are those of ten User IDs by 129 variants by three classes by three periods. The last horizon of the
deduplication is real: each communication passes the fingerprint, the set of known ones and `Monitor.observe`. What
came before within 24 hours is loaded by the minute with `Monitor.load`, as a restart does.
"""

import json
import random
import subprocess
import sys
from array import array
from typing import Final

import psutil

from gateway.ingest.deduplication import GENERATIONS, Deduplication
from tests.bench.figure import Figure
from tests.bench.restart import CLASSES, HORIZON, PERIODS, RATE, USERS, kinds, observation
from thresholds.kind import Kind
from thresholds.model import Period, Threshold
from thresholds.monitor import Monitor

HOURS: Final = 24
START: Final = 1_790_553_600
"""2026-09-28T00:00:00Z."""
REAL: Final = HORIZON + HORIZON // GENERATIONS
"""The last seconds, each communication of which is real: as long as one may be remembered."""
AIM_MEGABYTES: Final = 500


def monitor(found: list[Kind]) -> Monitor:
    """Return a monitor of every threshold, none of which is ever passed."""
    rows = [
        Threshold(user, name, variant, Period(seconds, text), 10**9, 2 * 10**9, 0)
        for user, name, _, variant in found
        for text, seconds in PERIODS
    ]
    return Monitor(rows, START)


def simulate() -> dict[str, float]:
    """Return the resident bytes before and after, and how many communications are remembered."""
    process, chance, found = psutil.Process(), random.Random(1), kinds()
    before = process.memory_info().rss
    counting, known = monitor(found), Deduplication(HORIZON, 1)
    end = START + HOURS * 3600
    real = end - REAL
    share = RATE * 60 // len(found)
    counting.advance(real - 1)
    minutes = (real - START) // 60
    for kind in found:
        values = array("B", (chance.randint(0, 2 * share) for _ in range(minutes)))
        counting.load(START, 60, [(kind, values, values)])
    for second in range(real, end):
        chosen = chance.choices(found, k=RATE)
        keys = []
        for number, kind in enumerate(chosen):
            sent = observation(kind, second, number).communication
            key = known.fingerprint(sent)
            if key in known:
                raise RuntimeError(sent)
            keys.append(key)
            counting.observe(sent, second, second)
        known.remember(keys, second)
    return {"before": before, "after": process.memory_info().rss, "remembered": len(known)}


def run() -> list[Figure]:
    """Return the megabytes that a day of traffic adds."""
    command = [sys.executable, "-m", "tests.bench.memory"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    what = f"{len(USERS)} User IDs by 129 variants by {len(CLASSES)} classes by 1 h, 24 h and 7 d"
    return [
        Figure(
            what=f"memory for {what} after {HOURS} h at {RATE:,}/s, more than at start",
            against="",
            ours=(found["after"] - found["before"]) / 1e6,
            unit="MB",
            aim=AIM_MEGABYTES,
            at_least=False,
            note=f"{found['remembered']:,.0f} communications remembered; the last {REAL:,} s counted one by one, "
            "what came before loaded by the minute",
        )
    ]


if __name__ == "__main__":
    print(json.dumps(simulate()))  # noqa: T201 - the child's answer
