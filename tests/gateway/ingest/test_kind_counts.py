"""The counts of each kind by the minute are those that were sent, wherever they lie by now."""

import pytest

from gateway.store.database import Database
from gateway.store.kind_counts import counted_since, read_kind_minutes
from tests.support.folded import START, running
from tests.support.mixed import kind
from tests.support.oracle import USER
from thresholds.model import CommunicationClass
from thresholds.window import LATENESS

DAY = 86_400
SENT = ((CommunicationClass.SR, "4.1.1", 2), (CommunicationClass.SPC, "7.2", 1))


@pytest.mark.parametrize("user", [USER, ""], ids=["one user", "all"])
async def test_each_kind_counts_by_the_minute_in_history_digests_and_journal(
    sqlite: Database, user: str
) -> None:
    async with running(sqlite) as gateway:
        for turn in range(9):
            await gateway.send(0, *SENT[: 1 + turn % 2])
            await gateway.wait(1000)
            if turn == 3:
                await gateway.remember()
            if turn == 6:
                await gateway.fold()
        first, end = START // 60 * 60 - 600, gateway.now // 60 * 60 + 60
        middle = first + 4200
        spans = [(first, end), (first, middle), (middle, end), (middle, middle + 60)]
        known, found = await read_kind_minutes(sqlite, user, spans, gateway.counting.counted_row)
        for (low, high), minutes in zip(spans, found, strict=True):
            wanted: dict[object, list[int]] = {}
            for (name, variant, second, _), n in gateway.sent.items():
                if low <= second < high:
                    counts = wanted.setdefault(kind(name, variant), [0] * ((high - low) // 60))
                    counts[(second - low) // 60] += n
            assert {of: values for of, values in minutes.items() if any(values)} == wanted
        assert known <= START
        assert (await read_kind_minutes(sqlite, "nobody", spans, 99))[1] == [{}] * len(spans)


async def test_since_when_counts_are_on_record_is_told_before_there_is_a_history(sqlite: Database) -> None:
    """A curve of zeros from before the gateway counted would be a lie, also in its first half hour."""
    async with running(sqlite) as gateway:
        async with sqlite.read() as connection:
            assert await counted_since(connection) == 0  # nothing at all
        await gateway.send(0, *SENT)
        async with sqlite.read() as connection:
            in_journal = await counted_since(connection)
        assert START - LATENESS - 60 < in_journal <= START
        for _ in range(6):
            await gateway.wait(1000)
            await gateway.send(0, *SENT)
        await gateway.fold()
        async with sqlite.read() as connection:
            assert await counted_since(connection) in {in_journal, START // 60 * 60, START // DAY * DAY}
