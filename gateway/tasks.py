"""The one maker of tasks: each has a name and an owner, and restarts by itself where that is wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import structlog

from gateway.errors import GatewayError

log = structlog.get_logger(__name__)

FIRST_PAUSE: Final = 0.5
"""Seconds before a task that failed is started again; doubled at each failure."""
LONGEST_PAUSE: Final = 30.0


def start(group: asyncio.TaskGroup, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start *work* in *group*; an exception in it ends the group."""
    return group.create_task(work, name=name)


async def supervise(
    name: str, work: Callable[[], Awaitable[None]], longest_pause: float = LONGEST_PAUSE
) -> None:
    """Run *work* for ever: where it fails, say so and start it again after a pause.

    For the parts whose trouble must stay their own, such as one alert channel. What is expected, a
    `GatewayError`, is one line of the log; anything else comes with its traceback.
    """
    pause = FIRST_PAUSE
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await work()
        except GatewayError as error:
            log.warning(
                "task_failed", task=name, code=error.code, error=error.message, again_in_seconds=pause
            )
        except Exception:
            log.exception("task_failed", task=name, again_in_seconds=pause)
        if asyncio.get_running_loop().time() - started > longest_pause:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause)
        pause = min(pause * 2, longest_pause)
