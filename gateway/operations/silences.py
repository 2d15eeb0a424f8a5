"""Silences and planned-work windows: who creates and ends them, and what they muted is told when they are over."""

import asyncio
import re
from typing import Any, Final

import msgspec
import structlog

from gateway.access import Action, Person
from gateway.alerts.candidate import Candidates
from gateway.alerts.facts import KINDS, DccQuarantine, UnknownRequest, kind_of
from gateway.alerts.muting import scope_of
from gateway.audit.record import Entry
from gateway.clock import Clock, to_text
from gateway.errors import Conflict, InvalidInput
from gateway.operations.files import required_reason
from gateway.store import silences as store
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.incidents import StoredIncident, get_incident
from gateway.store.silences import Scope, ShownMuted, StoredSilence
from thresholds.errors import InvalidValueError
from thresholds.eui64 import parse_user_id
from thresholds.model import ALL, DEVICES, CommunicationClass, Level

log = structlog.get_logger(__name__)

LONGEST_DAYS: Final = 14
AHEAD_DAYS: Final = 90
"""Days from now in which a silence may begin."""
HOLDING: Final = 200
"""Silences that may be active or planned at a time."""
LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = 50
"""Incidents that are told in one transaction: the count waits for no more."""
DAY: Final = 86_400

ALWAYS_QUARANTINE: Final = (kind_of(DccQuarantine), kind_of(UnknownRequest))
"""Kinds whose every incident is at the quarantine level: a silence that spares that level would mute nothing."""

COMMUNICATIONS: Final = (*CommunicationClass, ALL, DEVICES)
_SERVICE: Final = re.compile(r"[*]|[0-9]{1,3}(?:[.][0-9]{1,3}){1,2}")


class NewSilence(msgspec.Struct, frozen=True):
    """What somebody asks for; times are seconds since the epoch."""

    reason: str
    ends_at: int
    begins_at: int | None = None
    """None for now; a time that is past means now too."""
    scope: Scope = Scope()
    planned_work: bool = False
    quarantine: bool = False
    """Whether quarantine-level incidents are muted too."""


class SilenceRow(msgspec.Struct, frozen=True):
    """A silence in a list."""

    silence: StoredSilence
    state: str
    muted: int
    """How many alerts it muted."""
    withheld: int = 0
    """How many of them are of classified incidents and so not listed; counted where they are listed."""


class Silences:
    """Creates, ends and lists silences."""

    def __init__(self, database: Database, candidates: Candidates, clock: Clock) -> None:
        self._database = database
        self._candidates = candidates
        self._clock = clock

    async def create(self, person: Person, new: NewSilence) -> StoredSilence:
        """Create a silence; raise `InvalidInput` for what is not acceptable, `Conflict` where there are too many."""
        person.require(Action.SILENCE)
        now = int(self._clock())
        values = checked(new, now)
        async with self._database.write() as connection:
            if await store.count_silences(connection, now) >= HOLDING:
                msg = f"{HOLDING} silences are active or planned already"
                raise Conflict("silences_too_many", msg, "End one that is not needed.")
            number = await store.insert_silence(
                connection, created_by=person.name, created_at=now, record=0, **values
            )
            times = {name: to_text(values[name]) for name in ("begins_at", "ends_at")}
            entry = Entry(person.name, "silence.created", f"silence/{number}", values | times)
            record = await append_record(connection, entry, now)
            await store.update_silence(connection, number, record=record.number)
            return await store.get_silence(connection, number)

    async def end(self, person: Person, number: int, reason: str) -> StoredSilence:
        """End a silence before its time; what it muted is told within a second."""
        person.require(Action.SILENCE)
        reason = required_reason(reason)
        now = int(self._clock())
        async with self._database.write() as connection:
            silence = await store.get_silence(connection, number)
            if silence.state(now) == "over":
                msg = f"silence {number} is over already"
                raise Conflict("silence_over", msg, f"Look at it: adt-gateway silences show {number}")
            values = {"ended_at": now, "ended_by": person.name, "end_reason": reason}
            await store.update_silence(connection, number, **values)
            entry = Entry(person.name, "silence.ended", silence.subject, {"reason": reason})
            await append_record(connection, entry, now)
            return await store.get_silence(connection, number)

    async def find(
        self, person: Person, limit: int, skip: int = 0, *, over: bool = True
    ) -> tuple[int, list[SilenceRow]]:
        """Return how many silences there are, and those of one page, the newest first."""
        person.require(Action.READ_MONITORING)
        now = int(self._clock())
        async with self._database.read() as connection:
            count = await store.count_silences(connection, None if over else now)
            found = await store.list_silences(connection, now, limit, skip, over=over)
            muted = await store.count_muted(connection, [silence.id for silence in found])
        return count, [SilenceRow(each, each.state(now), muted.get(each.id, 0)) for each in found]

    async def one(
        self, person: Person, number: int, limit: int, skip: int = 0
    ) -> tuple[SilenceRow, list[ShownMuted]]:
        """Return a silence with what it muted, the newest first."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            silence = await store.get_silence(connection, number)
            muted = await store.muted_of(connection, number, limit, skip)
            counts = await store.count_muted(connection, [number])
            withheld = await store.count_withheld(connection, number)
        row = SilenceRow(silence, silence.state(self._clock()), counts.get(number, 0), withheld)
        return row, muted

    async def of_incident(self, person: Person, incident: StoredIncident) -> list[StoredSilence]:
        """Return the silences that an incident was opened in, or that muted an alert of it."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            return await store.silences_of(connection, incident.id, scope_of(incident), incident.opened_at)

    async def run(self) -> None:
        """Settle what is over, for ever; raise `Unavailable` where the store is away, and be run again."""
        while True:
            await self.settle()
            await asyncio.sleep(LOOK_SECONDS)

    async def settle(self) -> None:
        """Tell the SOC of every open incident that a silence which is over had muted."""
        # One instant for all: by a clock set back meanwhile the silence would hold again, and mute what is told.
        now = self._clock()
        async with self._database.read() as connection:
            due = await store.due_silences(connection, int(now))
        for silence in due:
            after: int | None = 0
            while after is not None:
                after = await self._settle(silence, after, now)
                self._candidates.ring()

    async def _settle(self, silence: StoredSilence, after: int, now: float) -> int | None:
        """Tell of the next incidents; return the last of them, or None where that was all."""
        async with self._database.write() as connection:
            found = await store.waiting_incidents(connection, silence.id, after, AT_ONCE)
            for number in found:
                incident = await get_incident(connection, number)
                if incident.is_open:
                    await self._candidates.tell_muted(connection, incident, now)
                else:
                    await store.settle_muted(connection, number, over_at=int(now))
            if len(found) == AT_ONCE:
                return found[-1]
            await store.update_silence(connection, silence.id, settled_at=int(now))
            muted = (await store.count_muted(connection, [silence.id])).get(silence.id, 0)
            entry = Entry("system", "silence.over", silence.subject, {"muted": muted})
            await append_record(connection, entry, now)
        log.info("silence_over", silence=silence.id, muted=muted)
        return None


