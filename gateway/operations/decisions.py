"""Decisions on quarantined requests: proposed with their exact rows, then a file with the life of any signed file.

A proposal writes the Exit Quarantine file at once: what the second person approves, what is signed and what
the DCC gets are these bytes. Approval, rejection, signing, delivery and acknowledgement are those of `Files`,
`Signing` and `Delivery`; there is no other way to the token.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.audit.record import Entry
from gateway.audit.signed_file import FileKind
from gateway.clock import Clock
from gateway.errors import Conflict, InvalidInput, SettingsError, Unavailable
from gateway.live import Live
from gateway.operations.chosen import Covered, changed, check_chosen, digest, not_held, on_record
from gateway.operations.decision_ends import confirm_ended
from gateway.operations.exit_rules import ExitRules
from gateway.operations.files import Files, required_reason
from gateway.operations.unopposed import require_unopposed
from gateway.store.adt_files import StoredFile, get_file, get_part, insert_file
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.decisions import (
    Chosen,
    DecisionRow,
    HeldRequest,
    StoredDecision,
    count_decisions,
    count_not_seen,
    count_without_service,
    get_decision,
    held_requests,
    insert_decision,
    page_of_decisions,
    requests_numbered,
    rows_of,
    submitted_decisions,
    take_requests,
)
from gateway.store.profiles import keep_profile
from thresholds.errors import InvalidValueError
from thresholds.exit_file import ExitFile, ExitRow, write_exit_file
from thresholds.exit_profile import ExitAction

PAGE_SIZE: Final = 50
"""Decisions on one page."""
ROWS_SHOWN: Final = 200
"""Requests on one page."""


class Decision(msgspec.Struct, frozen=True):
    """A decision with some of its rows."""

    stored: StoredDecision
    rows: list[DecisionRow]
    content: bytes
    """Of the file."""
    not_seen: int
    """How many of all its requests were not seen leaving."""


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody proposes."""

    action: ExitAction
    reason: str
    chosen: Chosen
    seen: str = ""
    """What `Covered.seen` was when they looked; empty for whatever matches now."""


