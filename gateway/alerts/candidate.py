"""The one way by which candidate incidents are opened, added to and closed.

Each step happens inside the caller's transaction: the incident's row, an audit record, and the alert's row in the
outbox for each channel.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.facts import Facts, decode_facts, kind_of
from gateway.alerts.message import Alert, Event, RecordFacts, alert_id, encode
from gateway.alerts.muting import hear
from gateway.audit.record import AuditRecord, Entry
from gateway.clock import to_text
from gateway.live import IncidentEvent, Live
from gateway.store.audit_log import append_record
from gateway.store.database import after_commit
from gateway.store.incidents import (
    StoredIncident,
    close_incident,
    due_to_be_told,
    get_incident,
    insert_incident,
    update_incident,
)
from gateway.store.outbox import put_alert
from gateway.store.silences import waiting_muted

log = structlog.get_logger(__name__)

UPDATE_SECONDS: Final = 300
"""Between two updates of one incident at least; what comes meanwhile is kept and told with the next."""

TITLE_LENGTH: Final = 200


class Candidate(msgspec.Struct, frozen=True):
    """A candidate incident before it has its number."""

    facts: Facts
    title: str
    opened_at: float
    user_id: str = ""
    """The DCC User that it is about; empty where it is about none."""
    subject_key: str | None = None
    """Of one kind and subject one is open at the most; None where each is its own."""


class Candidates:
    """Opens, updates and closes candidate incidents; `ring` wakes the channels after the commit."""

    def __init__(
        self, instance: str, channels: Sequence[str], ring: Callable[[], None], live: Live | None = None
    ) -> None:
        self._instance = instance
        self._channels = channels
        self.ring = ring
        self._live = live or Live()

    async def open(self, connection: AsyncConnection, candidate: Candidate, now: float) -> int:
        """Open a candidate incident; return its number."""
        facts, title = candidate.facts, candidate.title[:TITLE_LENGTH]
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
        )
        detail = {"title": title, "facts": msgspec.to_builtins(facts)}
        entry = Entry("system", "incident.opened", f"incident/{incident_id}", detail)
        record = await append_record(connection, entry, now)
        await update_incident(connection, incident_id, record=record.number)
        incident = await get_incident(connection, incident_id)
        await self._tell(connection, incident, "opened", record, now)
        log.warning("candidate_incident", incident=incident_id, title=title, record=record.number)
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
        for incident in await due_to_be_told(connection, int(now)):
            await self._tell_update(connection, incident, now)

    async def _tell_update(self, connection: AsyncConnection, incident: StoredIncident, now: float) -> None:
        facts = decode_facts(incident.detail)
        detail = {"title": incident.title, "facts": msgspec.to_builtins(facts)}
        entry = Entry("system", "incident.updated", incident.subject, detail)
        record = await append_record(connection, entry, now)
        await update_incident(connection, incident.id, updated_at=int(now), tell_at=None)
        await self._tell(connection, incident, "updated", record, now)

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
        record = await append_record(connection, Entry(by, "incident.closed", closed.subject, detail), now)
        await self._tell(connection, closed, "closed", record, now)
        return closed

    async def _tell(
        self,
        connection: AsyncConnection,
        incident: StoredIncident,
        event: Event,
        record: AuditRecord,
        now: float,
    ) -> None:
        """Put the alert of one step into the outbox, unless a silence mutes it."""
        news = IncidentEvent(
            event, incident.id, incident.kind, incident.level, incident.title, incident.state
        )
        after_commit(connection, lambda: self._live.tell(news))
        heard = await hear(connection, incident, event, now)
        if heard.muted:
            return
        if heard.first:
            await self._put(connection, incident, "opened", record, now, heard.note)
        await self._put(connection, incident, event, record, now, heard.note)

    async def tell_muted(self, connection: AsyncConnection, incident: StoredIncident, now: float) -> None:
        """Tell of an open incident what a silence that is over had muted; another one may mute it on."""
        event: Event = await self._waiting_event(connection, incident)
        entry = Entry("system", "alert.told", incident.subject, {"event": event})
        await self._tell(connection, incident, event, await append_record(connection, entry, now), now)

    async def _waiting_event(self, connection: AsyncConnection, incident: StoredIncident) -> Event:
        waiting = await waiting_muted(connection, 1, incident_id=incident.id)
        return "opened" if waiting and waiting[0].event == "opened" else "updated"

    async def _put(
        self,
        connection: AsyncConnection,
        incident: StoredIncident,
        event: Event,
        record: AuditRecord,
        now: float,
        note: str,
    ) -> None:
        number = record.number if event == "updated" else None
        alert = Alert(
            id=alert_id(self._instance, incident.id, event, number),
            instance=self._instance,
            event=event,
            incident=incident.id,
            title=f"{incident.title} ({note})" if note else incident.title,
            at=to_text(now),
            facts=decode_facts(incident.detail),
            record=RecordFacts(record.number, record.hash),
            reason=incident.reason or "",
            by=incident.closed_by or "system",
            state=incident.state,
            opened_at=to_text(incident.opened_at),
            user_id=incident.user_id,
        )
        await put_alert(connection, self._channels, incident.id, encode(alert), int(now))
