"""The drop folder: files put there by rename are claimed, counted and put away with their result.

`FOLDER/name.xml` ▶ `FOLDER/.working/name.xml` ▶ `FOLDER/done/` or `FOLDER/failed/`, each step one rename, so a
file is in one place at any time. What a crash leaves in `.working` is read again at the next start.
"""

import asyncio
import itertools
import math
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Final

import msgspec
import stamina
import structlog

from gateway.clock import Clock, to_text
from gateway.errors import InvalidInput, Unavailable
from gateway.health import Health
from gateway.ingest.dropped_file import (
    ENDINGS,
    Identity,
    identify,
    is_finished,
    open_dropped,
    put_away,
    read_batches,
    read_whole,
    shown_name,
)
from gateway.ingest.receive import Receiver, RejectedLine, TakenLines
from gateway.metrics import DROPPED_FILES

log = structlog.get_logger(__name__)

SCAN_SECONDS: Final = 1.0
FILES_PER_SCAN: Final = 500
SIDE_BY_SIDE: Final = 16
"""Files that are counted at the same time: they share commits."""
REJECTED_SHOWN: Final = 1000
"""Rejected lines that a result names at the most."""
CLOCK_SECONDS: Final = 300
"""How far the clock of a file server may be ahead of ours."""

PART: Final = "drop-folder"

_patiently: Final = stamina.AsyncRetryingCaller(attempts=None, timeout=None, wait_max=5.0)
"""While the gateway cannot count, a file waits."""


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a file; it lies beside it as JSON."""

    file: str = ""
    finished_at: str = ""
    accepted: int = 0
    duplicate: int = 0
    rejected_count: int = 0
    rejected: list[RejectedLine] = []
    code: str = ""
    message: str = ""


class DropFolder:
    """Counts the files of one folder."""

    def __init__(self, folder: Path, receiver: Receiver, health: Health, clock: Clock) -> None:
        self._folder = folder
        self._working = folder / ".working"
        self._receiver = receiver
        self._health = health
        self._clock = clock
        self._not_put_away: dict[Identity, Result] = {}

    def unfinished_since(self) -> float:
        """Return when the first file was claimed that is not put away yet; infinity where there is none."""
        try:
            claimed = [entry.stat(follow_symlinks=False).st_ctime for entry in os.scandir(self._working)]
        except OSError:
            return math.inf  # `run` says what is wrong with the folder
        return min(claimed, default=math.inf) - CLOCK_SECONDS

    async def run(self) -> None:
        """Look each second, for ever; a folder that cannot be read shows in `/readyz` and the log."""
        works = True
        names: list[str] | None = None
        while True:
            try:
                names = await asyncio.to_thread(self._claimed if names is None else self._claim)
                await self._count_all(names)
                self._not_put_away.clear()  # what is left is of files that somebody else took away
            except OSError as error:
                detail = f"{self._folder} cannot be used: {error.strerror}"
                if works:
                    log.error("drop_folder_unusable", error=detail)  # noqa: TRY400 - the error says it all
                works, names = False, None
                self._health.report(PART, works=False, detail=detail, needed=False)
            else:
                works = True
                self._health.report(PART, works=True, needed=False)
            if not names:
                await asyncio.sleep(SCAN_SECONDS)

    def _claimed(self) -> list[str]:
        """Make the folders, and return what a crash left behind."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o770)
        for folder in (self._working, self._folder / "done", self._folder / "failed"):
            folder.mkdir(exist_ok=True, mode=0o750)
        return sorted(entry.name for entry in os.scandir(self._working))

    def _claim(self) -> list[str]:
        """Move files that are ready to where nobody else writes; return their names."""
        names = []
        with os.scandir(self._folder) as entries:
            ready = (entry for entry in entries if is_finished(entry))
            for entry in itertools.islice(ready, FILES_PER_SCAN):
                Path(entry.path).rename(self._working / entry.name)
                names.append(entry.name)
        return sorted(names)

    async def _count_all(self, names: list[str]) -> None:
        room = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(name: str) -> None:
            async with room:
                await self._count(name)

        # All end before the folder is looked at again, also where one fails: no file is read twice at once.
        for failure in await asyncio.gather(*map(one, names), return_exceptions=True):
            if failure is not None:
                raise failure

    async def _count(self, name: str) -> None:
        """Count a file and put it away; where that fails, what came of it waits: no file is read again for it.

        It might be longer than any communication is remembered.
        """
        identity = await asyncio.to_thread(identify, self._working / name)
        result = self._not_put_away.get(identity) if identity else None
        if result is None:
            result = await self._result(name)
        if identity:
            self._not_put_away[identity] = result
        kind = "failed" if result.code or result.rejected_count else "done"
        data = msgspec.json.format(msgspec.json.encode(result)) + b"\n"
        await asyncio.to_thread(put_away, self._working / name, self._folder / kind, data)
        self._not_put_away.pop(identity, None)
        DROPPED_FILES.labels(kind).inc()
        tell = log.info if kind == "done" else log.warning
        counts = {"accepted": result.accepted, "duplicate": result.duplicate}
        tell("file_counted", file=result.file, folder=kind, **counts, rejected=result.rejected_count)

    async def _result(self, name: str) -> Result:
        try:
            result = await self._read(name)
        except InvalidInput as error:
            result = Result(code=error.code, message=error.message)
        except OSError as error:
            result = Result(code="file_unreadable", message=f"it cannot be read: {error.strerror}")
        return msgspec.structs.replace(result, file=shown_name(name), finished_at=to_text(self._clock()))

    async def _read(self, name: str) -> Result:
        result = Result()
        async with aclosing(self._taken(name)) as batches:
            async for first_line, taken in batches:
                rejected = [msgspec.structs.replace(r, line=first_line + r.line - 1) for r in taken.rejected]
                room = REJECTED_SHOWN - len(result.rejected)
                result = msgspec.structs.replace(
                    result,
                    accepted=result.accepted + taken.accepted,
                    duplicate=result.duplicate + taken.duplicate,
                    rejected_count=result.rejected_count + len(rejected),
                    rejected=result.rejected + rejected[:room],
                )
        return result

    async def _taken(self, name: str) -> AsyncGenerator[tuple[int, TakenLines], None]:
        """Yield the first line of each batch and what became of it."""
        file = await asyncio.to_thread(open_dropped, self._working / name)
        with file:
            if ENDINGS[Path(name).suffix.lower()] == "xml":
                observation = await self._receiver.read(await asyncio.to_thread(read_whole, file))
                taken = await _patiently(Unavailable, self._receiver.take, observation)
                yield 1, TakenLines(taken.accepted, taken.duplicate, [])
                return
            batches = read_batches(file)
            while batch := await asyncio.to_thread(next, batches, None):
                yield batch[0], await _patiently(Unavailable, self._receiver.lines, batch[1])
