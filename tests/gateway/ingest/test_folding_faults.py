"""What would hold folding, history or recovery up, or take more than there is: wrong clocks, hostile headers, centuries."""

import tracemalloc
from typing import Final

import pytest

from gateway.store.counts import Stretch, read_counts
from gateway.store.database import Database
from tests.gateway.ingest.test_folding import DAY, START, running
from tests.support.oracle import USER
from thresholds.model import ALL, CommunicationClass

SENT: Final = (CommunicationClass.SR, "4.1.1", 1)
CENTURY: Final = 36_524 * DAY


@pytest.mark.parametrize("folded", [True, False])
async def test_a_century_is_read_in_little_room(sqlite: Database, folded: bool) -> None:
    async with running(sqlite) as gateway:
        for _ in range(3):
            await gateway.send(0, SENT)
            await gateway.wait(3000)
        if folded:
            await gateway.fold()
        first = START // DAY * DAY
        stretch = Stretch(USER, ALL, "*", first - CENTURY // 2, first + CENTURY // 2, DAY)
        tracemalloc.start()
        counts = await read_counts(sqlite, stretch, gateway.counting.counted_row)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert sum(counts) == 3
        assert counts[CENTURY // 2 // DAY] == 1
        assert most < 10_000_000
