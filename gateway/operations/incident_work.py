"""What analysts decide of candidate incidents: each step is one transaction with its audit record and its alert."""

from collections.abc import Collection
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.alerts.candidate import Change
from gateway.alerts.classification import LICENCE, SEC
from gateway.errors import Conflict, InvalidInput
from gateway.life import FINDINGS, STEPS, IncidentState, may_step
from gateway.operations.files import required_reason
from gateway.operations.incident_desk import IncidentDesk, require_person
from gateway.operations.incident_texts import REFERENCE_LIMIT, one_line, plain, unknown_word
from gateway.store.incident_work import CLASSIFIED, last_step, nominees_of
from gateway.store.incidents import StoredIncident


class IncidentWork:
    """Steps of the life, assignment, ticket and classification."""

    def __init__(self, desk: IncidentDesk) -> None:
        self._desk = desk

    async def step(
        self, person: Person, number: int, to: IncidentState, reason: str, version: int | None = None
    ) -> StoredIncident:
        """Take an incident to another state of its life, with a reason.

        *version* is what the person saw; `Conflict` tells what somebody else did meanwhile.
        """
        acknowledges = to is IncidentState.ACKNOWLEDGED
        person.require(Action.ACKNOWLEDGE_INCIDENT if acknowledges else Action.WORK_ON_INCIDENT)
        reason = required_reason(reason)
        async with self._desk.changing(person, number, version) as (connection, incident):
            return await self._step(connection, person, incident, to, reason)

    async def close(
        self,
        person: Person,
        number: int,
        reason: str,
        finding: IncidentState | None = None,
        version: int | None = None,
    ) -> StoredIncident:
        """Close an incident; *finding* is what it was where nobody has said so yet: then two steps are done."""
        person.require(Action.WORK_ON_INCIDENT)
        reason = required_reason(reason)
        async with self._desk.changing(person, number, version) as (connection, incident):
            if finding is not None and finding is not incident.state:
                if finding not in FINDINGS:
                    raise unknown_word("finding", FINDINGS)
                found = await self._step(connection, person, incident, finding, reason)
                return await self._step(connection, person, found, IncidentState.CLOSED, reason)
            return await self._step(connection, person, incident, IncidentState.CLOSED, reason)

    async def _step(
        self,
        connection: AsyncConnection,
        person: Person,
        incident: StoredIncident,
        to: IncidentState,
        reason: str,
    ) -> StoredIncident:
        if not may_step(incident.state, to):
            raise await _not_now(connection, incident, to)
        now = self._desk.clock()
        if to is IncidentState.CLOSED:
            return await self._desk.candidates.close(
                connection, incident, by=person.name, reason=reason, now=now
            )
        values: dict[str, Any] = {"state": to, "finding": to if to in FINDINGS else None}
        change = Change(person.name, f"incident.{to}", plain(to), reason, values)
        return await self._desk.candidates.change(connection, incident, change, now)

    async def reopen(
        self, person: Person, number: int, reason: str, version: int | None = None
    ) -> StoredIncident:
        """Open another incident that takes a closed one up again."""
        person.require(Action.WORK_ON_INCIDENT)
        reason = required_reason(reason)
        async with self._desk.changing(person, number, version) as (connection, incident):
            now = self._desk.clock()
            return await self._desk.candidates.reopen(connection, incident, person.name, reason, now)

    async def assign(
        self, person: Person, number: int, to: str, version: int | None = None
    ) -> StoredIncident:
        """Say who works on it; nobody where *to* is empty."""
        person.require(Action.WORK_ON_INCIDENT)
        async with self._desk.changing(person, number, version) as (connection, incident):
            if to:
                await _require_worker(connection, incident, to)
            what = f"assigned to {to}" if to else "assigned to nobody"
            change = Change(
                person.name, "incident.assigned", what, "", {"assigned_to": to or None}, {"to": to}
            )
            return await self._desk.candidates.change(connection, _open(incident), change, self._desk.clock())

    async def ticket(
        self, person: Person, number: int, reference: str, version: int | None = None
    ) -> StoredIncident:
        """Keep under which reference another system has it; none where it is empty."""
        person.require(Action.WORK_ON_INCIDENT)
        reference = one_line(reference, "reference", REFERENCE_LIMIT, least=0)
        async with self._desk.changing(person, number, version) as (connection, incident):
            what = f"ticket {reference}" if reference else "no ticket"
            values, detail = {"ticket": reference or None}, {"reference": reference}
            change = Change(person.name, "incident.ticket", what, "", values, detail)
            return await self._desk.candidates.change(connection, incident, change, self._desk.clock())

    async def classify(
        self,
        person: Person,
        number: int,
        licence: Collection[str],
        sec: str,
        reason: str,
        version: int | None = None,
    ) -> StoredIncident:
        """Decide what it is in the words of the licence (letters, none for no Security Incident) and of the SEC."""
        person.require(Action.WORK_ON_INCIDENT)
        if not set(licence) <= set(LICENCE):
            raise unknown_word("licence", LICENCE)
        if sec not in SEC:
            raise unknown_word("sec", SEC)
        reason = required_reason(reason)
        letters = "".join(sorted(set(licence)))
        held = "(" + ") (".join(letters) + ")" if letters else "no Security Incident"
        async with self._desk.changing(person, number, version) as (connection, incident):
            values = {"licence": letters, "sec": sec}
            detail = {"licence": list(letters), "sec": sec}
            what = f"licence 46.6/40.6: {held}; SEC: {SEC[sec]}"
            change = Change(person.name, "incident.classification", what, reason, values, detail)
            return await self._desk.candidates.change(connection, incident, change, self._desk.clock())


async def _not_now(connection: AsyncConnection, incident: StoredIncident, to: IncidentState) -> Conflict:
    step = await last_step(connection, incident.id)
    by = f" by {step.done_by}" if step and step.state == incident.state else ""
    if not incident.is_open:
        msg = f"candidate incident {incident.id} is closed already{by or f' by {incident.closed_by}'}"
        return Conflict("incident_closed", msg, "Reopen it: another incident takes it up again.")
    next_ = ", ".join(plain(state) for state in STEPS[incident.state])
    msg = f"incident {incident.id} is {plain(incident.state)}{by} and cannot become {plain(to)}"
    remedy = "Say what it was found to be first, or with it." if to is IncidentState.CLOSED else ""
    return Conflict("incident_step", msg, remedy or f"From here it can become: {next_}.")


def _open(incident: StoredIncident) -> StoredIncident:
    if incident.is_open:
        return incident
    msg = f"candidate incident {incident.id} is closed"
    raise Conflict("incident_closed", msg, "Reopen it: another incident takes it up again.")


async def _require_worker(connection: AsyncConnection, incident: StoredIncident, name: str) -> None:
    await require_person(connection, name)
    if incident.marking == CLASSIFIED and name not in await nominees_of(connection, incident.id):
        msg = f"incident {incident.id} is classified, and {name} is none of its nominees"
        raise InvalidInput("person_unknown", msg, "Name them as a nominee first.")
