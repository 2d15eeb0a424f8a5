"""Marking and grouping of candidate incidents by people."""

from collections.abc import Collection
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.alerts.candidate import Change
from gateway.alerts.classification import MARKINGS
from gateway.errors import Conflict, InvalidInput
from gateway.operations.classified import require_nominee
from gateway.operations.files import required_reason
from gateway.operations.incident_desk import IncidentDesk, require_person
from gateway.operations.incident_texts import unknown_word
from gateway.store.incident_work import (
    CLASSIFIED,
    classified_numbers,
    group_members,
    new_group,
    set_nominees,
)
from gateway.store.incidents import StoredIncident, get_incident

NOMINEES: Final = 50
"""Of one incident at the most."""


class IncidentMarking:
    """Who may see an incident, and with which others it belongs together."""

    def __init__(self, desk: IncidentDesk) -> None:
        self._desk = desk

    async def mark(
        self,
        person: Person,
        number: int,
        marking: str,
        nominees: Collection[str],
        reason: str,
        version: int | None = None,
    ) -> StoredIncident:
        """Set the marking; `classified` names who may see it from now on, and whoever marks is one of them."""
        person.require(Action.WORK_ON_INCIDENT)
        if marking not in MARKINGS:
            raise unknown_word("marking", MARKINGS)
        reason = required_reason(reason)
        named = sorted({*nominees, person.name}) if marking == CLASSIFIED else []
        if len(named) > NOMINEES:
            raise InvalidInput("nominees_too_many", f"more than {NOMINEES} nominees", "Name fewer people.")
        async with self._desk.changing(person, number, version) as (connection, incident):
            for name in named:
                await require_person(connection, name)
            await set_nominees(connection, incident.id, named)
            what = f"marked {marking}" if marking else "marking taken away"
            what += f", nominees: {', '.join(named)}" if named else ""
            detail = {"marking": marking, "before": incident.marking, "nominees": named}
            change = Change(person.name, "incident.marked", what, reason, {"marking": marking}, detail)
            return await self._desk.candidates.change(connection, incident, change, self._desk.clock())

    async def merge(
        self, person: Person, number: int, other: int, reason: str, version: int | None = None
    ) -> StoredIncident:
        """Put an incident, and all of its group, into the group of another; what is classified for others stays."""
        person.require(Action.WORK_ON_INCIDENT)
        reason = required_reason(reason)
        if number == other:
            raise InvalidInput("merge_with_itself", "an incident is no group of two", "Name another one.")
        async with self._desk.changing(person, number, version) as (connection, incident):
            target = await get_incident(connection, other)
            await require_nominee(connection, person, target)
            if incident.group_id is not None and incident.group_id == target.group_id:
                msg = f"incidents {number} and {other} are in one group already"
                raise Conflict("merged_already", msg, "")
            moved = [incident.id]
            if incident.group_id is not None:
                members = await group_members(connection, incident.group_id)
                classified = await classified_numbers(connection, person.name)
                moved = [member.id for member in members if classified.get(member.id, True)]
            group = target.group_id
            if group is None:
                group = await new_group(connection, int(self._desk.clock()))
                moved.append(target.id)
            for each in moved:
                what = f"put into group {group} with incident {other if each != other else number}"
                await self._move(connection, person, each, group, "incident.merged", what, reason)
            return await get_incident(connection, number)

    async def split(
        self, person: Person, number: int, reason: str, version: int | None = None
    ) -> StoredIncident:
        """Take an incident out of its group; it keeps all of its own."""
        person.require(Action.WORK_ON_INCIDENT)
        reason = required_reason(reason)
        async with self._desk.changing(person, number, version) as (connection, incident):
            if incident.group_id is None:
                msg = f"incident {number} is in no group"
                raise Conflict("not_grouped", msg, "")
            what = f"taken out of group {incident.group_id}"
            await self._move(connection, person, number, None, "incident.split", what, reason)
            return await get_incident(connection, number)

    async def _move(
        self,
        connection: AsyncConnection,
        person: Person,
        number: int,
        group: int | None,
        action: str,
        what: str,
        reason: str,
    ) -> None:
        incident = await get_incident(connection, number)
        values, detail = {"group_id": group}, {"group": group, "before": incident.group_id}
        change = Change(person.name, action, what, reason, values, detail)
        await self._desk.candidates.change(connection, incident, change, self._desk.clock())
