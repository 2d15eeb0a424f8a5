"""The life of a file that is signed: submitted, approved by a second person, delivered, acknowledged."""

import asyncio
import re
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.audit.record import Entry
from gateway.audit.signed_file import FileKind
from gateway.clock import Clock
from gateway.errors import Conflict, InvalidInput, NotPermitted
from gateway.identity import PasskeyUse
from gateway.live import Live
from gateway.operations.rules import Rulebook
from gateway.operations.second_person import Proof, refusal, use
from gateway.store.adt_files import (
    FileState,
    StoredFile,
    find_live_copy,
    get_file,
    insert_file,
    list_files,
    move_file,
)
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.profiles import keep_profile
from thresholds.adt_file import AdtCheck

FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
"""Plain names alone: they become names of files in the delivery folder. The profile says more of them."""

FILE_BYTES: Final = 16 * 1024 * 1024
"""Size of a file at the most; one of 100 000 rows has about 9 MB."""

FAULTS_RECORDED: Final = 20
"""Faults that the audit record of a refused file lists; the person gets all of them."""

CHECKS: Final = 2
"""Files that are checked at the same time: each of the largest keeps a thread busy for a second."""

REASON_LIMIT: Final = 500
"""Characters of a reason."""


class RefusedFile(InvalidInput):
    """The file has faults; *check* lists them."""

    def __init__(self, name: str, check: AdtCheck) -> None:
        msg = f"{name} has {check.fault_count} fault{'s' if check.fault_count != 1 else ''} and was not accepted"
        super().__init__("adt_file_refused", msg, "Mend every line that is named and submit it again.")
        self.check = check


class DuplicateFile(Conflict):
    """The same bytes are on their way already, as file *number*."""

    def __init__(self, copy: StoredFile) -> None:
        msg = f"the same bytes are ADT file {copy.id} already ({copy.state}, by {copy.submitted_by})"
        super().__init__("adt_file_duplicate", msg, f"Look at it: adt-gateway files {copy.id}")
        self.number = copy.id


