"""Alerts of the DCC from a sender to the store: signature checked, matched, on record, answered."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.bench.figure import Figure
from tests.support.databases import opened, store_settings
from tests.support.dcc_inbox import running

ALERTS: Final = 5000
AT_ONCE: Final = 1000


def run() -> list[Figure]:
    """Return how many alerts a second are taken, half of them in our excess."""
    return [asyncio.run(_measure())]


async def _measure() -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        async with opened(store_settings(Path(folder))) as database, running(database) as inbox:
            await inbox.saw(*range(ALERTS))
            await inbox.passed(*range(0, ALERTS, 2))
            await inbox.fold()
            data = [inbox.alert(number) for number in range(ALERTS)]
            started = time.perf_counter()
            for first in range(0, ALERTS, AT_ONCE):
                await inbox.take(*data[first : first + AT_ONCE])
            rate = ALERTS / (time.perf_counter() - started)
    note = "each verified, matched and on disk"
    return Figure("quarantine alerts of the DCC", "", rate, "per second", 500, at_least=True, note=note)
