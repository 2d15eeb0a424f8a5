"""The drop folder for ADT files: taken by a rename, submitted in a person's name, put away with their result.

`FOLDER/name.csv` ▶ `FOLDER/.working/NUMBER/name.csv` ▶ `FOLDER/done/` or `FOLDER/failed/`, each step one rename, so a
file is in one place at any time. What a crash leaves in `.working` is dealt with at the next start.

Nothing is submitted twice: NUMBER is that of the newest ADT file when the file was taken, on disk before anything is
submitted. A later ADT file of this person with this name and these bytes is what a crash left unsaid, and becomes the
result. (The store itself refuses the same bytes while the first are on their way; this holds also where those were
rejected or withdrawn since.) A crash between a refusal and its result puts the refusal on record twice; one between the
result and the file leaves a result alone, and the file gets another with a number.
"""

import asyncio
import contextlib
import errno
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import structlog

from gateway.access import Person
from gateway.clock import Clock, to_text
from gateway.durable import sync_folder
from gateway.errors import GatewayError, NotPermitted, Unavailable
from gateway.health import Health
from gateway.ingest.dropped_file import Identity, identify, is_finished, shown_name
from gateway.metrics import DROPPED_ADT_FILES
from gateway.operations.dropped_adt_file import Result, Settling, put_beside, read_dropped, refusal
from gateway.operations.files import Files
from gateway.section import AdtFiles
from gateway.store.adt_files import find_submitted, last_number
from gateway.store.database import Database
from gateway.store.people import find_person
from thresholds.faults import Fault

log = structlog.get_logger(__name__)

SCAN_SECONDS: Final = 0.5
FILES_PER_SCAN: Final = 500

PART: Final = "adt-drop-folder"
VIA: Final = "drop folder"
"""How audit records tell these files from those that the person submitted with their own hands."""


