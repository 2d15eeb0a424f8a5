"""What a file would have done: tried in a process of its own, kept, and never told as zero where it failed."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import psutil
import pytest

from gateway.access import Person, Role
from gateway.errors import TooMany
from gateway.operations.backtests import AGAIN_SECONDS, MOST_WAITING, Backtest, Backtests, Progress
from gateway.operations.file_review import Reviews
from gateway.operations.rules import Rulebook, load_rules
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.thresholds import insert_thresholds
from tests.support.adt import NOW, ROOT, SUPPLIER, adt_text
from tests.support.databases import Backend
from tests.support.past import kind, write_past
from tests.support.rows import make_threshold, submitted
from tests.support.watching import Machine
from thresholds.backtest import trial

Found = TypeVar("Found")

APPROVER = Person("bob", frozenset({Role.APPROVER}))
DAY = 86_400
FIRST = NOW - 3 * DAY
COUNTS = [3 if minute % 700 else 150 for minute in range(3 * 1440)]
IN_FORCE = make_threshold(SUPPLIER, service="7.4", warning=300, quarantine=400)
ROWS = (
    (SUPPLIER, "SR", "7.4", "PT1H", "200", "320", "2026-12-01T00:00:00Z", ""),
    (SUPPLIER, "ALL", "*", "P1D", "1", "2", "2026-12-01T00:00:00Z", ""),
    (SUPPLIER, "SR", "7.4", "PT1H", "900", "999", "2026-12-02T00:00:00Z", "2026-12-03T00:00:00Z"),
)


async def waiting_file(database: Database, rows: tuple[tuple[str, ...], ...] = ROWS) -> int:
    """Return the number of a file that changes what is in force."""
    content = adt_text(rows).encode()
    first = await submitted(database)
    async with database.write() as connection:
        await insert_thresholds(connection, first.id, [IN_FORCE], NOW - DAY)
    sha256 = hashlib.sha256(content).hexdigest()
    return (await submitted(database, content=content, sha256=sha256, submitted_at=NOW)).id


@asynccontextmanager
async def running(
    database: Database, backend: Backend, seconds: float = 60.0, url: str = "", clock: Machine | None = None
) -> AsyncIterator[Backtests]:
    settings = Settings.model_validate(
        {
            "adt_files": {"profile": ROOT / "config/profiles/adt-1.toml"},
            "service_users": [{"user_id": SUPPLIER, "roles": ["IS", "GS"]}],
        }
    )
    reviews = Reviews(database, Rulebook(load_rules(settings)))
    store = url or backend.settings.store_url, backend.settings.store.password_file
    backtests = Backtests(database, reviews, *store, clock or Machine(NOW), seconds)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(backtests.run())
        yield backtests
        task.cancel()


async def until(look: Callable[[], Awaitable[Found | None]]) -> Found:
    """Look until there is something."""
    for _ in range(3000):
        if found := await look():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError


async def ended(backtests: Backtests, number: int) -> Backtest:
    """Wait until the backtest of a file is over."""

    async def look() -> Backtest | None:
        found = await backtests.ask(APPROVER, number)
        return None if found.progress in {Progress.WAITING, Progress.RUNNING} else found

    return await until(look)


async def test_every_standing_change_is_tried_on_the_history_before_and_after(
    database: Database, backend: Backend
) -> None:
    number = await waiting_file(database)
    await write_past(database, kind(SUPPLIER), FIRST, COUNTS)
    async with running(database, backend) as backtests:
        assert (await backtests.ask(APPROVER, number)).progress is Progress.WAITING
        found = await ended(backtests, number)
    assert found.answer is not None, found.reason
    assert (found.answer.first, found.answer.until) == (FIRST, NOW)
    assert [case.either.service for case in found.cases] == ["*", "7.4"]  # no exception among them
    for case, outcome in zip(found.cases, found.answer.outcomes, strict=True):
        for row, told in ((case.old, outcome.old), (case.new, outcome.new)):
            assert told == (None if row is None else trial(COUNTS, FIRST, row, found.since))
    hourly = found.answer.outcomes[1]
    assert hourly.new is not None
    assert hourly.old is not None
    assert (hourly.new.warnings, hourly.old.warnings) == (1, 7)  # 180 an hour is no 10 % below 200
    assert (hourly.new.quarantines, hourly.old.quarantines) == (7, 0)


async def test_what_was_found_is_kept_until_the_hour_changes(sqlite: Database) -> None:
    clock = Machine(NOW)
    number = await waiting_file(sqlite)
    await write_past(sqlite, kind(SUPPLIER), FIRST, COUNTS)
    async with running(sqlite, _sqlite(str(sqlite.path)), clock=clock) as backtests:
        first = await ended(backtests, number)
        assert await backtests.ask(APPROVER, number) is first
        clock.wait(3600)
        assert (await backtests.ask(APPROVER, number)).progress is Progress.WAITING


def _sqlite(path: str) -> Backend:
    settings = Settings.model_validate({"store": {"url": f"sqlite+aiosqlite:///{path}"}})
    return Backend("sqlite", settings)


@pytest.mark.parametrize(
    ("seconds", "url", "reason"),
    [
        (0.05, "", "took more than 0.05 seconds"),
        (60.0, "sqlite+aiosqlite:////proc/none/gateway.sqlite", "cannot be opened"),
    ],
)
async def test_a_failure_says_why_leaves_no_process_and_is_tried_again_later(
    sqlite: Database, seconds: float, url: str, reason: str
) -> None:
    clock = Machine(NOW)
    number = await waiting_file(sqlite)
    before = set(psutil.Process().children())
    async with running(sqlite, _sqlite(str(sqlite.path)), seconds, url, clock) as backtests:
        found = await ended(backtests, number)
        assert (found.progress, found.answer) == (Progress.FAILED, None)
        assert reason in found.reason
        assert set(psutil.Process().children()) == before
        assert await backtests.ask(APPROVER, number) is found
        clock.wait(AGAIN_SECONDS + 1)
        assert (await backtests.ask(APPROVER, number)).progress is Progress.WAITING


async def _worker() -> psutil.Process | None:
    found = (child for child in psutil.Process().children() if "backtest" in " ".join(child.cmdline()))
    return next(found, None)


async def test_a_process_that_is_killed_is_a_failure(sqlite: Database) -> None:
    number = await waiting_file(sqlite)
    async with running(sqlite, _sqlite(str(sqlite.path))) as backtests:
        await backtests.ask(APPROVER, number)
        (await until(_worker)).kill()
        assert "ended with status -9" in (await ended(backtests, number)).reason


async def test_without_history_there_is_an_answer_that_holds_no_time(sqlite: Database) -> None:
    number = await waiting_file(sqlite)
    async with running(sqlite, _sqlite(str(sqlite.path))) as backtests:
        found = await ended(backtests, number)
    assert found.says_nothing
    assert found.answer is not None
    assert found.answer.first >= found.answer.until


def _other(number: int) -> Person:
    return Person(f"bob-{number}", frozenset({Role.APPROVER}))


async def test_only_so_many_wait_and_one_of_each_person(sqlite: Database) -> None:
    """One person's loop fills no queue: their second file is refused, with what to do, while another's waits."""
    numbers = [await waiting_file(sqlite, ((*ROWS[0][:4], str(n), "999", *ROWS[0][6:]),)) for n in range(10)]
    clock = Machine(NOW)
    backtests = Backtests(sqlite, _no_reviews(sqlite), "", None, clock)
    await backtests.ask(_other(0), numbers[0])
    assert (await backtests.ask(_other(0), numbers[0])).progress is Progress.WAITING  # to look again is free
    clock.wait(3600)
    assert (await backtests.ask(_other(0), numbers[0])).progress is Progress.WAITING  # in the next hour, too
    with pytest.raises(TooMany, match=f"ADT file {numbers[0]}") as error:
        await backtests.ask(_other(0), numbers[1])
    assert (error.value.code, error.value.status) == ("backtest_of_yours", 429)
    for place, number in enumerate(numbers[1:MOST_WAITING], 1):
        await backtests.ask(_other(place), number)
    with pytest.raises(TooMany) as error:
        await backtests.ask(_other(9), numbers[-1])
    assert error.value.code == "backtests_busy"


async def test_who_waited_may_ask_for_the_next(sqlite: Database) -> None:
    numbers = [await waiting_file(sqlite) for _ in range(2)]
    async with running(sqlite, _sqlite("/proc/none"), url="sqlite+aiosqlite:////proc/none/x") as backtests:
        for number in numbers:
            assert (await ended(backtests, number)).progress is Progress.FAILED


def _no_reviews(database: Database) -> Reviews:
    settings = Settings.model_validate({"adt_files": {"profile": ROOT / "config/profiles/adt-1.toml"}})
    return Reviews(database, Rulebook(load_rules(settings)))
