"""People who work on incidents in a store, without a daemon."""

from typing import Any, Final

import msgspec
from sqlalchemy import select

from gateway.access import Person, Role
from gateway.alerts.candidate import Candidate, Candidates
from gateway.alerts.facts import BreachFacts, Facts, QueueFull, SetBy, ThresholdFacts
from gateway.alerts.message import Alert, decode
from gateway.operations.audit_search import AuditSearch
from gateway.operations.incident_parts import IncidentParts, incident_parts
from gateway.operations.incidents import Incidents
from gateway.section import IncidentSettings
from gateway.store.database import Database
from gateway.store.incidents import StoredIncident, get_incident
from gateway.store.people import insert_person
from gateway.store.schema import outbox
from tests.support.rows import ANN

NOW: Final = 1_800_000_000.0


def person(name: str, *roles: Role) -> Person:
    return Person(name, frozenset(roles))


ANA: Final = person("ana", Role.ANALYST)
ZOE: Final = person("zoe", Role.ANALYST)
OLGA: Final = person("olga", Role.OPERATOR)
ADA: Final = person("ada", Role.ADMIN)
ADAM: Final = person("adam", Role.AUDITOR)
EVERYBODY: Final = (ANA, ZOE, OLGA, ADA, ADAM)


def breach_facts() -> BreachFacts:
    """Return what is known of a breach of 7.2."""
    set_by = SetBy(1, "adt.csv", "0" * 64, 2, "alice", "bob", "2027-01-15T07:00:00.000Z", 3)
    service = "SPC", "7.2", "Disable Supply"
    threshold = ThresholdFacts(ANN, *service, "PT1H", "rolling", 80, 100, is_exception=False, set_by=set_by)
    moment = "2027-01-15T08:00:00.000Z"
    return BreachFacts("warning", 80, 81, moment, moment, moment, threshold, "", None)


def queue_facts() -> QueueFull:
    """Return what is known of a full queue."""
    return QueueFull("warning", "queue", "2027-01-15T08:00:00.000Z", None, 1, "full", {})


class Office:
    """A store with people and all that they use to work on incidents; `now` is set by the test."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.now = NOW
        self.candidates = Candidates("test", ("file", "secret"), lambda: None, cleared={"secret"})
        self.parts: IncidentParts = incident_parts(
            database, self.candidates, IncidentSettings(**settings), self.clock
        )
        self.work, self.papers, self.marking = self.parts
        self.incidents = Incidents(database, self.clock)
        self.audit = AuditSearch(database, self.clock)

    def clock(self) -> float:
        return self.now

    async def staffed(self) -> "Office":
        """Let everybody in."""
        async with self.database.write() as connection:
            for each in EVERYBODY:
                await insert_person(connection, each.name, tuple(each.roles), self.now)
            await insert_person(connection, "machine", (Role.ADAPTOR,), self.now)
        return self

    async def breach(self, opened: float = NOW, user: str = ANN, **more: Any) -> StoredIncident:
        """Open the incident of a breach."""
        return await self.open(breach_facts(), "breach", opened, user, **more)

    async def open(
        self, facts: Facts, title: str, opened: float = NOW, user: str = "", **more: Any
    ) -> StoredIncident:
        """Open an incident."""
        async with self.database.write() as connection:
            candidate = Candidate(facts, title, opened, user, **more)
            number = await self.candidates.open(connection, candidate, self.now)
            return await get_incident(connection, number)

    async def alerts(self, channel: str) -> list[Alert]:
        """Return what waits for a channel, in order."""
        async with self.database.read() as connection:
            query = select(outbox.c.message).where(outbox.c.channel == channel).order_by(outbox.c.id)
            return [decode(message) for message in (await connection.execute(query)).scalars()]

    async def records(self, subject: str = "") -> list[dict[str, Any]]:
        """Return what is on record."""
        found = await self.audit.page(person("test", Role.AUDITOR), 0, 1000)
        contents = [msgspec.json.decode(record.body) for record in found if record.body]
        return [content for content in contents if content["subject"].startswith(subject)]
