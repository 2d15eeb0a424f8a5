"""Candidate incidents, the episodes behind them and the requests in excess."""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, func, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Conflict, NotFound
from gateway.life import OPEN_STATES, IncidentState
from gateway.store.database import inserted_id
from gateway.store.incident_words import keep_words
from gateway.store.schema import incidents

is_open: Final = incidents.c.state != literal_column(f"'{IncidentState.CLOSED}'")
"""The condition of an incident that is not closed."""


def in_states(states: Collection[IncidentState]) -> ColumnElement[bool]:
    """Hold for incidents in one of *states*; for all open ones in the words of their index."""
    if set(states) == set(OPEN_STATES):
        return is_open
    return or_(*(incidents.c.state == state for state in states))


class StoredIncident(msgspec.Struct, frozen=True):
    """A candidate incident as kept."""

    id: int
    kind: str
    state: IncidentState
    level: str
    user_id: str
    title: str
    opened_at: int
    record: int
    """Number of the audit record that opened it."""
    detail: msgspec.Raw
    """JSON: what is known of it, by its kind."""
    closed_at: int | None
    closed_by: str | None
    reason: str | None
    superseded_by: int | None
    subject_key: str | None
    """What it is about: of one kind and subject one is open at the most. None where each is its own."""
    updated_at: int | None
    """When an update was last told."""
    tell_at: int | None
    """When what was kept since then is told; None where all has been."""
    version: int
    """Grows with each step of a person."""
    finding: IncidentState | None
    """What a person found it to be: one of `FINDINGS`; it stays when the incident is closed."""
    assigned_to: str | None
    ticket: str | None
    """Reference in another system."""
    marking: str
    """`confidential` or `classified`; empty for none."""
    reopens: int | None
    """The closed incident that this one takes up again."""
    group_id: int | None
    licence: str | None
    """Letters of the licence's Security Incident (46.6/40.6), such as `ac`; None where nobody has decided."""
    sec: str | None
    """`none`, `compromise` or `major`; None where nobody has decided."""

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return self.state is not IncidentState.CLOSED

    @property
    def subject(self) -> str:
        """How audit records name it."""
        return f"incident/{self.id}"


def _incident(row: Any) -> StoredIncident:
    values = dict(row._mapping)  # noqa: SLF001 - the public name of a row's values in SQLAlchemy
    values["state"] = IncidentState(values["state"])
    values["finding"] = IncidentState(values["finding"]) if values["finding"] else None
    values["detail"] = msgspec.Raw(bytes(values["detail"]))
    return StoredIncident(**values)


async def insert_incident(connection: AsyncConnection, **values: Any) -> int:
    """Open a candidate incident; return its number."""
    result = await connection.execute(insert(incidents).values(state=IncidentState.CANDIDATE, **values))
    number = inserted_id(result)
    await keep_words(connection, number)
    return number


async def update_incident(connection: AsyncConnection, incident_id: int, **values: Any) -> None:
    """Add what became known of an incident (its record, its detail) within the same transaction."""
    await connection.execute(update(incidents).where(incidents.c.id == incident_id).values(**values))
    if "title" in values:
        await keep_words(connection, incident_id)


async def get_incident(connection: AsyncConnection, incident_id: int) -> StoredIncident:
    """Return an incident or raise `NotFound`."""
    row = (await connection.execute(select(incidents).where(incidents.c.id == incident_id))).one_or_none()
    if row is None:
        msg = f"there is no candidate incident {incident_id}"
        raise NotFound("incident_unknown", msg, "List them: adt-gateway incidents")
    return _incident(row)


async def last_reopened(connection: AsyncConnection, incident_id: int) -> StoredIncident:
    """Return the last of the incidents that took this one up again; itself where none did."""
    incident = await get_incident(connection, incident_id)
    again = select(incidents.c.id).where(incidents.c.reopens == incident_id).limit(1)
    number = (await connection.execute(again)).scalar_one_or_none()
    return await last_reopened(connection, number) if number else incident


