"""A task has a name and an owner, and one that is supervised starts again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import structlog

from gateway import tasks
from gateway.errors import Unavailable


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note the pauses that are taken; none of them lasts."""
    taken: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        taken.append(seconds)
        await sleep(0)

    monkeypatch.setattr("gateway.tasks.asyncio.sleep", note)
    return taken


def failing(times: int, then: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return work that fails so often and then goes on with *then*."""
    left = [RuntimeError(f"failure {number}") for number in range(times)]

    async def work() -> None:
        if left:
            raise left.pop(0)
        await then()

    return work


async def until_reached(work_of: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]) -> None:
    """Run supervised work until its last part is reached, then cancel it."""
    reached = asyncio.Event()

    async def wait() -> None:
        reached.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = tasks.start(group, "supervised", _as_coroutine(work_of(wait)))
        await reached.wait()
        task.cancel()
    assert task.cancelled()


async def _as_coroutine(work: Awaitable[None]) -> None:
    await work


async def test_a_started_task_bears_its_name() -> None:
    async def work() -> None:
        return

    async with asyncio.TaskGroup() as group:
        task = tasks.start(group, "counting", work())
    assert task.get_name() == "counting"


async def test_a_failure_of_a_started_task_ends_its_group() -> None:
    stopped = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError

    async def other() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("other")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            tasks.start(group, "other", other())
            tasks.start(group, "fail", fail())

    with pytest.raises(ExceptionGroup):
        await both()
    assert stopped == ["other"]


async def test_supervised_work_starts_again_after_growing_pauses(pauses: list[float]) -> None:
    with structlog.testing.capture_logs() as logs:
        await until_reached(lambda wait: tasks.supervise("alerts-file", failing(9, wait)))
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    told = [(log["event"], log["task"], log["again_in_seconds"]) for log in logs]
    assert told == [("task_failed", "alerts-file", pause) for pause in pauses]
    assert all(log["exc_info"] for log in logs)


async def test_the_longest_pause_can_be_shorter(pauses: list[float]) -> None:
    await until_reached(lambda wait: tasks.supervise("mqtt", failing(5, wait), 3.0))
    assert pauses == [0.5, 1, 2, 3, 3]


async def test_work_that_went_well_for_long_starts_again_soon(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])

    def lasting(wait: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        work = failing(5, wait)

        async def last() -> None:
            now[0] += 31 if len(pauses) == 3 else 0
            await work()

        return last

    await until_reached(lambda wait: tasks.supervise("mqtt", lasting(wait)))
    assert pauses == [0.5, 1, 2, 0.5, 1]


async def test_supervised_work_that_returns_starts_again_without_a_word(pauses: list[float]) -> None:
    runs: list[int] = []

    async def once() -> None:
        runs.append(len(runs))

    def work_of(wait: Callable[[], Awaitable[None]]) -> Awaitable[None]:
        async def work() -> None:
            await (once() if len(runs) < 2 else wait())

        return tasks.supervise("delivery", work)

    with structlog.testing.capture_logs() as logs:
        await until_reached(work_of)
    assert (runs, logs) == ([0, 1], [])
    assert pauses == [0.5, 1]


async def test_trouble_that_is_expected_is_one_line_and_anything_else_has_its_traceback(
    pauses: list[float],
) -> None:
    left: list[Exception] = [Unavailable("broker_unavailable", "nobody answers"), RuntimeError("a fault")]

    def work_of(wait: Callable[[], Awaitable[None]]) -> Awaitable[None]:
        async def work() -> None:
            if left:
                raise left.pop(0)
            await wait()

        return tasks.supervise("mqtt", work)

    with structlog.testing.capture_logs() as logs:
        await until_reached(work_of)
    expected, fault = logs
    assert (expected["log_level"], expected["code"], expected["error"], expected["again_in_seconds"]) == (
        "warning",
        "broker_unavailable",
        "nobody answers",
        pauses[0],
    )
    assert "exc_info" not in expected
    assert (fault["log_level"], fault["exc_info"]) == ("error", True)
