"""Tells of one step of a candidate incident: a row of the outbox for each channel, and an event for who watches."""

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.facts import decode_facts
from gateway.alerts.message import Alert, Event, RecordFacts, alert_id, decode, encode, notice
from gateway.audit.record import AuditRecord
from gateway.clock import to_text
from gateway.live import IncidentEvent, Live
from gateway.store.database import after_commit
from gateway.store.incident_work import CLASSIFIED
from gateway.store.incidents import StoredIncident
from gateway.store.outbox import put_alert, replace_waiting


class Telling:
    """Knows the channels, and which of them may carry what is known of classified incidents."""

    def __init__(self, instance: str, channels: Sequence[str], cleared: Collection[str], live: Live) -> None:
        self._instance = instance
        self._cleared = [channel for channel in channels if channel in cleared]
        self._others = [channel for channel in channels if channel not in cleared]
        self._live = live

    async def tell(
        self,
        connection: AsyncConnection,
        incident: StoredIncident,
        event: Event,
        record: AuditRecord,
        now: float,
        by: str = "system",
        reason: str = "",
    ) -> None:
        """Put the alert of one step into the outbox; a channel that is not cleared gets no classified facts."""
        number = record.number if event == "updated" else None
        alert = Alert(
            id=alert_id(self._instance, incident.id, event, number),
            instance=self._instance,
            event=event,
            incident=incident.id,
            title=incident.title,
            at=to_text(now),
            facts=decode_facts(incident.detail),
            record=RecordFacts(record.number, record.hash),
            reason=reason,
            by=by,
            state=incident.state,
            opened_at=to_text(incident.opened_at),
            user_id=incident.user_id,
            marking=incident.marking,
            assigned_to=incident.assigned_to or "",
            ticket=incident.ticket or "",
        )
        is_classified = incident.marking == CLASSIFIED
        others = notice(alert) if is_classified else alert
        await put_alert(connection, self._cleared, incident.id, encode(alert), int(now))
        await put_alert(connection, self._others, incident.id, encode(others), int(now))
        level = "" if is_classified else incident.level
        news = IncidentEvent(event, incident.id, incident.kind, level, others.title, incident.state)
        after_commit(connection, lambda: self._live.tell(news))

    async def withhold(self, connection: AsyncConnection, incident: StoredIncident) -> None:
        """Take the facts out of alerts that still wait for channels that are not cleared."""

        def without_facts(message: bytes) -> bytes:
            return encode(notice(msgspec.structs.replace(decode(message), marking=incident.marking)))

        await replace_waiting(connection, self._others, incident.id, without_facts)
