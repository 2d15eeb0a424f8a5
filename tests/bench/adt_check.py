"""How long the check of a 100,000 row ADT file takes beside `csv.reader` alone."""

import csv
import io
import time
from collections.abc import Callable

from tests.bench.figure import Figure
from tests.support.adt import adt_text, check, many_rows

ROWS = 100_000
AIM = 10.0
ROUNDS = 5


def run() -> list[Figure]:
    """Return the best of five runs of each, in seconds, taken by turns in this process."""
    rows, users = many_rows(ROWS)
    text = adt_text(rows)
    data = text.encode()
    checked = check(data, users=users)
    if not checked.accepted or len(checked.thresholds) != ROWS:
        message = f"the benchmark's file is not valid: {checked.faults[:1]}"
        raise RuntimeError(message)
    peer, ours = [], []
    for _ in range(ROUNDS):
        peer.append(_seconds(lambda: list(csv.reader(io.StringIO(text)))))
        ours.append(_seconds(lambda: check(data, users=users)))
    return [
        Figure(
            what=f"check of a file of {ROWS:,} rows",
            against="csv.reader alone",
            ours=min(ours),
            peer=min(peer),
            unit="seconds",
            aim=AIM,
            at_least=False,
            note=f"{len(data):,} bytes, best of {ROUNDS}",
        )
    ]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
