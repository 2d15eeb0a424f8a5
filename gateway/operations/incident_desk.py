"""Where a person's change of an incident begins: in a transaction, with the incident as it is now."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.alerts.candidate import Candidates
from gateway.clock import Clock, to_text
from gateway.errors import Conflict, InvalidInput
from gateway.operations.classified import require_nominee
from gateway.store.database import Database
from gateway.store.incident_work import last_step
from gateway.store.incidents import StoredIncident, get_incident
from gateway.store.people import PersonRow, find_person


class IncidentDesk:
    """The store and the one way of changes, for everything that people do with incidents."""

    def __init__(self, database: Database, candidates: Candidates, clock: Clock) -> None:
        self.database = database
        self.candidates = candidates
        self.clock = clock

    @asynccontextmanager
    async def changing(
        self, person: Person, number: int, version: int | None = None
    ) -> AsyncIterator[tuple[AsyncConnection, StoredIncident]]:
        """Give the incident as it is now, in a transaction; raise `Conflict` where *version* is an older one."""
        async with self.database.write() as connection:
            incident = await get_incident(connection, number)
            await require_nominee(connection, person, incident)
            if version is not None and version != incident.version:
                raise await _changed(connection, incident)
            yield connection, incident
        self.candidates.ring()


async def _changed(connection: AsyncConnection, incident: StoredIncident) -> Conflict:
    """Return what somebody is told who decides on what is no longer so."""
    step = await last_step(connection, incident.id)
    done = f": {step.done_by}, {to_text(step.done_at)[:19]}Z: {step.what}" if step else ""
    why = f" ({step.reason})" if step and step.reason else ""
    msg = f"incident {incident.id} was changed meanwhile{done}{why}"
    return Conflict("incident_changed", msg, "Nothing was done. Look at it again, then decide.")


async def require_person(connection: AsyncConnection, name: str) -> None:
    """Raise `InvalidInput` unless somebody of this name has access and may look at incidents."""
    found = await find_person(connection, name)
    if found is None or found.disabled_at is not None or not _can_read(found):
        msg = f"nobody of the name {name:.64} may look at incidents"
        raise InvalidInput("person_unknown", msg, "Name people with access, each as they sign in.")


def _can_read(found: PersonRow) -> bool:
    return Person(found.name, frozenset(found.roles)).may(Action.READ_MONITORING)
