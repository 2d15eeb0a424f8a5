"""The daemon: opens what it needs, runs the parts, and stops them in order."""

import asyncio
import faulthandler
import fcntl
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import uvloop

from gateway import tasks
from gateway.clock import SteadyClock
from gateway.errors import Conflict
from gateway.operations.durable import log_durable
from gateway.operations.reload import Reload
from gateway.operations.rules import Rulebook, load_rules
from gateway.parts import Announce, open_parts
from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.migrate import migrate
from gateway.store.sole import Sole

SWITCH_SECONDS: Final = 0.0005
"""How long a busy thread may keep Python's lock from another (Python's default is 5 ms): each commit of the
journal needs it twice, and every sender waits for a commit."""


def run_daemon(settings: Settings, announce: Announce, reread: Callable[[], Settings]) -> None:
    """Run until SIGTERM or SIGINT; *announce* gets the address once the daemon is ready.

    At SIGHUP *reread* reads the settings anew. A crash leaves where each thread was, without values, in the log.
    When it returns, everything that was acknowledged is on disk and counted.
    """
    faulthandler.enable()
    sys.setswitchinterval(SWITCH_SECONDS)
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))  # each connection is one
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, announce, reread, SteadyClock()))


async def _serve(
    settings: Settings, announce: Announce, reread: Callable[[], Settings], clock: SteadyClock
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    rules = Rulebook(load_rules(settings))
    settings.data_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_daemon(settings.data_directory))
        database = open_database(settings)
        stack.push_async_callback(database.close)
        reload = Reload(settings, reread, rules, database, clock)
        loop.add_signal_handler(signal.SIGHUP, reload.ring)
        sole = Sole(database)
        stack.push_async_callback(sole.close)
        await sole.take()
        await migrate(database)
        parts = await stack.enter_async_context(open_parts(settings, database, rules, clock))
        await parts.recover()
        async with asyncio.TaskGroup() as group:
            watch = partial(sole.watch, parts.health)
            watching = (
                [tasks.start(group, "alone", tasks.supervise("alone", watch))] if sole.is_needed else []
            )
            await parts.run(stop, announce, reload)
            for task in watching:
                task.cancel()
        await log_durable(database)


@contextmanager
def _only_daemon(folder: Path) -> Iterator[None]:
    """Hold the lock of the data directory: two daemons on one store would count twice."""
    with (folder / "daemon.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            msg = f"another daemon works on {folder}"
            raise Conflict("daemon_running", msg, "Stop it first, or set another data_directory.") from None
        yield
