"""How often the pages of rates ask the store: the same for few thresholds and for many."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import event

from gateway import tasks
from gateway.clock import SteadyClock
from gateway.operations.reload import Reload
from gateway.operations.rules import Rulebook, load_rules
from gateway.parts import open_parts
from gateway.settings import load_settings
from gateway.store.adt_files import insert_file
from gateway.store.database import Database, open_database
from gateway.store.thresholds import insert_thresholds
from tests.support.rows import file_values, make_threshold
from tests.support.visitor import Visitor
from tests.support.with_people import people_folder, write_settings
from thresholds.model import Period


@asynccontextmanager
async def running(folder: Path, thresholds: int) -> AsyncIterator[tuple[Database, Visitor]]:
    """Run the gateway in this process, with so many thresholds in force; yield its store and a visitor."""
    shutil.copytree(people_folder(), folder / "var")
    write_settings(folder / "gateway.toml", {})
    settings = load_settings(folder / "gateway.toml")
    database, rules, clock = open_database(settings), Rulebook(load_rules(settings)), SteadyClock()
    rows = [
        make_threshold(period=Period(3600 + 60 * number, f"PT{60 + number}M")) for number in range(thresholds)
    ]
    async with database.write() as connection:
        await insert_thresholds(
            connection, await insert_file(connection, **file_values()), rows, int(clock())
        )
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    try:
        async with open_parts(settings, database, rules, clock) as parts, asyncio.TaskGroup() as group:
            await parts.recover()
            reload = Reload(settings, lambda: settings, rules, database, clock)
            tasks.start(group, "parts", parts.run(stop, address.set_result, reload))
            visitor = Visitor(await asyncio.wait_for(address, 30))
            await asyncio.to_thread(visitor.sign_in, "adam")
            yield database, visitor
            stop.set()
    finally:
        await database.close()


async def queries(folder: Path, thresholds: int, path: str, rows: int) -> int:
    """Return how many statements one look at *path* takes, the least of some: other parts ask too."""
    found: list[int] = []
    async with running(folder, thresholds) as (database, visitor):
        asked = 0

        def note(*_: object) -> None:
            nonlocal asked
            asked += 1

        event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        for _ in range(5):
            asked = 0
            answer = await asyncio.to_thread(visitor.get, path)
            assert answer.status == 200
            assert answer.body.count(b"<tr data-key") == rows
            found.append(asked)
    return min(found)


async def test_no_row_of_the_list_costs_a_query(tmp_path: Path) -> None:
    few = await queries(tmp_path / "few", 2, "/rates", 2)
    many = await queries(tmp_path / "many", 130, "/rates", 100)
    assert 1 <= few == many <= 3
