"""Incidents marked `classified`: their named nominees alone see what is known of them, and every look is on record.

Whoever shows an incident, or a part of it, asks here: no role opens a classified one, not even admin or auditor.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Person
from gateway.audit.record import AuditRecord, Entry
from gateway.clock import Clock
from gateway.errors import NotPermitted
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.incident_evidence import OtherIncident
from gateway.store.incident_list import ListedIncident
from gateway.store.incident_work import CLASSIFIED, Member, classified_numbers, nominees_of
from gateway.store.incidents import StoredIncident, get_incident

log = structlog.get_logger(__name__)

LOOKED: Final = "incident.looked_at"
"""The action of the audit record of a look."""

_LOOK: Final = b'{"action":"' + LOOKED.encode() + b'"'
_SUBJECT: Final = b',"subject":"incident/%d"}'
"""How canonical JSON of a record begins and ends: its keys stand in order."""

Shown = TypeVar("Shown", ListedIncident, Member, OtherIncident)


async def require_nominee(connection: AsyncConnection, person: Person, incident: StoredIncident) -> None:
    """Raise `NotPermitted` where the incident is classified and *person* is none of its nominees."""
    if incident.marking != CLASSIFIED or person.name in await nominees_of(connection, incident.id):
        return
    log.warning("classified_refused", incident=incident.id, person=person.name)
    msg = f"candidate incident {incident.id} is classified, and {person.name} is none of its nominees"
    raise NotPermitted("incident_classified", msg, "Whoever marked it says who is.")


@asynccontextmanager
async def looking(
    database: Database, person: Person, incident_id: int, way: str, clock: Clock
) -> AsyncIterator[tuple[AsyncConnection, StoredIncident]]:
    """Give an incident and a transaction to read more of it; a look at a classified one is on record before.

    *way* says what is shown: `page`, `api`, `excess.csv`. Raises `NotFound`, or `NotPermitted` for others
    than nominees.
    """
    async with database.read() as connection:
        incident = await get_incident(connection, incident_id)
        if incident.marking != CLASSIFIED:
            yield connection, incident
            return
    async with database.write() as connection:
        incident = await get_incident(connection, incident_id)
        await require_nominee(connection, person, incident)
        await _record_look(connection, person, incident_id, way, clock)
    async with database.read() as connection:
        yield connection, await get_incident(connection, incident_id)


async def _record_look(
    connection: AsyncConnection, person: Person, incident_id: int, way: str, clock: Clock
) -> None:
    entry = Entry(person.name, LOOKED, f"incident/{incident_id}", {"way": way})
    await append_record(connection, entry, clock())


def masked(row: Shown) -> Shown:
    """Return a row of a list without the facts of a classified incident: for everybody, who may look opens it."""
    if row.marking != CLASSIFIED:
        return row
    hidden = {
        "level": "",
        "title": CLASSIFIED,
        "user_id": "",
        "closed_by": None,
        "superseded_by": None,
        "group_id": None,
        "detail": msgspec.Raw(b"null"),
    }
    known = {name: value for name, value in hidden.items() if name in row.__struct_fields__}
    return msgspec.structs.replace(row, **known)


def masked_whole(incident: StoredIncident) -> StoredIncident:
    """Return an incident of a list without the facts of a classified one."""
    if incident.marking != CLASSIFIED:
        return incident
    return msgspec.structs.replace(
        incident,
        level="",
        user_id="",
        title=CLASSIFIED,
        detail=msgspec.Raw(b"null"),
        closed_by=None,
        reason=None,
        superseded_by=None,
        subject_key=None,
        finding=None,
        assigned_to=None,
        ticket=None,
        group_id=None,
        reopens=None,
        licence=None,
        sec=None,
    )


def _about(record: AuditRecord, number: int) -> bool:
    return record.body.endswith(_SUBJECT % number) and not record.body.startswith(_LOOK)


async def permitted_records(
    database: Database, person: Person, records: list[AuditRecord], clock: Clock, *, whole: bool
) -> list[AuditRecord]:
    """Return *records* as *person* may see them: those about classified incidents of others without their bytes.

    Where they are shown *whole* to a nominee, that look is on record before. Records of looks say nothing of the
    incident: everybody sees them.
    """
    async with database.read() as connection:
        classified = await classified_numbers(connection, person.name)
    if not classified:
        return records
    about = {number for number in classified if any(_about(record, number) for record in records)}
    if looked := [number for number in sorted(about) if whole and classified[number]]:
        async with database.write() as connection:
            for number in looked:
                await require_nominee(connection, person, await get_incident(connection, number))
                await _record_look(connection, person, number, "audit", clock)
    return list(_withheld(records, [number for number in about if not classified[number]]))


def _withheld(records: Iterable[AuditRecord], numbers: list[int]) -> Iterable[AuditRecord]:
    for record in records:
        hidden = any(_about(record, number) for number in numbers)
        yield AuditRecord(record.number, b"", record.hash, withheld=True) if hidden else record
