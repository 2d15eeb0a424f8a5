"""However the journal is folded, kept as history, pruned and read again: every count stays what it was."""

from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ingest import fold
from gateway.store.database import Database
from gateway.store.digests import read_folded, read_kinds
from gateway.store.journal import Observation, read_journal
from tests.support.databases import opened, store_settings
from tests.support.folded import DAY, HOUR, START, Gateway, running
from tests.support.mixed import SENT
from tests.support.oracle import USER
from thresholds.model import CommunicationClass

STEPS: Final = st.one_of(
    st.tuples(st.just("send"), st.sampled_from([0, 0, 1, 59, 299]), SENT, SENT),
    st.tuples(st.just("send"), st.just(0), SENT),
    st.tuples(st.just("wait"), st.sampled_from([1, 7, 61, 290, 700, 1800, HOUR, 5 * HOUR, DAY])),
    st.tuples(st.sampled_from(["fold", "remember", "prune", "restart", "restart"])),
    st.tuples(st.just("replace"), st.integers(0, 3)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=8, max_size=40))
async def test_no_fold_no_prune_no_restart_and_no_new_threshold_changes_a_count(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    async with (
        opened(store_settings(tmp_path_factory.mktemp("folding"))) as database,
        running(database) as gateway,
    ):
        for name, *arguments in (*steps, ("restart",), ("replace", 3)):
            await getattr(gateway, name)(*arguments)
            gateway.check()
        await gateway.check_history()


async def long_life(gateway: Gateway) -> None:
    """Let traffic flow for three days."""
    for turn in range(3 * 24):
        await gateway.send(
            0, (CommunicationClass.SR, "4.1.1", 1 + turn % 2), (CommunicationClass.SPC, "7.2", 1)
        )
        await gateway.send(turn % 300, (CommunicationClass.SR, "4.2.1", 0))
        await gateway.wait(HOUR)
        await gateway.remember()
        await gateway.prune()


async def test_after_days_the_journal_is_short_and_a_restart_counts_the_same(database: Database) -> None:
    async with running(database) as gateway:
        await long_life(gateway)
        groups, digested, days = await gateway.count_rows()
        assert groups <= 2
        assert digested <= 3
        assert 9 <= days <= 12
        await gateway.check_history()
        await gateway.restart()
        gateway.check()
        await gateway.replace(3)
        gateway.check()
        assert {r.count for r in gateway.counting.rates() if r.key.period_seconds == 31 * DAY} == {180}


async def test_what_was_counted_is_known_by_its_digest(sqlite: Database) -> None:
    async with running(sqlite) as gateway:
        sent = [(CommunicationClass.SR, "4.1.1", 1)] * 3
        await gateway.send(0, *sent)
        group = (await read_rows(sqlite))[0]
        await gateway.send(0, *sent)
        await gateway.wait(1000)
        await gateway.fold()
        await gateway.send(0, *sent)
        await gateway.wait(400)
        await gateway.fold()
        await gateway.prune()
        assert (await gateway.count_rows())[0] == 1
        await gateway.restart()
        known = gateway.intake._deduplication
        assert all(known.fingerprint(each.communication) in known for each in group)
        assert len(known) == 9


async def read_rows(database: Database) -> list[list[Observation]]:
    return [row.observations async for row in read_journal(database)]


async def test_the_newest_group_is_in_no_digest(sqlite: Database) -> None:
    """A restart may have to count it once more."""
    async with running(sqlite) as gateway:
        for _ in range(2):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        await gateway.fold()
        async with sqlite.read() as connection:
            folded = await read_folded(connection)
        rows = [row.id async for row in read_journal(sqlite)]
        assert folded.journal_id == rows[0]


async def test_a_place_whose_minute_is_in_the_history_counts_in_the_next(sqlite: Database) -> None:
    """The clock was set back while the gateway was away."""
    async with running(sqlite) as gateway:
        for _ in range(3):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
            await gateway.wait(7000)
        await gateway.remember()
        async with sqlite.read() as connection:
            assert (await read_folded(connection)).history_until > 0
        gateway.now = START - 3000
        await gateway.restart()
        for _ in range(3):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        gateway.now = START + 2 * DAY - 600
        await gateway.send(0, (CommunicationClass.SPC, "7.2", 1))
        await gateway.send(0, (CommunicationClass.SPC, "7.2", 1))
        await gateway.remember()
        await gateway.prune()
        await gateway.restart()
        await gateway.replace(3)
        (found,) = (r.count for r in gateway.counting.rates() if r.key.period_seconds == 31 * DAY)
        assert found == 8


async def test_a_clock_that_was_ahead_leaves_no_count_in_the_future(sqlite: Database) -> None:
    async with running(sqlite) as gateway:
        gateway.now += 10 * DAY
        for _ in range(3):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
            await gateway.wait(7000)
        await gateway.remember()
        gateway.now = START
        await gateway.restart()
        assert {r.count for r in gateway.counting.rates() if r.key.service == "4.1.1"} == {3}
        async with sqlite.read() as connection:
            assert (await read_folded(connection)).history_until <= START


async def test_beyond_the_limit_unknown_services_share_a_kind(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "KINDS_LIMIT", 3)
    async with running(sqlite) as gateway:
        for number in range(9):
            await gateway.send(0, (CommunicationClass.UNKNOWN, f"99.{number}", 1))
        await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        await gateway.fold()
        async with sqlite.read() as connection:
            kinds = await read_kinds(connection)
        assert len(kinds) == 5
        assert (USER, CommunicationClass.UNKNOWN, "", "") in kinds
        await gateway.restart()
        gateway.check()
