"""Acknowledged files come into force at their time and replace what was in force before."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.record import Entry
from gateway.audit.signed_file import FileKind
from gateway.clock import Clock
from gateway.errors import StoreRefused, Unavailable
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.live import Live, ThresholdsEvent
from gateway.metrics import LAST_TICK
from gateway.operations.profiles import ProfileLost, rules_of
from gateway.operations.rules import Rulebook
from gateway.store.adt_files import FileState, StoredFile, get_file, get_part, list_files, move_file
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.thresholds import (
    files_without_thresholds,
    insert_thresholds,
    supersede_rows,
    supersede_users,
)
from thresholds.adt_file import AdtCheck

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 0.25
"""How often time is looked at: thresholds take effect at their second, episodes end at theirs."""


class InForce:
    """Brings files into force and lets time pass for the count."""

    def __init__(
        self,
        database: Database,
        rules: Rulebook,
        counting: Counting,
        health: Health,
        clock: Clock,
        live: Live | None = None,
    ) -> None:
        self._database = database
        self._health = health
        self._rules = rules
        self._counting = counting
        self._clock = clock
        self._live = live or Live()
        self._due_at = 0
        self._rung = False
        self._stale = False
        self.turns = 0
        """How often the time was looked at, with or without success."""
        self.passed = 0
        """How often that succeeded."""

    def ring(self) -> None:
        """Say that a file was acknowledged."""
        self._rung = True

    async def run(self) -> None:
        """Look at the time for ever; while the store cannot be used, try again at the next tick."""
        while True:
            try:
                await self._look()
                LAST_TICK.set_to_current_time()
                self.passed += 1
            except (Unavailable, StoreRefused) as error:
                self._rung = True
                log.warning("time_not_passed", code=error.code, error=error.message)
            self.turns += 1
            await asyncio.sleep(TICK_SECONDS)

    async def _look(self) -> None:
        now = int(self._clock())
        if self._rung or now >= self._due_at:
            self._rung = False
            self._due_at = await self.bring_due(now)
        if self._stale:
            await self._replace()
        await self._counting.tick()

    async def _replace(self) -> None:
        """Let the count follow what is in force; until that is done it says so, and is tried again."""
        self._health.report("thresholds", works=False, detail="a file in force is not counted against yet")
        await self._counting.replace_thresholds()
        self._stale = False
        self._health.report("thresholds", works=True)
        self._live.tell(ThresholdsEvent(len(self._counting.thresholds)))

    async def bring_due(self, now: int) -> int:
        """Bring every acknowledged file that is due into force; return when to look again."""
        async with self._database.read() as connection:
            acknowledged = await list_files(connection, FileState.ACKNOWLEDGED, kind=FileKind.ADT)
        due = [file for file in acknowledged if file.effective_from <= now]
        for file in sorted(due, key=lambda file: (file.effective_from, file.id)):
            try:
                await self._bring(file, now)
            except (StoreRefused, ProfileLost) as error:  # it would be refused again: what is in force stays
                await self._fail(file, error.message)
            self._stale = True
        coming = [file.effective_from for file in acknowledged if file.effective_from > now]
        return min([*coming, now + 60])

    async def _bring(self, file: StoredFile, now: int) -> None:
        async with self._database.read() as connection:
            content = await get_part(connection, file.id, "content") or b""
            rules = await rules_of(connection, self._rules, file)
        check = await asyncio.to_thread(rules.check, file.name, content, file.submitted_at)
        if check.sha256 != file.sha256 or not check.accepted:
            await self._fail(file, _why_not(file, check))
            return
        users = sorted({threshold.user_id for threshold in check.thresholds})
        async with self._database.write() as connection:
            detail = {"sha256": file.sha256, "rows": file.row_count, "user_ids": users}
            entry = Entry("system", "adt_file.in_force", file.subject, detail)
            record = await append_record(connection, entry, self._clock())
            if rules.profile.replaces == "user-id":
                await supersede_users(connection, users, now)
            else:
                await supersede_rows(connection, check.thresholds, now)
            await insert_thresholds(connection, file.id, check.thresholds, now)
            brought = await move_file(
                connection, file, FileState.IN_FORCE, in_force_at=now, in_force_record=record.number
            )
            replaced = await self._supersede(
                connection, file, await files_without_thresholds(connection), now
            )
        for moved in (brought, *replaced):
            self._live.file(moved)
        log.info("file_in_force", file=file.id, name=file.name, record=record.number)

    async def _supersede(
        self, connection: AsyncConnection, by: StoredFile, file_ids: Sequence[int], now: int
    ) -> list[StoredFile]:
        superseded = []
        for file_id in file_ids:
            old = await get_file(connection, file_id)
            entry = Entry("system", "adt_file.superseded", old.subject, {"by": by.subject})
            await append_record(connection, entry, self._clock())
            superseded.append(await move_file(connection, old, FileState.SUPERSEDED, superseded_at=now))
        return superseded

    async def _fail(self, file: StoredFile, reason: str) -> None:
        """Keep a file out of force that cannot come into it: what is in force stays."""
        async with self._database.write() as connection:
            entry = Entry("system", "adt_file.failed", file.subject, {"reason": reason})
            await append_record(connection, entry, self._clock())
            file = await move_file(connection, file, FileState.FAILED, reason=reason)
        self._live.file(file)
        log.error("file_failed", file=file.id, reason=reason)


def _why_not(file: StoredFile, check: AdtCheck) -> str:
    """Return why a file that was signed does not come into force."""
    first = check.faults[0] if check.faults else None
    if check.sha256 != file.sha256 or first is None:
        return "the stored bytes are not those that were signed"
    return f"it no longer passes the check: line {first.line}: {first.message}"
