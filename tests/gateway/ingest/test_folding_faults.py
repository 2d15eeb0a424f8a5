"""What would hold folding, history or recovery up, or take more than there is: wrong clocks, hostile headers, centuries."""

import tracemalloc
from typing import Any, Final

import pytest
from prometheus_client import Gauge

from gateway.errors import Unavailable
from gateway.ingest import fold
from gateway.ingest.aside import Aside
from gateway.ingest.fold import NOBODY, KindNumbers
from gateway.ingest.rebuild import Rebuild
from gateway.metrics import LAST_FOLDING
from gateway.store.counts import Stretch, read_counts
from gateway.store.database import Database
from gateway.store.digests import read_folded
from tests.support.folded import DAY, HOUR, NEW, START, running
from tests.support.oracle import USER
from thresholds.model import ALL, CommunicationClass, UserId

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


async def test_folding_goes_on_after_a_clock_that_was_ahead(sqlite: Database) -> None:
    """Rows from the future do not hold it up for as long as the clock was ahead, and take no history there."""
    async with running(sqlite) as gateway:
        gateway.now += 10 * DAY
        for _ in range(3):
            await gateway.send(0, SENT)
        gateway.now = START
        await gateway.restart()
        for _ in range(3):
            await gateway.send(0, SENT)
            await gateway.wait(3000)
        while await gateway.folding.fold():
            pass
        while await gateway.folding.extend_history():
            pass
        async with sqlite.read() as connection:
            folded = await read_folded(connection)
        assert folded.journal_id == gateway.counting.counted_row - 1
        assert folded.history_until <= gateway.now
        await gateway.restart()
        found = [rate.count for rate in gateway.counting.rates() if rate.key.period_seconds == 3 * DAY]
        assert found == [6]


async def test_a_kind_that_is_folded_while_thresholds_are_loaded_is_counted(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a long time without folding a new kind may be in the history before the history is read."""
    async with running(sqlite) as gateway:
        await gateway.send(0, (CommunicationClass.SPC, "7.2", 1))
        for _ in range(3):
            await gateway.wait(3000)
            await gateway.send(0, (CommunicationClass.SPC, "7.2", 1))
        await gateway.remember()
        await gateway.send(0, SENT)
        for _ in range(3):
            await gateway.wait(3000)
            await gateway.send(0, (CommunicationClass.SPC, "7.2", 1))
        load = Rebuild._load_history

        async def fold_first(*arguments: Any) -> None:
            await gateway.remember()
            await load(*arguments)

        monkeypatch.setattr(Rebuild, "_load_history", fold_first)
        aside = Aside(sqlite, NEW, gateway.now)
        await aside.load(gateway.counting.counted_row)
        found = {rate.count for rate in aside.monitor.rates() if rate.key.service == "*"}
        assert found == {2, 8}  # of an hour and of 31 days


def test_invented_user_ids_take_no_numbers_past_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users with a threshold keep every service of theirs that the catalogue knows."""
    monkeypatch.setattr(fold, "KINDS_LIMIT", 3)
    known = {(USER, CommunicationClass.SR, "4.1", f"4.1.{n}"): n for n in (1, 2, 3)}
    numbers = KindNumbers(known, {USER})
    invented = [UserId(f"{n:02X}-00-00-00-00-00-00-00") for n in range(200)]
    shared = {numbers.number((user, CommunicationClass.SR, "4.1", "4.1.1")) for user in invented}
    assert shared == {4}
    assert numbers.number((USER, CommunicationClass.SPC, "7.2", "7.2")) == 5
    assert numbers.number((USER, CommunicationClass.UNKNOWN, "9.9", "9.9")) == 6
    assert list(numbers.new) == [
        (NOBODY, CommunicationClass.SR, "", ""),
        (USER, CommunicationClass.SPC, "7.2", "7.2"),
        (USER, CommunicationClass.UNKNOWN, "", ""),
    ]
    assert all(numbers.number(kind) == n for kind, n in known.items())


async def test_what_an_unfinished_file_brought_is_remembered_until_it_is_put_away(sqlite: Database) -> None:
    """However long that lasts, and however often the gateway starts meanwhile."""
    async with running(sqlite) as gateway:
        gateway.folding._unfinished_since = lambda: START - 300
        row = gateway.observation(0, *SENT)
        await gateway.intake.recover()
        await gateway.counting.count([row], await gateway._journal.append([row], gateway.now))
        for _ in range(12):
            await gateway.wait(HOUR)
            await gateway.send(0, SENT)
            await gateway.remember()
            await gateway.prune()
        await gateway.intake.recover(START - 300)
        known = gateway.intake._deduplication
        assert known.fingerprint(row.communication) in known


async def test_folding_shows_when_it_was_last_done(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(sqlite) as gateway:
        LAST_FOLDING.set(0)
        with monkeypatch.context() as patch:
            patch.setattr(sqlite, "read", _refuse)
            with pytest.raises(Unavailable):
                await gateway.folding.look()
        assert _shown(LAST_FOLDING) == 0
        await gateway.folding.look()
        assert _shown(LAST_FOLDING) > START // 2


def _refuse() -> None:
    raise Unavailable("store_unavailable", "no answer", "")


def _shown(gauge: Gauge) -> float:
    (metric,) = gauge.collect()
    return float(metric.samples[0].value)