class Decisions:
    """What people do with decisions, beside what they do with any file. Each step is on record with what it changes."""

    def __init__(
        self,
        database: Database,
        files: Files,
        rules: ExitRules | SettingsError,
        clock: Clock,
        live: Live | None = None,
        wait_seconds: int = 14_400,
    ) -> None:
        self._database = database
        self._files = files
        self._rules = rules
        self.wait_seconds = wait_seconds
        """How long a request may be held until it is seen to have ended."""
        self._clock = clock
        self._live = live or Live()

    @property
    def rules(self) -> ExitRules:
        """The profile of new files; raises `Unavailable` where it could not be used when the daemon started."""
        if isinstance(self._rules, SettingsError):
            remedy = f"{self._rules.remedy} Restart the daemon then."
            raise Unavailable(self._rules.code, self._rules.message, remedy)
        return self._rules

    async def covered(self, person: Person, chosen: Chosen) -> Covered:
        """Return what a proposal of *chosen* would decide on now."""
        person.require(Action.DECIDE_QUARANTINE)
        most = self.rules.profile.max_rows
        check_chosen(chosen, most)
        async with self._database.read() as connection:
            found = await held_requests(connection, chosen, most + 1)
            others = await count_without_service(connection, chosen)
        return Covered(found[:most], len(found) > most, digest(found[:most]), others)

    async def propose(self, person: Person, proposal: Proposal) -> StoredDecision:
        """Freeze the requests that match, and write the file that decides on them; a second person approves it.

        Raises `Conflict` where a named request is in another decision (`request_decided`), or one says the opposite
        of it (`request_opposed`), nothing that matches is held (`nothing_held`) or what matches is not what was
        seen (`quarantine_changed`).
        """
        person.require(Action.DECIDE_QUARANTINE)
        reason = required_reason(proposal.reason)
        if proposal.chosen == Chosen():
            msg = "a decision needs at least one condition: it never means everything"
            raise InvalidInput(
                "nothing_chosen", msg, "Name an event, a User ID, a service, an incident or numbers."
            )
        covered = await self.covered(person, proposal.chosen)
        await self._check(proposal, covered)
        now = self._clock()
        file = await asyncio.to_thread(self._written, proposal.action, covered.requests, int(now))
        return await self._keep(person, proposal, reason, covered.requests, file, now)

    async def _check(self, proposal: Proposal, covered: Covered) -> None:
        missing = set(proposal.chosen.numbers) - {each.id for each in covered.requests}
        if missing:
            async with self._database.read() as connection:
                known = await requests_numbered(connection, sorted(missing))
            raise not_held(sorted(missing), known)
        if not covered.requests:
            msg = "no held request matches: it ended, or another decision has it"
            raise Conflict("nothing_held", msg, "Look at the list of held requests again.")
        if proposal.seen and proposal.seen != covered.seen:
            raise changed()

    def _written(self, action: ExitAction, requests: Sequence[HeldRequest], now: int) -> ExitFile:
        rows = [ExitRow(each.user_id, each.event_ref, each.request_id, action) for each in requests]
        try:
            return write_exit_file(rows, self.rules.profile, now)
        except InvalidValueError as error:
            raise InvalidInput(error.code, error.message, error.remedy) from error

    async def _keep(
        self,
        person: Person,
        proposal: Proposal,
        reason: str,
        requests: Sequence[HeldRequest],
        file: ExitFile,
        now: float,
    ) -> StoredDecision:
        rules, numbers = self.rules, [each.id for each in requests]
        async with self._database.write() as connection:
            await keep_profile(connection, rules.sha256, rules.text, int(now))
            file_id = await insert_file(
                connection,
                kind=FileKind.EXIT_QUARANTINE,
                name=file.name,
                profile=rules.profile.label,
                profile_sha256=rules.sha256,
                sha256=file.sha256,
                content=file.content,
                row_count=len(requests),
                effective_from=int(now),
                submitted_by=person.name,
                submitted_at=int(now),
            )
            if await take_requests(connection, numbers, file_id) != len(numbers):
                raise changed()
            await require_unopposed(connection, [each.request_id for each in requests], proposal.action)
            oldest = min(each.received_at_ms for each in requests) // 1000
            chosen = msgspec.json.encode(proposal.chosen).decode()
            await insert_decision(
                connection,
                file_id,
                [_row(each) for each in requests],
                action=proposal.action,
                reason=reason,
                chosen=chosen,
                oldest_at=oldest,
            )
            stored = await get_file(connection, file_id)
            detail = {
                "name": stored.name,
                "sha256": stored.sha256,
                "rows": stored.row_count,
                "profile": stored.profile,
                "profile_sha256": stored.profile_sha256,
                "action": str(proposal.action),
                "reason": reason,
                "chosen": on_record(proposal.chosen),
            }
            entry = Entry(person.name, stored.kind.action("submitted"), stored.subject, detail)
            await append_record(connection, entry, now)
            decision = await get_decision(connection, file_id)
        self._live.file(stored)
        return decision

    async def withdraw(self, person: Person, number: int, reason: str) -> StoredFile:
        """Withdraw one's own decision before it is signed; its requests are held as before."""
        person.require(Action.DECIDE_QUARANTINE)
        await self.known(person, number)
        return await self._files.take_back(person, number, reason)

    async def reject(self, person: Person, number: int, reason: str) -> StoredFile:
        """Reject a decision, as its second person; its requests are held as before."""
        person.require(Action.APPROVE_FILE)
        await self.known(person, number)
        return await self._files.reject(person, number, reason)

    async def confirm(
        self, person: Person, number: int, reason: str, lines: tuple[int, ...] = ()
    ) -> StoredDecision:
        """Put on record that requests of a delivered decision have ended: those on *lines*, all without any."""
        person.require(Action.DECIDE_QUARANTINE)
        reason = required_reason(reason)
        async with self._database.write() as connection:
            await confirm_ended(connection, person, number, lines, reason, self._clock())
            return await get_decision(connection, number)

    async def known(self, person: Person, number: int) -> StoredDecision:
        """Return a decision; raise `NotFound` where the number is none's, or of a file of another kind."""
        person.require(Action.READ_FILES)
        async with self._database.read() as connection:
            return await get_decision(connection, number)

    async def get(self, person: Person, number: int, page: int = 1) -> Decision:
        """Return a decision with a page of its rows (the first is 1) and the bytes of its file."""
        person.require(Action.READ_FILES)
        async with self._database.read() as connection:
            stored = await get_decision(connection, number)
            rows = await rows_of(connection, number, (page - 1) * ROWS_SHOWN, ROWS_SHOWN)
            content = await get_part(connection, number, "content") or b""
            return Decision(stored, rows, content, await count_not_seen(connection, number))

    async def newest(self, person: Person, page: int = 1) -> tuple[list[StoredDecision], int]:
        """Return a page of decisions (the first is 1), newest first, and how many there are."""
        person.require(Action.READ_FILES)
        async with self._database.read() as connection:
            found = await page_of_decisions(connection, (page - 1) * PAGE_SIZE, PAGE_SIZE)
            return found, await count_decisions(connection)

    async def submitted(self, person: Person) -> list[StoredDecision]:
        """Return the decisions that wait for a second person, at most a page, the one that waits longest first."""
        person.require(Action.READ_FILES)
        async with self._database.read() as connection:
            return await submitted_decisions(connection, PAGE_SIZE)


def _row(request: HeldRequest) -> dict[str, object]:
    return {
        "quarantined_id": request.id,
        "user_id": request.user_id,
        "event_ref": request.event_ref,
        "request_id": request.request_id,
    }
