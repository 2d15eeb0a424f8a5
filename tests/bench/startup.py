"""How long the command line takes to help."""

import subprocess
import time
from typing import Final

from tests.bench.figure import Figure
from tests.support.api import COMMAND

ROUNDS: Final = 20


def _milliseconds() -> float:
    start = time.perf_counter()
    subprocess.run([COMMAND, "--help"], check=True, capture_output=True)
    return (time.perf_counter() - start) * 1000


def run() -> list[Figure]:
    """Return the milliseconds from the start of the process to its end."""
    return [
        Figure(
            what="adt-gateway --help",
            against="",
            ours=min(_milliseconds() for _ in range(ROUNDS)),
            peer=None,
            unit="milliseconds",
            aim=150,
            at_least=False,
            note=f"best of {ROUNDS} processes",
        )
    ]
