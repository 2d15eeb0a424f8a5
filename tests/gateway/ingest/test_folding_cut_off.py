"""A fold that is cut off or refused, or that goes on beside new thresholds, loses no count."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import Unavailable
from gateway.ingest.aside import Aside
from gateway.store.database import Database
from tests.support.databases import opened, store_settings
from tests.support.folded import OLD, running
from thresholds.model import CommunicationClass


async def test_a_fold_that_cannot_be_written_is_done_again(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sqlite) as gateway:
        for _ in range(4):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 1))
        write = sqlite.write
        monkeypatch.setattr(sqlite, "write", _refuse)
        with pytest.raises(Unavailable, match="no space"):
            await gateway.fold()
        monkeypatch.setattr(sqlite, "write", write)
        await gateway.restart()
        gateway.check()
        await gateway.fold()
        await gateway.restart()
        gateway.check()


def _refuse(*_: Any) -> Any:
    raise Unavailable("store_unavailable", "no space left on device", "")


async def test_a_history_step_that_was_cut_off_is_set_again(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sqlite) as gateway:
        for turn in range(9):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 2), (CommunicationClass.SPC, "7.2", 1))
            await gateway.wait(1000)
            if turn == 4:
                await gateway.remember()
        await gateway.fold()
        with monkeypatch.context() as patch:
            patch.setattr("gateway.ingest.folding.HISTORY_KINDS", 1)
            patch.setattr("gateway.ingest.folding.keep_history_until", _refuse)
            with pytest.raises(Unavailable, match="no space"):
                await gateway.folding.extend_history(60)
        assert (await gateway.count_rows())[2] > 0
        await gateway.restart()
        gateway.check()
        await gateway.remember()
        await gateway.prune()
        await gateway.restart()
        gateway.check()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 3), step=st.integers(0, 2), late=st.sampled_from([0, 20]), folds=st.booleans())
async def test_traffic_goes_on_while_new_thresholds_are_loaded(
    tmp_path_factory: pytest.TempPathFactory, number: int, step: int, late: int, folds: bool
) -> None:
    async with (
        opened(store_settings(tmp_path_factory.mktemp("folding"))) as database,
        running(database) as gateway,
    ):
        for _ in range(4):
            await gateway.send(0, (CommunicationClass.SR, "4.1.1", 2), (CommunicationClass.SPC, "7.2", 1))
            await gateway.wait(1000)
        await gateway.remember()
        loaded, go_on, load = asyncio.Event(), asyncio.Event(), Aside.load

        async def load_and_wait(aside: Aside, last: int) -> None:
            await load(aside, last)
            loaded.set()
            await go_on.wait()

        during = 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Aside, "load", load_and_wait)
            async with asyncio.TaskGroup() as group:
                replacing = group.create_task(gateway.replace(number))
                await loaded.wait()
                while not replacing.done():
                    await gateway.send(late, (CommunicationClass.SR, "4.1.1", 3))
                    await gateway.wait(step)
                    during += gateway.counting.reading
                    if folds:
                        await gateway.fold()
                        await gateway.prune()
                    if during >= 2:
                        go_on.set()
        assert during >= 2, "what is new was loaded, and not in force yet, while these were counted"
        gateway.check()
        assert len(list(gateway.counting.rates())) > len(OLD)
