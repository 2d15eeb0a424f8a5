"""Tells of one step of a candidate incident: a row of the outbox for each channel, and an event for who watches."""

from collections.abc import Collection, Sequence

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.facts import known_facts
from gateway.alerts.message import Alert, Event, RecordFacts, alert_id, decode, encode, notice
from gateway.alerts.muting import hear
from gateway.audit.record import AuditRecord
from gateway.clock import to_text
from gateway.errors import AlertUnreadable
from gateway.live import IncidentEvent, Live
from gateway.store.database import after_commit
from gateway.store.incident_work import CLASSIFIED, unsent_classified
from gateway.store.incidents import StoredIncident, get_incident
from gateway.store.outbox import put_alert, replace_waiting

log = structlog.get_logger(__name__)


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
        """Put the alert of one step into the outbox unless a silence mutes it; who watches is told of it anyway."""
        alert = self._alert(incident, event, record, now, by, reason)
        is_classified = incident.marking == CLASSIFIED
        level, title = ("", notice(alert).title) if is_classified else (incident.level, incident.title)
        news = IncidentEvent(event, incident.id, incident.kind, level, title, incident.state)
        after_commit(connection, lambda: self._live.tell(news))
        heard = await hear(connection, incident, event, now)
        if heard.muted:
            return
        if heard.first:
            opened = self._alert(incident, "opened", record, now, "system", "")
            await self._put(connection, opened, heard.note, now)
        await self._put(connection, alert, heard.note, now)

    async def introduce(
        self, connection: AsyncConnection, incident: StoredIncident, record: AuditRecord, now: float
    ) -> None:
        """Put the alert that opens *incident* into the outbox, with the `id` that it had for others before."""
        alert = self._alert(incident, "opened", record, now, "system", "")
        await self._put(connection, alert, "", now)

    def _alert(
        self,
        incident: StoredIncident,
        event: Event,
        record: AuditRecord,
        now: float,
        by: str,
        reason: str,
    ) -> Alert:
        number = record.number if event == "updated" else None
        facts = known_facts(incident.detail)
        if facts is None:  # a later version wrote it: it is told without, and stops no other
            log.warning("incident_unreadable", incident=incident.id)
        return Alert(
            id=alert_id(self._instance, incident.id, event, number),
            instance=self._instance,
            event=event,
            incident=incident.id,
            title=incident.title,
            at=to_text(now),
            facts=facts,
            record=RecordFacts(record.number, record.hash),
            reason=reason,
            by=by,
            state=incident.state,
            finding=incident.finding or "",
            opened_at=to_text(incident.opened_at),
            user_id=incident.user_id,
            marking=incident.marking,
            assigned_to=incident.assigned_to or "",
            ticket=incident.ticket or "",
            group=incident.group_id or 0,
        )

    async def _put(self, connection: AsyncConnection, alert: Alert, note: str, now: float) -> None:
        """Write it for each channel; one that is not cleared gets no classified facts."""
        if note:
            alert = msgspec.structs.replace(alert, title=f"{alert.title} ({note})")
        others = notice(alert) if alert.marking == CLASSIFIED else alert
        await put_alert(connection, self._cleared, alert.incident, encode(alert), int(now))
        await put_alert(connection, self._others, alert.incident, encode(others), int(now))

    async def withhold_all(self, connection: AsyncConnection) -> None:
        """Do so for every classified incident.

        Which channels are cleared is a setting: what was written for one that was, or that was not set, is looked at anew.
        """
        for number in await unsent_classified(connection):
            await self.withhold(connection, await get_incident(connection, number))

    async def withhold(self, connection: AsyncConnection, incident: StoredIncident) -> None:
        """Take the facts out of alerts that were not sent by channels that are not cleared.

        Those of a channel that is not set wait for it, too: it may be set again.
        """

        def without_facts(message: bytes) -> bytes:
            try:
                alert = decode(message)
            except AlertUnreadable:  # another version wrote it: nothing of it goes out
                alert = unread(self._instance, incident)
            return encode(notice(msgspec.structs.replace(alert, marking=incident.marking)))

        await replace_waiting(connection, self._cleared, incident.id, without_facts)


def unread(instance: str, incident: StoredIncident) -> Alert:
    """Return what is said of an incident instead of an alert that cannot be read: that there is something."""
    return Alert(
        id=alert_id(instance, incident.id, "updated"),
        instance=instance,
        event="updated",
        incident=incident.id,
        title=f"candidate incident {incident.id}: what was to be told of it cannot be read",
        at=to_text(incident.opened_at),
        facts=None,
        record=None,
        state=incident.state,
        opened_at=to_text(incident.opened_at),
        marking=incident.marking,
    )
