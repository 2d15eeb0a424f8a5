"""How many alerts a second go through the outbox to a file, one at a time and in batches."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from gateway import tasks
from gateway.alerts.channels.file import FileChannel
from gateway.alerts.dispatcher import Dispatcher
from gateway.alerts.line import Line
from gateway.health import Health
from gateway.store.database import open_store
from gateway.store.migrate import migrate
from gateway.store.outbox import count_waiting, put_alert
from tests.bench.figure import Figure
from tests.support.rows import open_incident

INCIDENTS: Final = 200
EACH: Final = 10
"""Alerts of one incident."""


class OneByOne(FileChannel):
    """A channel without batches, as most are."""

    batch = 1  # type: ignore[misc] # the other way is what is measured


def run() -> list[Figure]:
    """Return the rate in batches, and what it is one by one."""
    with tempfile.TemporaryDirectory() as folder:
        batches = asyncio.run(_measure(Path(folder) / "batches", FileChannel))
        single = asyncio.run(_measure(Path(folder) / "single", OneByOne))
    return [
        Figure(
            what="alerts through the outbox to a file",
            against="",
            ours=batches,
            unit="per second",
            aim=500,
            at_least=True,
            note=f"{INCIDENTS * EACH} of {INCIDENTS} incidents; {single:,.0f} per second one at a time",
        )
    ]


async def _measure(folder: Path, kind: type[FileChannel]) -> float:
    database = open_store(f"sqlite+aiosqlite:///{folder}/gateway.sqlite", None)
    await migrate(database)
    async with database.write() as connection:
        for _ in range(INCIDENTS):
            incident = await open_incident(connection)
            for step in range(EACH):
                message = b'{"id":"bench/incident/%d/updated/%d"}' % (incident, step)
                await put_alert(connection, ["file"], incident, message.ljust(1500), int(time.time()))
    line = Line(kind(folder / "alerts.jsonl"), Health(), time.time)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        work = tasks.start(group, "file", Dispatcher(database, line, time.time).run())
        while True:
            async with database.read() as connection:
                if not await count_waiting(connection):
                    break
            await asyncio.sleep(0.01)
        seconds = time.perf_counter() - began
        work.cancel()
    await database.close()
    return INCIDENTS * EACH / seconds
