"""The one way by which candidate incidents are opened, added to and closed.

Each step happens inside the caller's transaction: the incident's row, an audit record, and the alert's row in the
outbox for each channel.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.facts import Facts, kind_of, known_facts
from gateway.alerts.message import Event
from gateway.alerts.muting import muted_event
from gateway.alerts.telling import Telling
from gateway.audit.record import AuditRecord, Entry
from gateway.errors import Conflict
from gateway.live import Live
from gateway.store.audit_log import append_record
from gateway.store.incident_work import (
    CLASSIFIED,
    GROUPED,
    Step,
    add_step,
    find_related,
    new_group,
    nominees_of,
    set_nominees,
    work_of,
)
from gateway.store.incidents import (
    StoredIncident,
    change_incident,
    close_incident,
    due_to_be_told,
    find_open,
    get_incident,
    insert_incident,
    update_incident,
)

log = structlog.get_logger(__name__)

UPDATE_SECONDS: Final = 300
"""Between two updates of one incident at least; what comes meanwhile is kept and told with the next."""

TITLE_LENGTH: Final = 200

GROUP_SECONDS: Final = 3600
"""Breaches of one User ID within so long are put into one group, unless it is set otherwise."""


class Candidate(msgspec.Struct, frozen=True):
    """A candidate incident before it has its number."""

    facts: Facts
    title: str
    opened_at: float
    user_id: str = ""
    """The DCC User that it is about; empty where it is about none."""
    subject_key: str | None = None
    """Of one kind and subject one is open at the most; None where each is its own."""
    follows: StoredIncident | None = None
    """The incident that it takes the place of, or up again: its marking and nominees are taken over."""


class Change(msgspec.Struct, frozen=True):
    """What somebody does to an incident."""

    by: str
    action: str
    """As the audit record names it."""
    what: str
    """In plain words, for the history of the incident."""
    reason: str
    values: dict[str, Any] = {}
    """Columns of the incident and what they become."""
    detail: dict[str, Any] = {}
    """What the audit record says beside that."""


OPENED: Final = Change("system", "incident.opened", "opened", "")


class Candidates:
    """Opens, changes and closes candidate incidents; `ring` wakes the channels after the commit."""

    def __init__(
        self,
        instance: str,
        channels: Sequence[str],
        ring: Callable[[], None],
        live: Live | None = None,
        cleared: Collection[str] = (),
        group_seconds: int = GROUP_SECONDS,
    ) -> None:
        self.ring = ring
        self._telling = Telling(instance, channels, cleared, live or Live())
        self._group_seconds = group_seconds

    async def open(self, connection: AsyncConnection, candidate: Candidate, now: float) -> int:
        """Open a candidate incident; return its number."""
        return await self._open(connection, candidate, OPENED, {}, now)

    async def reopen(
        self, connection: AsyncConnection, earlier: StoredIncident, by: str, reason: str, now: float
    ) -> StoredIncident:
        """Open another incident with what is known of a closed one and a link to it.

        Raises `Conflict` where it is not closed, where one of its subject is open already, or where it cannot be read.
        """
        again = await work_of(connection, earlier.id, None)
        if earlier.is_open or again.reopened_as:
            what = f"was reopened as {again.reopened_as[-1]}" if again.reopened_as else "is not closed"
            msg = f"candidate incident {earlier.id} {what}"
            raise Conflict("incident_not_closed", msg, "Work on the one that is open.")
        if earlier.subject_key and (other := await find_open(connection, earlier.kind, earlier.subject_key)):
            hidden = other.marking == CLASSIFIED and by not in await nominees_of(connection, other.id)
            which = "one that is classified" if hidden else f"candidate incident {other.id}"
            msg = f"{which} is open for the same subject"
            remedy = "Ask its nominees." if hidden else f"Work on incident {other.id}."
            raise Conflict("incident_open_already", msg, remedy)
        if (facts := known_facts(earlier.detail)) is None:
            msg = f"candidate incident {earlier.id} was written by another release"
            raise Conflict("incident_unreadable", msg, "Add notes to it.")
        candidate = Candidate(facts, earlier.title, now, earlier.user_id, earlier.subject_key, earlier)
        change = Change(by, "incident.opened", f"reopened incident {earlier.id}", reason)
        more = {"reopens": earlier.id, "group_id": earlier.group_id}
        return await get_incident(connection, await self._open(connection, candidate, change, more, now))

    async def _open(
        self,
        connection: AsyncConnection,
        candidate: Candidate,
        change: Change,
        values: dict[str, Any],
        now: float,
    ) -> int:
        facts, title, earlier = candidate.facts, candidate.title[:TITLE_LENGTH], candidate.follows
        incident_id = await insert_incident(
            connection,
            kind=kind_of(facts),
            level=facts.level,
            user_id=candidate.user_id,
            title=title,
            opened_at=int(candidate.opened_at),
            record=0,
            detail=msgspec.json.encode(facts),
            subject_key=candidate.subject_key,
            marking=earlier.marking if earlier else "",
            **values,
        )
        detail: dict[str, Any] = {"title": title, "facts": msgspec.to_builtins(facts)}
        if earlier and earlier.marking:
            nominees = await nominees_of(connection, earlier.id)
            await set_nominees(connection, incident_id, nominees)
            detail |= {"marking": earlier.marking, "nominees": nominees}
        if values:
            detail |= {"reopens": values["reopens"], "reason": change.reason}
        entry = Entry(change.by, change.action, f"incident/{incident_id}", detail)
        record = await append_record(connection, entry, now)
        await update_incident(connection, incident_id, record=record.number)
        incident = await get_incident(connection, incident_id)
        await self._keep_step(connection, incident, change, record, now)
        if not values:
            await self._group(connection, incident, now)
            incident = await get_incident(connection, incident_id)
        await self._telling.tell(connection, incident, "opened", record, now, change.by, change.reason)
        shown = "" if incident.marking == CLASSIFIED else title
        log.warning("candidate_incident", incident=incident_id, title=shown, record=record.number)
        return incident_id

    async def update(
        self, connection: AsyncConnection, incident: StoredIncident, facts: Facts, title: str, now: float
    ) -> None:
        """Keep what is known by now of an open incident, and tell of it unless it was done just before."""
        values = {"detail": msgspec.json.encode(facts), "title": title[:TITLE_LENGTH]}
        await update_incident(connection, incident.id, **values)
        last = incident.updated_at
        # One that was told later than now was told by a clock that has been set back since.
        if last is not None and 0 <= now - last < UPDATE_SECONDS:
            if incident.tell_at is None:
                await update_incident(connection, incident.id, tell_at=last + UPDATE_SECONDS)
            return
        await self._tell_update(connection, await get_incident(connection, incident.id), now)

    async def tell_due(self, connection: AsyncConnection, now: float) -> None:
        """Tell of what was kept, where its time has come."""
        for incident in await due_to_be_told(connection, int(now), UPDATE_SECONDS):
            await self._tell_update(connection, incident, now)

    async def tell_muted(self, connection: AsyncConnection, incident: StoredIncident, now: float) -> None:
        """Tell of an open incident what a silence that is over had muted; another one may mute it on."""
        event = await muted_event(connection, incident)
        entry = Entry("system", "alert.told", incident.subject, {"event": event})
        record = await append_record(connection, entry, now)
        await self._telling.tell(connection, incident, event, record, now)

    async def _tell_update(self, connection: AsyncConnection, incident: StoredIncident, now: float) -> None:
        detail = {"title": incident.title, "facts": msgspec.to_builtins(known_facts(incident.detail))}
        entry = Entry("system", "incident.updated", incident.subject, detail)
        record = await append_record(connection, entry, now)
        await update_incident(connection, incident.id, updated_at=int(now), tell_at=None)
        await self._telling.tell(connection, incident, "updated", record, now)

    async def close(
        self,
        connection: AsyncConnection,
        incident: StoredIncident,
        *,
        by: str,
        reason: str,
        now: float,
        superseded_by: int | None = None,
    ) -> StoredIncident:
        """Close an open incident; raise `Conflict` if it is closed already."""
        closed = await close_incident(
            connection, incident, by=by, reason=reason, now=int(now), superseded_by=superseded_by
        )
        detail = {"reason": reason, "superseded_by": superseded_by}
        change = Change(by, "incident.closed", "closed", reason)
        await self._put(connection, closed, change, "closed", detail, now)
        return closed

    async def withhold(self, connection: AsyncConnection) -> None:
        """Take the facts of what is classified now out of all that was not sent by channels that may not carry them."""
        await self._telling.withhold_all(connection)

    async def change(
        self, connection: AsyncConnection, incident: StoredIncident, change: Change, now: float
    ) -> StoredIncident:
        """Do one step of a person other than closing; raise `Conflict` where somebody was quicker."""
        changed = await change_incident(connection, incident, **change.values)
        detail = {"what": change.what, "reason": change.reason, "state": str(changed.state)}
        await self._put(connection, changed, change, "updated", detail | change.detail, now)
        return changed

    async def _put(
        self,
        connection: AsyncConnection,
        incident: StoredIncident,
        change: Change,
        event: Event,
        detail: dict[str, Any],
        now: float,
    ) -> None:
        """Record and tell a step that is done."""
        record = await append_record(
            connection, Entry(change.by, change.action, incident.subject, detail), now
        )
        await self._keep_step(connection, incident, change, record, now)
        if incident.marking == CLASSIFIED:
            await self._telling.withhold(connection, incident)
        await self._telling.tell(connection, incident, event, record, now, change.by, change.reason)

    async def _keep_step(
        self,
        connection: AsyncConnection,
        incident: StoredIncident,
        change: Change,
        record: AuditRecord,
        now: float,
    ) -> None:
        step = Step(
            done_at=int(now),
            done_by=change.by,
            action=change.action,
            what=change.what,
            state=incident.state,
            reason=change.reason,
            record=record.number,
        )
        await add_step(connection, incident.id, step)

    async def _group(self, connection: AsyncConnection, incident: StoredIncident, now: float) -> None:
        """Put a new breach, or what the DCC holds, into one group with the last one of its User ID of that time."""
        if incident.kind not in GROUPED or not (incident.user_id and self._group_seconds):
            return
        if incident.marking == CLASSIFIED:
            return
        found = await find_related(connection, incident, self._group_seconds)
        if found is None:
            return
        other, group = found
        joined = [incident.id] if group else [incident.id, other]
        group = group or await new_group(connection, int(now))
        detail = {"group": group, "with": other, "seconds": self._group_seconds}
        entry = Entry("system", "incident.grouped", incident.subject, detail)
        record = await append_record(connection, entry, now)
        for number in joined:
            await update_incident(connection, number, group_id=group)
            member = await get_incident(connection, number)
            with_ = other if number == incident.id else incident.id
            what = f"put into group {group} with incident {with_}"
            why = f"breaches of one User ID within {self._group_seconds} s"
            await self._keep_step(
                connection, member, Change("system", "incident.grouped", what, why), record, now
            )
