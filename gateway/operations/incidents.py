"""What analysts do with candidate incidents."""

import csv
import io
from collections.abc import AsyncIterator, Collection
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.alerts.candidate import Candidates
from gateway.alerts.facts import Facts, decode_facts
from gateway.audit.record import AuditRecord
from gateway.clock import Clock
from gateway.life import IncidentState
from gateway.operations.files import required_reason
from gateway.store import incidents as store
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from gateway.store.episodes import (
    EpisodeRow,
    ExcessPlace,
    ExcessRow,
    count_excess,
    episodes_of,
    excess_after,
    excess_of,
)
from gateway.store.incident_list import IncidentFilter, ListedIncident, count_incidents, find_incidents

EXCESS_AT_ONCE: Final = 5000
"""Requests in excess that are read at once for a download."""
RECORDS: Final = 200
"""Audit records of one incident that are shown."""


class FoundIncidents(msgspec.Struct, frozen=True):
    """A page of a list."""

    count: int
    """Of all that match."""
    incidents: list[ListedIncident]


class WholeIncident(msgspec.Struct, frozen=True):
    """All that is on record of one incident; of the requests in excess those of one page."""

    incident: store.StoredIncident
    facts: Facts | None
    """None where they cannot be read: a later version wrote them, or somebody changed the row."""
    episodes: list[EpisodeRow]
    excess_count: int
    excess: list[ExcessRow]
    records: list[AuditRecord]


class Incidents:
    """Reads and closes candidate incidents."""

    def __init__(self, database: Database, candidates: Candidates, clock: Clock) -> None:
        self._database = database
        self._candidates = candidates
        self._clock = clock

    async def newest(
        self, person: Person, states: Collection[IncidentState], limit: int, kind: str | None = None
    ) -> list[store.StoredIncident]:
        """Return the newest incidents first: all, or those of some states or a kind."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            return await store.list_incidents(connection, states, limit, kind)

    async def get(
        self, person: Person, incident_id: int, limit: int
    ) -> tuple[store.StoredIncident, int, list[ExcessRow]]:
        """Return an incident, how many requests are in excess and the first *limit* of them."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            incident = await store.get_incident(connection, incident_id)
            return (
                incident,
                await count_excess(connection, incident_id),
                await excess_of(connection, incident_id, limit),
            )

    async def find(self, person: Person, wanted: IncidentFilter, limit: int, skip: int = 0) -> FoundIncidents:
        """Return up to *limit* of the incidents that match after the first *skip*, the newest first."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            count = await count_incidents(connection, wanted)
            return FoundIncidents(count, await find_incidents(connection, wanted, limit, skip))

    async def whole(self, person: Person, incident_id: int, limit: int, skip: int = 0) -> WholeIncident:
        """Return all of an incident, with up to *limit* requests in excess after the first *skip*."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            incident = await store.get_incident(connection, incident_id)
            return WholeIncident(
                incident=incident,
                facts=_facts(incident),
                episodes=await episodes_of(connection, incident_id),
                excess_count=await count_excess(connection, incident_id),
                excess=await excess_of(connection, incident_id, limit, skip),
                records=await read_records(self._database, 0, RECORDS, incident.subject)
                if person.may(Action.READ_AUDIT)
                else [],
            )

    async def excess_csv(self, person: Person, incident_id: int) -> AsyncIterator[bytes]:
        """Yield every request in excess as CSV (RFC 4180) with a header, in parts, by RequestID.

        Each part is a transaction of its own: a download may take long. Raises `NotFound` before the first.
        """
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            await store.get_incident(connection, incident_id)
        yield b"RequestID,Class,ObservedAt\r\n"
        after: ExcessPlace | None = None
        while True:
            async with self._database.read() as connection:
                after, rows = await excess_after(connection, incident_id, after, EXCESS_AT_ONCE)
            if not rows:
                return
            yield _csv(rows)

    async def close(self, person: Person, incident_id: int, reason: str) -> store.StoredIncident:
        """Close an incident with a reason; its alert goes to every channel."""
        person.require(Action.CLOSE_INCIDENT)
        reason = required_reason(reason)
        now = self._clock()
        async with self._database.write() as connection:
            incident = await store.get_incident(connection, incident_id)
            closed = await self._candidates.close(
                connection, incident, by=person.name, reason=reason, now=now
            )
        self._candidates.ring()
        return closed


def _csv(rows: list[ExcessRow]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows((row.request_id, row.communication_class, row.observed_at) for row in rows)
    return text.getvalue().encode()


def _facts(incident: store.StoredIncident) -> Facts | None:
    try:
        facts: Facts = decode_facts(incident.detail)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return facts
