"""How long the check of a 100,000 row ADT file takes beside `csv.reader` alone."""

import csv
import io
import time
from collections.abc import Callable

from tests.support.adt import adt_text, check, many_rows

ROWS = 100_000
AIM = 10.0
ROUNDS = 5


def run() -> dict[str, str | float]:
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
    return {
        "name": "adt_check",
        "ours": min(ours),
        "peer": min(peer),
        "ratio": min(ours) / min(peer),
        "aim": AIM,
        "note": f"{ROWS} rows, {len(data)} bytes, fully checked; peer: list(csv.reader(...)); seconds; at most {AIM:g}x",
    }


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(run())  # noqa: T201  # a benchmark reports on standard output