class AdtDropFolder:
    """Submits the files of one folder, one after the other."""

    def __init__(
        self, folder: Path, person: str, database: Database, files: Files, health: Health, clock: Clock
    ) -> None:
        self._folder = folder
        self._working = folder / ".working"
        self._person = person
        self._database = database
        self._files = files
        self._health = health
        self._clock = clock
        self._settling = Settling()
        self._not_put_away: tuple[Identity, Result] | None = None
        self._folders: frozenset[str] = frozenset()
        self._trouble = ""

    async def run(self) -> None:
        """Look twice a second, for ever; a folder or store that cannot be used shows in `/readyz` and the log."""
        while True:
            try:
                await self.look(time.monotonic())
            except OSError as error:
                self._report(f"{self._folder} cannot be used: {error.strerror}")
            except Unavailable as error:
                self._report(f"files wait: {error.message}")
            else:
                self._report("")
            await asyncio.sleep(SCAN_SECONDS)

    def _report(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.error("adt_drop_folder_unusable", error=trouble)
        self._trouble = trouble
        self._health.report(PART, works=not trouble, detail=trouble, needed=False)

    async def look(self, now: float) -> None:
        """Deal with what is left and what is ready; *now* is in seconds of a clock that never jumps.

        Raises `Unavailable` while the store is away, `OSError` where the folder cannot be used; files wait then.
        """
        for path in await asyncio.to_thread(self._left):
            await self._deal(path)
        for name in await asyncio.to_thread(self._ready, now):
            async with self._database.read() as connection:
                newest = await last_number(connection)
            with contextlib.suppress(FileNotFoundError):  # somebody took it back
                await self._deal(await asyncio.to_thread(self._take, name, newest))

    def _left(self) -> list[Path]:
        """Make the folders, and return what was taken and not put away."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o770)
        for folder in (self._working, self._folder / "done", self._folder / "failed"):
            folder.mkdir(exist_ok=True, mode=0o750)
            if folder.is_symlink():  # results would be written wherever it leads
                raise NotADirectoryError(errno.ENOTDIR, f"{folder.name} is a link")
        taken = sorted(path for path in self._working.iterdir() if path.name.isdecimal())
        return [path for folder in taken for path in sorted(folder.iterdir())]

    def _ready(self, now: float) -> list[str]:
        """Return the names of files that nobody writes to any more."""
        with os.scandir(self._folder) as entries:
            known = list(entries)
        finished = itertools.islice(filter(is_finished, known), FILES_PER_SCAN)
        found = {entry.name: identity for entry in finished if (identity := identify(Path(entry.path)))}
        self._name_folders(frozenset(_odd_folders(known)))
        return self._settling.settled(found, now)

    def _name_folders(self, names: frozenset[str]) -> None:
        """Say once of each folder that it is left alone."""
        for name in sorted(names - self._folders):
            log.warning("adt_drop_folder_left_alone", folder=shown_name(name))
        self._folders = names

    def _take(self, name: str, newest: int) -> Path:
        """Move a file to where nobody else writes; that is on disk when this returns."""
        folder = self._working / str(newest)
        folder.mkdir(exist_ok=True, mode=0o750)
        path = (self._folder / name).rename(folder / name)
        for each in (folder, self._working, self._folder):
            sync_folder(each)
        return path

    async def _deal(self, path: Path) -> None:
        """Submit a file and put it away; where that fails, what came of it waits and nothing is done again."""
        identity = await asyncio.to_thread(identify, path)
        if not identity:
            return  # somebody took it away
        if self._not_put_away is None or self._not_put_away[0] != identity:
            self._not_put_away = identity, await self._result(path)
        result = self._not_put_away[1]
        kind = "done" if result.state == "submitted" else "failed"
        await asyncio.to_thread(put_beside, path, self._folder / kind, result)
        self._not_put_away = None
        with contextlib.suppress(OSError):  # an empty folder harms nobody
            await asyncio.to_thread(path.parent.rmdir)
        DROPPED_ADT_FILES.labels(result.state).inc()
        tell = log.info if kind == "done" else log.warning
        tell("adt_file_dropped", file=result.file, state=result.state, number=result.id, code=result.code)

    async def _result(self, path: Path) -> Result:
        sha256 = ""
        try:
            data, sha256 = await asyncio.to_thread(read_dropped, path)
            return await self._submit(path, data, sha256)
        except Unavailable:
            raise
        except GatewayError as error:
            return refusal(path.name, sha256, error, self._clock())

    async def _submit(self, path: Path, data: bytes, sha256: str) -> Result:
        """Submit a file, or find what a crash left unsaid."""
        after = int(path.parent.name)
        async with self._database.read() as connection:
            file = await find_submitted(connection, after, shown_name(path.name), sha256, self._person)
        warnings: tuple[Fault, ...] = ()
        if file is None:
            file, check = await self._files.submit(await self._submitter(), path.name, data, VIA)
            warnings = check.warnings
        at = to_text(self._clock())
        return Result(path.name, "submitted", at, sha256=sha256, id=file.id, warnings=warnings)

    async def _submitter(self) -> Person:
        """Return in whose name it is submitted; raise `NotPermitted` where they have no access (any more)."""
        name = self._person
        async with self._database.read() as connection:
            found = await find_person(connection, name)
        remedy = "Correct the person or adt_files.drop_folder_person, then put the file there anew."
        if found is None:
            msg = f"adt_files.drop_folder_person: there is no person {name}"
            raise NotPermitted("person_unknown", msg, remedy)
        if found.disabled_at is not None:
            msg = f"adt_files.drop_folder_person: {name} has no access any more"
            raise NotPermitted("person_disabled", msg, remedy)
        return Person(found.name, frozenset(found.roles))


def _odd_folders(entries: list[os.DirEntry[str]]) -> Iterator[str]:
    for entry in entries:
        ours = entry.name in ("done", "failed") or entry.name.startswith(".")
        if not ours and entry.is_dir(follow_symlinks=False):
            yield entry.name


def adt_drop_folder(
    settings: AdtFiles, database: Database, files: Files, health: Health, clock: Clock
) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return what looks at the folder, by the name of its task, where it is set."""
    if settings.drop_folder is None or settings.drop_folder_person is None:
        return {}
    person = settings.drop_folder_person
    return {PART: AdtDropFolder(settings.drop_folder, person, database, files, health, clock).run}
