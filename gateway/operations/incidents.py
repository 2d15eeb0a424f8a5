"""What analysts do with candidate incidents."""

from gateway.access import Action, Person
from gateway.alerts.candidate import Candidates
from gateway.clock import Clock
from gateway.operations.files import required_reason
from gateway.store import incidents as store
from gateway.store.database import Database
from gateway.store.episodes import ExcessRow, count_excess, excess_of


class Incidents:
    """Reads and closes candidate incidents."""

    def __init__(self, database: Database, candidates: Candidates, clock: Clock) -> None:
        self._database = database
        self._candidates = candidates
        self._clock = clock

    async def newest(
        self, person: Person, state: store.IncidentState | None, limit: int, kind: str | None = None
    ) -> list[store.StoredIncident]:
        """Return the newest incidents first: all, or those of one state or kind."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            return await store.list_incidents(connection, state, limit, kind)

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
