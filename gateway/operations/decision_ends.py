"""Follows decisions until each of their requests is seen to have ended, and says how long requests wait."""

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Person
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.errors import Conflict, GatewayError, InvalidInput
from gateway.metrics import QUARANTINE_OLDEST, QUARANTINE_OVERDUE, QUARANTINE_REQUESTS
from gateway.store.adt_files import FileState, StoredFile
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.decision_ends import (
    ANSWERED,
    CONFIRMED,
    answered_rows,
    end_decision,
    end_lines,
    lines_left,
)
from gateway.store.decisions import OPEN, count_held_before, get_decision, held_by_state
from gateway.store.quarantined import answered_undecided, end_requests

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 5.0
AT_ONCE: Final = 1000
"""Requests that are ended in one transaction: the count commits in between."""

TOLD: Final = (FileState.DELIVERED, FileState.ACKNOWLEDGED)
"""States of a file in which the DCC has it."""


class DecisionEnds:
    """Looks again and again at what the DCC answered."""

    def __init__(self, database: Database, wait_seconds: int, clock: Clock) -> None:
        self._database = database
        self.wait_seconds = wait_seconds
        self._clock = clock

    async def run(self) -> None:
        """Look every few seconds."""
        while True:
            try:
                while await self.look() == AT_ONCE:
                    pass
                await self.measure()
            except GatewayError as error:
                log.warning("quarantine_not_followed", code=error.code, error=error.message)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Put on record which requests were answered; return how many, of those decided on or of the others."""
        async with self._database.read() as connection:
            found = await answered_rows(connection, AT_ONCE)
            undecided = await answered_undecided(connection, AT_ONCE)
        if undecided:
            await self._end_undecided()
        by_decision: dict[int, list[int]] = {}
        for number, line in found:
            by_decision.setdefault(number, []).append(line)
        now = self._clock()
        for number, lines in by_decision.items():
            async with self._database.write() as connection:
                file = (await get_decision(connection, number)).file
                # Since they were read a person may have confirmed some of them: that stays on record as it is.
                left = sorted(set(lines) & set(await lines_left(connection, number)))
                if not left:
                    continue
                await end_lines(connection, number, left, int(now), ANSWERED)
                await _record(connection, "system", file, len(left), {"how": ANSWERED}, now)
            log.info("requests_ended", decision=number, requests=len(left))
        return max(len(found), len(undecided))

    async def _end_undecided(self) -> None:
        """Put on record that requests have ended that the DCC answered though nobody decides on them.

        It holds them no more. Nobody here had a part in it, so no decision and no person is named.
        """
        now = self._clock()
        async with self._database.write() as connection:
            # A person may have decided on some since they were read: these are left to the decision.
            ended = await answered_undecided(connection, AT_ONCE)
            if not ended:
                return
            await end_requests(connection, [row.id for row in ended], int(now))
            told = [
                {"request_id": row.request_id, "event_ref": row.event_ref, "code": row.answer_code}
                for row in ended
            ]
            detail = {"requests": len(ended), "how": ANSWERED, "by": "dcc", "ended": told}
            await append_record(connection, Entry("system", "dcc.requests_ended", "dcc", detail), now)
        log.info("requests_ended_by_dcc", requests=len(ended))

    async def measure(self) -> None:
        """Show how many requests wait, since when, and how many for longer than they may."""
        now = self._clock()
        async with self._database.read() as connection:
            waiting = await held_by_state(connection)
            overdue = await count_held_before(connection, int((now - self.wait_seconds) * 1000))
        for state in OPEN:
            count, since = waiting.get(state, (0, int(now * 1000)))
            QUARANTINE_REQUESTS.labels(state).set(count)
            QUARANTINE_OLDEST.labels(state).set(max(0.0, now - since / 1000))
        QUARANTINE_OVERDUE.set(overdue)


async def confirm_ended(
    connection: AsyncConnection, person: Person, number: int, lines: Iterable[int], reason: str, now: float
) -> None:
    """Put on record that *person* says that requests of a decision have ended: all that are left without *lines*."""
    decision = await get_decision(connection, number)
    if decision.file.state not in TOLD:
        msg = f"decision {number} is {decision.state}: the DCC cannot have acted on it"
        raise Conflict("decision_not_delivered", msg, "Deliver it first.")
    left = await lines_left(connection, number)
    wanted = sorted(set(lines)) or left
    if not left:
        raise Conflict("decision_ended", f"decision {number} has ended already", "")
    if unknown := set(wanted) - set(left):
        msg = f"line {min(unknown)} of decision {number} is none, or has ended already"
        raise InvalidInput("decision_line", msg, "Name lines of the file that have not ended.")
    await end_lines(connection, number, wanted, int(now), CONFIRMED, person.name, reason)
    detail = {"how": CONFIRMED, "reason": reason}
    if len(wanted) < len(left):
        detail["lines"] = _spans(wanted)
    await _record(connection, person.name, decision.file, len(wanted), detail, now)


async def _record(
    connection: AsyncConnection, actor: str, file: StoredFile, count: int, detail: dict[str, str], now: float
) -> None:
    entry = Entry(actor, file.kind.action("requests_ended"), file.subject, {"requests": count, **detail})
    await append_record(connection, entry, now)
    if await end_decision(connection, file.id):
        entry = Entry("system", file.kind.action("ended"), file.subject, {"requests": file.row_count})
        await append_record(connection, entry, now)


def _spans(lines: list[int]) -> str:
    """Return lines as people write them: `2-5,9`."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
