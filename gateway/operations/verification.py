"""Verifies the whole chain while the daemon runs: in a process of its own, with the outcome on record."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final

import msgspec
import structlog

from gateway.access import Action, Person
from gateway.audit.record import Content, Entry
from gateway.audit.verify import ChainVerdict
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.operations.verify_parts import LENGTH_OCTETS, frame
from gateway.store.audit_log import append_record, read_records
from gateway.store.audit_search import RecordFilter, count_records, search_records
from gateway.store.database import Database

log = structlog.get_logger(__name__)

SUBJECT: Final = "audit-chain"
VERIFIED: Final = "audit.verified"
PART_RECORDS: Final = 500
PART_SECONDS: Final = 60.0
"""How long the process may take for one part."""


class Progress(msgspec.Struct, frozen=True):
    """How far a verification is."""

    by: str
    started_at: float
    records: int
    """Of the chain when it began; those that are appended meanwhile are verified too."""
    done: int = 0
    trouble: str = ""
    """Why it could not be ended; empty otherwise. That says nothing about the chain."""


class Outcome(msgspec.Struct, frozen=True):
    """What the last verification found, as it is on record."""

    at: str
    by: str
    intact: bool
    last_number: int
    last_hash: str
    reason: str
    record: int
    """Number of the audit record that says so."""


class Verification:
    """One at a time; who asks while one runs is shown that one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._rung = asyncio.Event()
        self.progress: Progress | None = None
        """The verification that runs, or that could not be ended."""

    @property
    def running(self) -> bool:
        """Whether one runs."""
        return self.progress is not None and not self.progress.trouble

    async def start(self, person: Person) -> None:
        """Have the whole chain verified; return at once."""
        person.require(Action.READ_AUDIT)
        if self.running:
            return
        async with self._database.read() as connection:
            records = await count_records(connection)
        if not self.running:  # somebody else may have been faster
            self.progress = Progress(person.name, self._clock(), records)
            self._rung.set()

    async def last(self, person: Person) -> Outcome | None:
        """Return what the last verification found; None where there was none."""
        person.require(Action.READ_AUDIT)
        async with self._database.read() as connection:
            found = await search_records(connection, RecordFilter(subject=SUBJECT, action=VERIFIED), 1)
        if not found:
            return None
        try:
            content = msgspec.json.decode(found[0].body, type=Content)
            return msgspec.convert(
                content.detail | {"at": content.at, "by": content.actor, "record": found[0].number}, Outcome
            )
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError):
            return None

    async def run(self) -> None:
        """Verify each time that it is asked for, for ever."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            if self.progress is not None:
                await self._verify(self.progress)

    async def _verify(self, begun: Progress) -> None:
        try:
            verdict = await self._verdict()
            await self._record(begun.by, verdict)
            self.progress = None
        except (GatewayError, OSError, TimeoutError, EOFError, msgspec.DecodeError) as error:
            trouble = error.message if isinstance(error, GatewayError) else f"{type(error).__name__}: {error}"
            self.progress = msgspec.structs.replace(self.progress or begun, trouble=trouble)
            log.warning("verification_not_ended", error=trouble)

    async def _verdict(self) -> ChainVerdict:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "gateway.operations.verify_parts"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
        )
        try:
            return await self._ask_all(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _ask_all(self, process: Process) -> ChainVerdict:
        after, verdict = 0, ChainVerdict(intact=True, records=0, last_number=0, last_hash="")
        while part := await read_records(self._database, after, PART_RECORDS):
            async with asyncio.timeout(PART_SECONDS):
                verdict = await _ask(process, [(each.number, each.body, each.hash) for each in part])
            if not verdict.intact:
                return verdict
            after = verdict.last_number
            if self.progress:
                self.progress = msgspec.structs.replace(self.progress, done=after)
        return verdict

    async def _record(self, by: str, verdict: ChainVerdict) -> None:
        detail = {
            "intact": verdict.intact,
            "last_number": verdict.last_number,
            "last_hash": verdict.last_hash,
            "reason": verdict.reason,
        }
        async with self._database.write() as connection:
            await append_record(connection, Entry(by, VERIFIED, SUBJECT, detail), self._clock())
        log.info("chain_verified", by=by, intact=verdict.intact, last_number=verdict.last_number)


async def _ask(process: Process, rows: list[tuple[int, bytes, str]]) -> ChainVerdict:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(frame(rows))
    await process.stdin.drain()
    head = await process.stdout.readexactly(LENGTH_OCTETS)
    body = await process.stdout.readexactly(int.from_bytes(head, "big"))
    return msgspec.msgpack.decode(body, type=ChainVerdict)
