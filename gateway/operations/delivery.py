"""Delivery of signed files, and their coming into force."""

import asyncio
import contextlib
import hashlib
import os
from pathlib import Path
from typing import Final

import structlog

from gateway.access import Action, Person
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.durable import make_folder, sync_folder
from gateway.errors import Conflict, GatewayError, Unavailable
from gateway.live import Live
from gateway.store.adt_files import FileState, StoredFile, get_file, get_part, list_files, move_file
from gateway.store.audit_log import append_record
from gateway.store.database import Database

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 30.0


class Delivery:
    """Writes signed files into the delivery folder: `FOLDER/NUMBER/NAME.csv`, its signature and its receipt."""

    def __init__(self, database: Database, folder: Path, clock: Clock, live: Live | None = None) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._live = live or Live()
        self._delivering = asyncio.Lock()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Say that a file was signed without anybody waiting for it."""
        self._rung.set()

    async def ask(self, person: Person, file_id: int) -> StoredFile:
        """Deliver a file because *person* asks for it, again where it was delivered before."""
        person.require(Action.DELIVER_FILE)
        return await self.deliver(file_id, person.name)

    async def deliver(self, file_id: int, actor: str = "system") -> StoredFile:
        """Write the three files, then record it.

        Raises `Unavailable` where the folder cannot be written, and `GatewayError` `stored_bytes_changed`
        where the store no longer has what was submitted: then nothing is written.
        """
        async with self._delivering:
            async with self._database.read() as connection:
                file = await get_file(connection, file_id)
                parts = {
                    file.name: await get_part(connection, file_id, "content"),
                    file.signature_name or "": await get_part(connection, file_id, "signature"),
                    f"{file.name}.receipt.json": await get_part(connection, file_id, "receipt"),
                }
            if file.state not in {FileState.SIGNED, FileState.DELIVERED}:
                msg = f"ADT file {file_id} is {file.state}; a signed file is delivered"
                raise Conflict("adt_file_state", msg, f"Look at it: adt-gateway files {file_id}")
            _check_unchanged(file, parts[file.name])
            folder = self._folder / str(file_id)
            try:
                await asyncio.to_thread(_write_all, folder, parts)
            except OSError as error:
                msg = f"the signed file cannot be written to {folder}: {error.strerror}"
                raise Unavailable(
                    "delivery_failed", msg, "Make the folder writable; it is tried again."
                ) from error
            return await self._record(file, actor, folder)

    async def _record(self, file: StoredFile, actor: str, folder: Path) -> StoredFile:
        now = self._clock()
        async with self._database.write() as connection:
            entry = Entry(
                actor, "adt_file.delivered", file.subject, {"folder": str(folder), "sha256": file.sha256}
            )
            await append_record(connection, entry, now)
            file = await move_file(connection, file, FileState.DELIVERED, delivered_at=int(now))
        self._live.file(file)
        return file

    async def run(self) -> None:
        """Deliver what was left signed by a crash or a folder that was away."""
        while True:
            self._rung.clear()
            async with self._database.read() as connection:
                waiting = await list_files(connection, FileState.SIGNED)
            for file in reversed(waiting):
                try:
                    await self.deliver(file.id)
                except GatewayError as error:
                    log.warning("file_not_delivered", file=file.id, code=error.code, error=error.message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._rung.wait()


def _check_unchanged(file: StoredFile, content: bytes | None) -> None:
    if hashlib.sha256(content or b"").hexdigest() == file.sha256:
        return
    msg = f"the stored bytes of ADT file {file.id} are not those that were submitted"
    log.error("stored_bytes_changed", file=file.id, sha256=file.sha256)
    raise GatewayError("stored_bytes_changed", msg, "Somebody changed the database: adt-gateway audit verify")


def _write_all(folder: Path, parts: dict[str, bytes | None]) -> None:
    """Write each file under another name first: nobody ever sees half of one. The receipt comes last."""
    make_folder(folder)
    for name, data in parts.items():
        unfinished = folder / f".{name}.unfinished"
        with unfinished.open("wb") as file:
            file.write(data or b"")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / name)
    sync_folder(folder)