class Files:
    """What people do with ADT files; approved and acknowledged are Exit Quarantine files here too. Every method is one transaction with its audit record."""

    def __init__(
        self,
        database: Database,
        rules: Rulebook,
        clock: Clock,
        live: Live | None = None,
        passkey: PasskeyUse = "off",
    ) -> None:
        self._database = database
        self.passkey: PasskeyUse = passkey
        self._rules = rules
        self._clock = clock
        self._live = live or Live()
        self._checking = asyncio.Semaphore(CHECKS)

    async def submit(
        self, person: Person, name: str, data: bytes, via: str = ""
    ) -> tuple[StoredFile, AdtCheck]:
        """Check a file and keep it for approval; *via* is put on record where it did not come by their own hand.

        Raises `RefusedFile` where it has faults (its bytes are not kept, their hash is on record) and
        `Conflict` where the same bytes are on their way already.
        """
        rules, now = self._rules.current, self._clock()
        check = await self.check(person, name, data)
        if not check.accepted:
            await self._record_refusal(person, name, check, now, via)
            raise RefusedFile(name, check)
        async with self._database.write() as connection:
            copy = await find_live_copy(connection, check.sha256)
            if copy is not None:
                raise DuplicateFile(copy)
            await keep_profile(connection, rules.profile_sha256, rules.profile_text, int(now))
            file_id = await insert_file(
                connection,
                name=name,
                profile=rules.profile.label,
                profile_sha256=rules.profile_sha256,
                sha256=check.sha256,
                content=data,
                row_count=len(check.thresholds),
                effective_from=first_effective(check),
                submitted_by=person.name,
                submitted_at=int(now),
            )
            file = await get_file(connection, file_id)
            detail = {
                "name": name,
                "sha256": file.sha256,
                "rows": file.row_count,
                "profile": file.profile,
                "profile_sha256": file.profile_sha256,
            } | _by(via)
            await self._record(connection, person.name, "submitted", file, now, detail)
        self._live.file(file)
        return file, check

    async def check(self, person: Person, name: str, data: bytes) -> AdtCheck:
        """Return what is wrong with a file; nothing is kept of it and nothing put on record."""
        person.require(Action.SUBMIT_FILE)
        if not FILE_NAME.fullmatch(name):
            remedy = (
                "Use letters, digits, dot, hyphen and underscore, 120 at most; begin with a letter or digit."
            )
            raise InvalidInput("file_name", f"{name!r:.80} cannot be the name of an ADT file", remedy)
        async with self._checking:
            return await asyncio.to_thread(self._rules.current.check, name, data, int(self._clock()))

    async def _record_refusal(self, person: Person, name: str, check: AdtCheck, now: float, via: str) -> None:
        faults = [f"{f.line}:{f.column} {f.code}" for f in check.faults[:FAULTS_RECORDED]]
        detail = {
            "name": name,
            "sha256": check.sha256,
            "bytes": check.size,
            "fault_count": check.fault_count,
            "faults": faults,
        } | _by(via)
        async with self._database.write() as connection:
            await append_record(connection, Entry(person.name, "adt_file.refused", "adt-file", detail), now)

    async def approve(self, person: Person, file_id: int, proof: Proof | None = None) -> StoredFile:
        """Approve a file that somebody else submitted; one that is approved, or was by this person, stays as it is.

        Raises `NotPermitted` for whoever is no second person (`second_person_required`, `second_person_unsure`)
        and, where a passkey is required, without its *proof* (`passkey_required`); the attempt is on record.
        """
        person.require(Action.APPROVE_FILE)
        now = self._clock()
        async with self._database.write() as connection:
            file = await get_file(connection, file_id)
            moves = file.state is not FileState.APPROVED and file.approved_by != person.name
            lacks = moves and self.passkey == "required" and not proof
            refused = await refusal(connection, file, person, lacks=lacks)
            if refused:
                await self._refuse(connection, person, file, refused.code, now)
            elif moves:
                _expect(file, FileState.SUBMITTED)
                kept = await use(connection, proof, file, now) if proof else {}
                detail: dict[str, Any] = {"name": file.name, "sha256": file.sha256}
                detail["submitted_by"] = file.submitted_by
                if proof:
                    detail["passkey"] = proof.detail
                number = await self._record(connection, person.name, "approved", file, now, detail)
                kept |= {"approved_by": person.name, "approved_at": int(now), "approval_record": number}
                file = await move_file(connection, file, FileState.APPROVED, **kept)
        if refused:
            raise refused
        if moves:
            self._live.file(file)
        return file

    async def record_refusal(self, person: Person, file_id: int, code: str) -> None:
        """Put on record that *person* tried to approve a file, and why they could not."""
        async with self._database.write() as connection:
            await self._refuse(connection, person, await get_file(connection, file_id), code, self._clock())

    async def _refuse(
        self, connection: AsyncConnection, person: Person, file: StoredFile, code: str, now: float
    ) -> None:
        await self._record(connection, person.name, "approval_refused", file, now, {"code": code})

    async def reject(self, person: Person, file_id: int, reason: str) -> StoredFile:
        """Reject a submitted file, with a reason."""
        person.require(Action.APPROVE_FILE)
        return await self._end(person, file_id, reason, FileState.REJECTED, (FileState.SUBMITTED,))

    async def withdraw(self, person: Person, file_id: int, reason: str) -> StoredFile:
        """Withdraw one's own file before it is signed, with a reason."""
        person.require(Action.WITHDRAW_FILE)
        return await self.take_back(person, file_id, reason)

    async def take_back(self, person: Person, file_id: int, reason: str) -> StoredFile:
        """Withdraw one's own file of any kind, once it is known that *person* may withdraw such files."""
        allowed = (FileState.SUBMITTED, FileState.APPROVED)
        return await self._end(person, file_id, reason, FileState.WITHDRAWN, allowed)

    async def _end(
        self, person: Person, file_id: int, reason: str, to: FileState, allowed: tuple[FileState, ...]
    ) -> StoredFile:
        reason = required_reason(reason)
        now = self._clock()
        async with self._database.write() as connection:
            file = await get_file(connection, file_id)
            if to is FileState.WITHDRAWN and file.submitted_by != person.name:
                msg = f"{file.called} was submitted by {file.submitted_by}, not by {person.name}"
                raise NotPermitted("not_your_file", msg, f"Ask {file.submitted_by}.")
            _expect(file, *allowed)
            await self._record(connection, person.name, str(to), file, now, {"reason": reason})
            file = await move_file(connection, file, to, reason=reason)
        self._live.file(file)
        return file

    async def acknowledge(self, person: Person, file_id: int, reference: str) -> StoredFile:
        """Record that the DCC acknowledged a delivered file; *reference* is what it gave."""
        person.require(Action.ACKNOWLEDGE_FILE)
        reference = required_reason(reference)
        now = self._clock()
        async with self._database.write() as connection:
            file = await get_file(connection, file_id)
            _expect(file, FileState.DELIVERED)
            await self._record(connection, person.name, "acknowledged", file, now, {"reference": reference})
            file = await move_file(
                connection, file, FileState.ACKNOWLEDGED, acknowledged_at=int(now), acknowledgement=reference
            )
        self._live.file(file)
        return file

    async def get(self, person: Person, file_id: int) -> StoredFile:
        """Return one file."""
        person.require(Action.READ_FILES)
        async with self._database.read() as connection:
            return await get_file(connection, file_id)

    async def newest(self, person: Person) -> list[StoredFile]:
        """Return all ADT files, newest first."""
        person.require(Action.READ_FILES)
        async with self._database.read() as connection:
            return await list_files(connection, kind=FileKind.ADT)

    async def _record(
        self,
        connection: AsyncConnection,
        actor: str,
        step: str,
        file: StoredFile,
        now: float,
        detail: dict[str, Any] | None = None,
    ) -> int:
        entry = Entry(actor, file.kind.action(step), file.subject, detail or {})
        return (await append_record(connection, entry, now)).number


def _by(via: str) -> dict[str, str]:
    return {"via": via} if via else {}


def first_effective(check: AdtCheck) -> int:
    """Return when a file is due: its earliest standing threshold, or exception where it has no other."""
    standing = [t.effective_from for t in check.thresholds if not t.is_exception]
    return min(standing or [t.effective_from for t in check.thresholds])


def required_reason(text: str) -> str:
    """Return *text* without outer blanks; raise `InvalidInput` where it says nothing or far too much."""
    text = " ".join(text.split())
    if not text or len(text) > REASON_LIMIT or not text.isprintable():
        raise InvalidInput(
            "reason_required", "a reason of 1 to 500 printable characters is needed", "Say why."
        )
    return text


def _expect(file: StoredFile, *states: FileState) -> None:
    if file.state not in states:
        wanted = " or ".join(states)
        msg = f"{file.called} is {file.state}; this can be done while it is {wanted}"
        raise Conflict("adt_file_state", msg, f"Look at it: {file.look}")
