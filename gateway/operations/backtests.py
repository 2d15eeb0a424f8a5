"""What a file would have done: its changes tried on the counts of the past, in a process of their own."""

import asyncio
import enum
import os
import sys
from pathlib import Path
from typing import Final

import msgspec
import structlog

from gateway.access import Action, Person
from gateway.clock import Clock
from gateway.errors import TooMany
from gateway.operations.backtest_job import SECONDS, Answer, Case, Job, decode_answer, encode
from gateway.operations.file_review import Reviews
from gateway.store.adt_files import StoredFile, get_file, newest_in_force
from gateway.store.database import Database
from thresholds.difference import Change, Difference

log = structlog.get_logger(__name__)

DAYS: Final = 30
"""How much of the past is tried."""
MOST_CASES: Final = 200
"""Changes of one file that are tried: the first in their order."""
KEPT: Final = 32
"""Results that are kept."""
MOST_WAITING: Final = 8
"""Files that may wait for their turn, each asked for by another person."""
BUSY_SECONDS: Final = 10.0
"""After so long it is worth asking again."""
AGAIN_SECONDS: Final = 60.0
"""After so long what failed, or found no history yet, may be tried again."""
HOUR: Final = 3600
DAY: Final = 86_400
TOLD: Final = 500
"""Characters of what a process said when it failed."""

Key = tuple[int, int, int]
"""File, what came into force last, and the hour."""


class Progress(enum.StrEnum):
    """How far a backtest is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Backtest(msgspec.Struct, frozen=True):
    """What is known of one backtest."""

    file: StoredFile
    progress: Progress
    cases: tuple[Case, ...] = ()
    left_out: int = 0
    """Standing thresholds that change and were not tried."""
    since: int = 0
    answer: Answer | None = None
    """Once it is done."""
    reason: str = ""
    """Why it could not be worked out."""
    ended_at: float = 0.0

    @property
    def says_nothing(self) -> bool:
        """Whether it failed, or found no history."""
        no_history = self.answer is not None and self.answer.first >= self.answer.until
        return self.progress is Progress.FAILED or no_history


class Backtests:
    """Tries files on the past, one at a time; what was found is kept until the hour or what is in force changes."""

    def __init__(
        self,
        database: Database,
        reviews: Reviews,
        store_url: str,
        password_file: Path | None,
        clock: Clock,
        seconds: float = SECONDS,
    ) -> None:
        self._database = database
        self._reviews = reviews
        self._store_url = store_url
        self._password_file = str(password_file) if password_file else None
        self._clock = clock
        self._seconds = seconds
        self._queue: asyncio.Queue[tuple[Key, Person]] = asyncio.Queue(MOST_WAITING)
        self._found: dict[Key, Backtest] = {}
        self._asked: dict[str, Key] = {}
        """What waits or runs for each person."""

    async def ask(self, person: Person, file_id: int) -> Backtest:
        """Return how far the backtest of a file is; the first who asks has it begun.

        Raises `TooMany` where this person waits for another one (`backtest_of_yours`), or too many people do
        (`backtests_busy`).
        """
        person.require(Action.READ_FILES)
        async with self._database.read() as connection:
            file = await get_file(connection, file_id)
            newest = await newest_in_force(connection)
        now = self._clock()
        key = file_id, newest, int(now) // HOUR
        known = self._found.get(key)
        if known is not None and not (known.says_nothing and now - known.ended_at > AGAIN_SECONDS):
            return known
        asked = self._asked.get(person.name)
        if asked is not None and asked[0] == file_id:  # begun before the hour or what is in force changed
            return self._found[asked]
        self._enter(key, person)
        return self._keep(key, Backtest(file, Progress.WAITING))

    def _enter(self, key: Key, person: Person) -> None:
        """Have *key* tried once its turn has come; of each person one waits or runs."""
        if person.name in self._asked:
            number = self._asked[person.name][0]
            msg = f"ADT file {number}, which {person.name} asked for before, waits to be tried on the past or is"
            remedy = "Wait until what that file would have done is shown, then ask again."
            raise TooMany("backtest_of_yours", msg, remedy, BUSY_SECONDS)
        try:
            self._queue.put_nowait((key, person))
        except asyncio.QueueFull:
            msg = f"{MOST_WAITING} files wait to be tried on the past already"
            raise TooMany("backtests_busy", msg, "Ask again in a minute.", BUSY_SECONDS) from None
        self._asked[person.name] = key

    def _keep(self, key: Key, backtest: Backtest) -> Backtest:
        self._found.pop(key, None)
        self._found[key] = backtest
        while len(self._found) > KEPT:
            del self._found[next(iter(self._found))]
        return backtest

    async def run(self) -> None:
        """Try what waits, for ever."""
        while True:
            key, person = await self._queue.get()
            try:
                await self._try(key, person, self._found[key])
            except BaseException:
                self._found.pop(key, None)  # whoever asks next has it begun anew
                raise
            finally:
                del self._asked[person.name]

    async def _try(self, key: Key, person: Person, backtest: Backtest) -> None:
        backtest = self._keep(key, msgspec.structs.replace(backtest, progress=Progress.RUNNING))
        review = await self._reviews.read_for_backtest(person, key[0])
        cases, left_out = _cases(review.difference)
        since = (int(self._clock()) - DAYS * DAY) // 60 * 60
        backtest = msgspec.structs.replace(backtest, cases=cases, left_out=left_out, since=since)
        answer = await self._worked_out(Job(self._store_url, self._password_file, since, cases))
        ended = self._clock()
        if isinstance(answer, str):
            log.warning("backtest_failed", file=key[0], error=answer)
            change = {"progress": Progress.FAILED, "reason": answer, "ended_at": ended}
        else:
            change = {"progress": Progress.DONE, "answer": answer, "ended_at": ended}
        self._keep(key, msgspec.structs.replace(backtest, **change))

    async def _worked_out(self, job: Job) -> Answer | str:
        """Return what a process of its own finds, or why it found nothing."""
        try:
            process = await _start()
        except OSError as error:
            return f"its process cannot be started: {error.strerror}"
        try:
            async with asyncio.timeout(self._seconds):
                out, err = await process.communicate(encode(job))
        except TimeoutError:
            return f"it took more than {self._seconds:g} seconds"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            last = err.decode(errors="replace").strip().rpartition("\n")[2][:TOLD]
            return f"its process ended with status {process.returncode}: {last or 'it said nothing'}"
        try:
            return decode_answer(out)
        except msgspec.DecodeError as error:
            return f"what its process said cannot be read: {error}"


async def _start() -> asyncio.subprocess.Process:
    own = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "gateway.operations.backtest_worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Libraries for matrices take memory for each core, and none is needed here.
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
    )


def _cases(difference: Difference) -> tuple[tuple[Case, ...], int]:
    """Return the standing thresholds that change, and how many more there are."""
    standing = [Case(change.old, change.new) for change in difference.changes if not _is_exception(change)]
    return tuple(standing[:MOST_CASES]), max(0, len(standing) - MOST_CASES)


def _is_exception(change: Change) -> bool:
    row = change.new or change.old
    return row is not None and row.is_exception
