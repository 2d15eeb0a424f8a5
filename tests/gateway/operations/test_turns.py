"""Long work is taken in turns: nobody keeps others out by asking much, and what is too much is refused."""

import asyncio

import pytest

from gateway.errors import TooMany
from gateway.operations.turns import MOST, MOST_OF_ONE, Turns


class Work:
    """Pieces of work that end when they are told to, and who began them."""

    def __init__(self) -> None:
        self.turns = Turns("files_busy", "files")
        self.begun: list[str] = []
        self.go = asyncio.Semaphore(0)

    async def piece(self, name: str) -> None:
        async with self.turns.of(name):
            self.begun.append(name)
            await self.go.acquire()


async def settled() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_runs_at_a_time_and_turns_go_round() -> None:
    """Whoever asked for four first has others wait for one of them, not for all."""
    work = Work()
    async with asyncio.TaskGroup() as group:
        for name in ("ann", "ann", "ann", "ann", "bob", "cy"):
            group.create_task(work.piece(name))
        await settled()
        assert work.begun == ["ann"]
        for _ in range(6):
            work.go.release()
            await settled()
    assert work.begun == ["ann", "bob", "cy", "ann", "ann", "ann"]


async def test_what_is_too_much_is_refused_and_may_be_asked_again() -> None:
    work = Work()
    async with asyncio.TaskGroup() as group:
        for _ in range(MOST_OF_ONE):
            group.create_task(work.piece("ann"))
        await settled()
        with pytest.raises(TooMany, match="ann asked for 4 files") as error:
            await work.piece("ann")
        assert (error.value.code, error.value.status, error.value.seconds) == ("files_busy", 429, 5)
        for number in range(MOST - MOST_OF_ONE):
            group.create_task(work.piece(f"bob-{number}"))
        await settled()
        with pytest.raises(TooMany, match="people asked for 16 files"):
            await work.piece("cy")
        for _ in range(MOST + 2):
            work.go.release()
    await work.piece("ann")
    await work.piece("cy")


async def test_whoever_leaves_the_line_holds_nothing() -> None:
    """A page that nobody waits for any more, and work that failed, give their place back."""
    work = Work()
    async with asyncio.TaskGroup() as group:
        left = [group.create_task(work.piece("ann")) for _ in range(MOST_OF_ONE)]
        await settled()
        for task in left:
            task.cancel()
        await asyncio.wait(left)
    with pytest.raises(ZeroDivisionError):
        async with work.turns.of("ann"):
            raise ZeroDivisionError
    work.go.release()
    await work.piece("ann")
    assert work.begun[-1] == "ann"


async def test_work_that_is_bounded_elsewhere_waits_and_is_not_refused() -> None:
    work = Work()
    done: list[str] = []

    async def other() -> None:
        async with work.turns.any():
            done.append("other")

    async with asyncio.TaskGroup() as group:
        for number in range(MOST):
            group.create_task(work.piece(f"bob-{number}"))
        await settled()
        group.create_task(other())
        for _ in range(MOST):
            work.go.release()
    assert done == ["other"]