async def list_incidents(
    connection: AsyncConnection,
    states: Collection[IncidentState] = (),
    limit: int = 200,
    kind: str | None = None,
) -> list[StoredIncident]:
    """Return the newest incidents first; without *states* those in any."""
    found = select(incidents.c.id).order_by(incidents.c.id.desc()).limit(limit)
    if states:
        found = found.where(in_states(states))
    if kind is not None:
        found = found.where(incidents.c.kind == kind)
    chosen = incidents.c.id.in_(select(found.subquery().c.id))
    query = select(incidents).where(chosen).order_by(incidents.c.id.desc())
    return [_incident(row) for row in await connection.execute(query)]


async def find_open(connection: AsyncConnection, kind: str, subject_key: str) -> StoredIncident | None:
    """Return the open incident of this kind and subject."""
    which = (
        incidents.c.kind == kind,
        incidents.c.subject_key == subject_key,
        is_open,
    )
    row = (await connection.execute(select(incidents).where(*which))).one_or_none()
    return _incident(row) if row else None


async def of_subject(
    connection: AsyncConnection, kind: str, subject_key: str, limit: int = 100
) -> list[StoredIncident]:
    """Return the newest incidents of this kind and subject, open and closed."""
    which = incidents.c.kind == kind, incidents.c.subject_key == subject_key
    query = select(incidents).where(*which).order_by(incidents.c.id.desc()).limit(limit)
    return [_incident(row) for row in await connection.execute(query)]


async def open_with_subject(connection: AsyncConnection) -> list[StoredIncident]:
    """Return the open incidents to which what comes back would add."""
    which = is_open, incidents.c.subject_key.is_not(None)
    query = select(incidents).where(*which).order_by(incidents.c.id)
    return [_incident(row) for row in await connection.execute(query)]


async def due_to_be_told(connection: AsyncConnection, now: int, longest: int) -> list[StoredIncident]:
    """Return the open incidents of which something was kept that is to be told by *now*.

    A time that is more than *longest* seconds ahead is from a clock that was set back since; it has come.
    """
    time = incidents.c.tell_at
    which = is_open, or_(time <= now, time > now + longest)
    query = select(incidents).where(*which).order_by(incidents.c.id)
    return [_incident(row) for row in await connection.execute(query)]


async def count_open(connection: AsyncConnection) -> dict[str, int]:
    """Return how many incidents are open, by kind."""
    query = select(incidents.c.kind, func.count()).where(is_open)
    return {row[0]: row[1] for row in await connection.execute(query.group_by(incidents.c.kind))}


async def change_incident(
    connection: AsyncConnection, incident: StoredIncident, **values: Any
) -> StoredIncident:
    """Change an incident that is as it was read; raise `Conflict` where somebody was quicker."""
    unchanged = incidents.c.id == incident.id, incidents.c.version == incident.version
    changed = update(incidents).where(*unchanged).values(version=incident.version + 1, **values)
    if (await connection.execute(changed)).rowcount != 1:
        msg = f"candidate incident {incident.id} was changed meanwhile"
        raise Conflict("incident_changed", msg, f"Look at it: adt-gateway incidents show {incident.id}")
    if "reason" in values:
        await keep_words(connection, incident.id)
    return await get_incident(connection, incident.id)


async def close_incident(
    connection: AsyncConnection, incident: StoredIncident, *, by: str, reason: str, now: int, **values: Any
) -> StoredIncident:
    """Close an open incident; raise `Conflict` if it is closed already."""
    if not (await get_incident(connection, incident.id)).is_open:
        msg = f"candidate incident {incident.id} is closed already"
        raise Conflict("incident_closed", msg, f"Look at it: adt-gateway incidents show {incident.id}")
    closing = {"state": IncidentState.CLOSED, "closed_at": now, "closed_by": by, "reason": reason}
    return await change_incident(connection, incident, **closing | values)
