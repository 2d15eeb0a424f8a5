"""What people see of candidate incidents."""

import csv
import io
from collections.abc import AsyncIterator, Collection
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.alerts.classification import Suggestion, suggested
from gateway.alerts.facts import Facts, known_facts
from gateway.clock import Clock
from gateway.life import IncidentState
from gateway.operations.classified import looking, masked, masked_whole, require_nominee
from gateway.store import incidents as store
from gateway.store.audit_log import Ends, ends_of
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
from gateway.store.incident_list import (
    Counted,
    IncidentFilter,
    ListedIncident,
    count_incidents,
    find_incidents,
)
from gateway.store.incident_work import Work, classified_numbers, work_of
from thresholds.catalogue import load_catalogue

EXCESS_AT_ONCE: Final = 5000
"""Requests in excess that are read at once for a download."""
RECORDS: Final = 200
"""Audit records of one incident that are shown: the first half of them and the newest half."""


class FoundIncidents(msgspec.Struct, frozen=True):
    """A page of a list."""

    counted: Counted
    """All that match, as far as they are counted."""
    incidents: list[ListedIncident]


class GotIncident(msgspec.Struct, frozen=True):
    """An incident as the API gives it."""

    incident: store.StoredIncident
    work: Work
    suggestion: Suggestion | None
    """What its service suggests at first; nobody has decided it."""
    excess_count: int
    excess: list[ExcessRow]


class WholeIncident(msgspec.Struct, frozen=True):
    """All that is on record of one incident; of the requests in excess those of one page."""

    incident: store.StoredIncident
    facts: Facts | None
    """None where they cannot be read: a later version wrote them, or somebody changed the row."""
    work: Work
    suggestion: Suggestion | None
    """What its service suggests at first; nobody has decided it."""
    episodes: list[EpisodeRow]
    excess_count: int
    excess: list[ExcessRow]
    records: Ends
    """None of them for whoever may not read the audit chain."""


class Incidents:
    """Reads candidate incidents; of classified ones what their nominees alone may see."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def newest(
        self, person: Person, states: Collection[IncidentState], limit: int, kind: str | None = None
    ) -> list[store.StoredIncident]:
        """Return the newest incidents first: all, or those of some states or a kind."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            found = await store.list_incidents(connection, states, limit, kind)
            return [masked_whole(incident) for incident in found]

    async def get(self, person: Person, incident_id: int, limit: int, way: str = "api") -> GotIncident:
        """Return an incident, what people did with it and the first *limit* requests in excess.

        *way* says in the record of a look at a classified one what is shown.
        """
        person.require(Action.READ_MONITORING)
        async with looking(self._database, person, incident_id, way, self._clock) as (connection, incident):
            return GotIncident(
                incident,
                await self._work(connection, person, incident),
                suggested(known_facts(incident.detail), load_catalogue()),
                await count_excess(connection, incident_id),
                await excess_of(connection, incident_id, limit),
            )

    async def _work(
        self, connection: AsyncConnection, person: Person, incident: store.StoredIncident
    ) -> Work:
        """Return what was done; a classified incident of the group is there for its nominees, as in a list."""
        work = await work_of(connection, incident.id, incident.group_id)
        classified = await classified_numbers(connection, person.name) if work.group else {}
        seen = [masked(member) for member in work.group if classified.get(member.id, True)]
        return msgspec.structs.replace(work, group=seen)

    async def find(self, person: Person, wanted: IncidentFilter, limit: int, skip: int = 0) -> FoundIncidents:
        """Return up to *limit* of the incidents that match after the first *skip*, the newest first."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            counted = await count_incidents(connection, wanted)
            found = await find_incidents(connection, wanted, limit, skip) if skip < counted.count else []
            return FoundIncidents(counted, [masked(incident) for incident in found])

    async def whole(self, person: Person, incident_id: int, limit: int, skip: int = 0) -> WholeIncident:
        """Return all of an incident, with up to *limit* requests in excess after the first *skip*."""
        person.require(Action.READ_MONITORING)
        async with looking(self._database, person, incident_id, "page", self._clock) as (
            connection,
            incident,
        ):
            facts = known_facts(incident.detail)
            return WholeIncident(
                incident=incident,
                facts=facts,
                work=await self._work(connection, person, incident),
                suggestion=suggested(facts, load_catalogue()),
                episodes=await episodes_of(connection, incident_id),
                excess_count=await count_excess(connection, incident_id),
                excess=await excess_of(connection, incident_id, limit, skip),
                records=await ends_of(connection, incident.subject, RECORDS)
                if person.may(Action.READ_AUDIT)
                else Ends([], 0),
            )

    async def excess_csv(self, person: Person, incident_id: int) -> AsyncIterator[bytes]:
        """Yield every request in excess as CSV (RFC 4180) with a header, in parts, by RequestID.

        Each part is a transaction of its own: a download may take long. Raises `NotFound` before the first,
        and `NotPermitted` at any where the incident is classified for others.
        """
        person.require(Action.READ_MONITORING)
        async with looking(self._database, person, incident_id, "excess.csv", self._clock) as (_, incident):
            pass
        column, value = (",Marking", f",{incident.marking}") if incident.marking else ("", "")
        yield f"RequestID,Class,ObservedAt{column}\r\n".encode()
        after: ExcessPlace | None = None
        while True:
            async with self._database.read() as connection:
                await require_nominee(connection, person, await store.get_incident(connection, incident_id))
                after, rows = await excess_after(connection, incident_id, after, EXCESS_AT_ONCE)
            if not rows:
                return
            yield _csv(rows, value.removeprefix(","))


def _csv(rows: list[ExcessRow], marking: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    more = (marking,) if marking else ()
    writer.writerows((row.request_id, row.communication_class, row.observed_at, *more) for row in rows)
    return text.getvalue().encode()