def checked(new: NewSilence, now: int) -> dict[str, Any]:
    """Return the columns of a silence; raise `InvalidInput`, whose code names what is wrong."""
    begins = max(now, new.begins_at or now)
    if begins > now + AHEAD_DAYS * DAY:
        raise _bad("silence_begins", f"it may begin within {AHEAD_DAYS} days from now", "Begin it sooner.")
    if new.ends_at <= begins:
        raise _bad("silence_ends", "it must end after it begins, and later than now", "Correct the end.")
    if new.ends_at - begins > LONGEST_DAYS * DAY:
        raise _bad("silence_ends", f"it may last {LONGEST_DAYS} days", "End it sooner, and renew it then.")
    always = new.scope.level == Level.QUARANTINE or new.scope.kind in ALWAYS_QUARANTINE
    if always and not new.quarantine:
        msg = "it is about quarantine-level incidents alone and does not say that it mutes those"
        raise _bad("silence_quarantine", msg, "Say so, or ask for others too.")
    return {
        "planned_work": new.planned_work,
        "reason": required_reason(new.reason),
        "begins_at": begins,
        "ends_at": new.ends_at,
        "quarantine": new.quarantine,
        **msgspec.structs.asdict(_checked_scope(new.scope)),
    }


def _checked_scope(scope: Scope) -> Scope:
    remedy = "Correct it, or leave it out."
    if not (scope.kind or scope.user_id):
        raise _bad("silence_scope", "it must name a kind or a User ID at least", "A silence of all is none.")
    if scope.kind and scope.kind not in KINDS:
        raise _bad("silence_kind", f"kind must be one of {', '.join(KINDS)}", remedy)
    if scope.level and scope.level not in set(Level):
        raise _bad("silence_level", f"level must be one of {', '.join(Level)}", remedy)
    if scope.communication and scope.communication not in COMMUNICATIONS:
        raise _bad("silence_communication", f"class must be one of {', '.join(COMMUNICATIONS)}", remedy)
    if scope.service and not _SERVICE.fullmatch(scope.service):
        raise _bad("silence_service", "the service must be as a threshold names it: 4.1.1, 4.1 or *", remedy)
    try:
        user_id = parse_user_id(scope.user_id) if scope.user_id else ""
    except InvalidValueError as error:
        raise _bad("silence_user_id", f"the User ID: {error}", remedy) from None
    return msgspec.structs.replace(scope, user_id=str(user_id))


def _bad(code: str, message: str, remedy: str) -> InvalidInput:
    return InvalidInput(code, message, remedy)
