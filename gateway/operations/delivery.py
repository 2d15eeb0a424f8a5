"""Delivery of signed files: by the way that is set, or by a person who confirms it."""

import asyncio
import contextlib
import hashlib
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.delivery.way import Handed, Way
from gateway.errors import Conflict, GatewayError, Unavailable
from gateway.live import Live
from gateway.metrics import DELIVERIES
from gateway.operations.files import required_reason
from gateway.store.adt_files import FileState, StoredFile, get_file, get_part, list_files, move_file
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.deliveries import get_delivery, keep_delivery, keep_failure

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 30.0
LONGEST_PAUSE: Final = 1800.0
"""The pause after a failed delivery doubles up to this."""

BY_HAND: Final = "by_hand"


class Delivery:
    """Hands over the file, its signature and its receipt; a file is delivered once that is on record.

    *way* is None where people hand files over themselves.
    """

    def __init__(
        self,
        database: Database,
        way: Way | None,
        clock: Clock,
        live: Live | None = None,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._database = database
        self._way = way
        self._clock = clock
        self._live = live or Live()
        self._retry_seconds = retry_seconds
        self._delivering = asyncio.Lock()
        self._rung = asyncio.Event()

    @property
    def channel(self) -> str:
        """The name of the way by which files are delivered."""
        return self._way.name if self._way else BY_HAND

    def ring(self) -> None:
        """Say that a file was signed without anybody waiting for it."""
        self._rung.set()

    async def soon(self, file: StoredFile) -> StoredFile:
        """Deliver a file that was signed now: at once where that is quick, else without anybody waiting for it."""
        if self._way is None:
            return file
        if self._way.is_quick:
            return await self.deliver(file.id)
        self.ring()
        return file

    async def ask(self, person: Person, file_id: int) -> StoredFile:
        """Deliver a file because *person* asks for it, again where it was delivered before."""
        person.require(Action.DELIVER_FILE)
        return await self.deliver(file_id, person.name, again=True)

    async def deliver(self, file_id: int, actor: str = "system", *, again: bool = False) -> StoredFile:
        """Hand the three files over, then record it; what was delivered meanwhile only where a person asks *again*.

        Raises `Unavailable` where that cannot be done now, `Conflict` where another file is there or people hand
        files over, and `GatewayError` `stored_bytes_changed` where the store no longer has what was submitted:
        then nothing is handed over.
        """
        async with self._delivering:
            file, parts = await self._parts(file_id)
            if file.state is FileState.DELIVERED and not again:
                return file  # the approval and the background may both have come for it
            if self._way is None:
                msg = f"{file.called} is handed over by a person here: nothing was sent"
                raise Conflict("delivery_by_hand", msg, "Download its files, hand them over and confirm it.")
            try:
                handed = await self._way.deliver(file_id, parts)
            except (Unavailable, Conflict) as error:
                await self._failed(file, error)
                raise
            DELIVERIES.labels(self.channel, "delivered").inc()
            return await self._record(file, actor, self.channel, handed)

    async def confirm(self, person: Person, file_id: int, reference: str) -> StoredFile:
        """Record that *person* handed a signed file over; *reference* is of the receipt that they got."""
        person.require(Action.DELIVER_FILE)
        reference = required_reason(reference)
        async with self._delivering:
            file, _ = await self._parts(file_id)
            if file.state is not FileState.SIGNED:
                msg = f"{file.called} is {file.state} already"
                raise Conflict("adt_file_state", msg, f"Look at it: {file.look}")
            DELIVERIES.labels(BY_HAND, "delivered").inc()
            return await self._record(file, person.name, BY_HAND, Handed("", ""), reference)

    async def _parts(self, file_id: int) -> tuple[StoredFile, dict[str, bytes]]:
        async with self._database.read() as connection:
            file = await get_file(connection, file_id)
            parts = {
                file.name: await get_part(connection, file_id, "content") or b"",
                file.signature_name or "": await get_part(connection, file_id, "signature") or b"",
                f"{file.name}.receipt.json": await get_part(connection, file_id, "receipt") or b"",
            }
        if file.state not in {FileState.SIGNED, FileState.DELIVERED}:
            msg = f"{file.called} is {file.state}; a signed file is delivered"
            raise Conflict("adt_file_state", msg, f"Look at it: {file.look}")
        _check_unchanged(file, parts[file.name])
        return file, parts

    async def _failed(self, file: StoredFile, error: GatewayError) -> None:
        DELIVERIES.labels(self.channel, error.code).inc()
        async with self._database.write() as connection:
            now = int(self._clock())
            await keep_failure(connection, file.id, self.channel, error.code, error.message, now)

    async def _record(
        self, file: StoredFile, actor: str, channel: str, handed: Handed, reference: str | None = None
    ) -> StoredFile:
        now = self._clock()
        told = {"place": handed.place, "said": handed.said, "reference": reference}
        detail = {"channel": channel, "sha256": file.sha256} | {
            key: text for key, text in told.items() if text
        }
        async with self._database.write() as connection:
            entry = Entry(actor, file.kind.action("delivered"), file.subject, detail)
            await append_record(connection, entry, now)
            at = {"delivered_at": int(now), "delivered_by": actor}
            await keep_delivery(connection, file.id, channel=channel, **at, **told)
            file = await move_file(connection, file, FileState.DELIVERED, delivered_at=int(now))
        self._live.file(file)
        return file

    async def run(self) -> None:
        """Deliver what was left signed: by a crash, by a way that takes its time, or one that was away."""
        while True:
            self._rung.clear()
            pause = await self._deliver_waiting() if self._way else LONGEST_PAUSE
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._rung.wait()

    async def _deliver_waiting(self) -> float:
        """Deliver what is due; return when to look again, in seconds."""
        pause = self._retry_seconds
        async with self._database.read() as connection:
            waiting = await list_files(connection, FileState.SIGNED)
            due = {file.id: await self._due(connection, file.id) for file in waiting}
        for file in reversed(waiting):
            left = due[file.id] - self._clock()
            if left > 0:
                pause = min(pause, left)
                continue
            try:
                await self.deliver(file.id)
            except GatewayError as error:
                log.warning("file_not_delivered", file=file.id, code=error.code, error=error.message)
        return max(pause, 0.1)

    async def _due(self, connection: AsyncConnection, file_id: int) -> float:
        """Return from when a file may be tried (again)."""
        row = await get_delivery(connection, file_id)
        if row is None or not row.attempts:
            return 0.0
        doubled = self._retry_seconds * 2.0 ** min(row.attempts - 1, 20)
        return row.tried_at + min(doubled, LONGEST_PAUSE)


def _check_unchanged(file: StoredFile, content: bytes) -> None:
    if hashlib.sha256(content).hexdigest() == file.sha256:
        return
    msg = f"the stored bytes of {file.called} are not those that were submitted"
    log.error("stored_bytes_changed", file=file.id, sha256=file.sha256)
    raise GatewayError("stored_bytes_changed", msg, "Somebody changed the database: adt-gateway audit verify")
