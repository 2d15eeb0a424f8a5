"""What people did with candidate incidents: steps, notes, attachments, notifications, nominees and groups."""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import Column, ColumnElement, Label, Table, case, delete, exists, insert, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import inserted_id
from gateway.store.incident_schema import (
    incident_attachments,
    incident_groups,
    incident_nominees,
    incident_notes,
    incident_notifications,
    incident_steps,
)
from gateway.store.incidents import StoredIncident
from gateway.store.schema import episodes, incidents, outbox

DCC_QUARANTINE: Final = "dcc_quarantine"
GROUPED: Final = ("threshold", DCC_QUARANTINE)
"""Kinds of incidents that are put into one group by themselves: breaches, and what the DCC holds because of them."""

CLASSIFIED: Final = "classified"
"""The marking of an incident that its named nominees alone may see."""

not_classified: Final = incidents.c.marking != CLASSIFIED
"""The condition of an incident whose facts everybody may see who may see incidents."""


def unless_classified(number: Column[Any]) -> Label[int | None]:
    """Return a column with the number of an incident, null where that is classified: a link tells what it is about."""
    return case((is_classified(number), null()), else_=number).label(number.name)


def is_classified(number: Column[Any]) -> ColumnElement[bool]:
    """Hold where a column has the number of a classified incident."""
    return number.in_(select(incidents.c.id).where(incidents.c.marking == CLASSIFIED))


class Step(msgspec.Struct, frozen=True):
    """What was done to an incident, by whom, when and why."""

    done_at: int
    done_by: str
    action: str
    """As its audit record names it."""
    what: str
    state: str
    """Where the incident was in its life after it."""
    reason: str
    record: int
    """Number of its audit record."""


class Note(msgspec.Struct, frozen=True):
    """What somebody wrote down."""

    added_at: int
    added_by: str
    text: str
    record: int


class Attachment(msgspec.Struct, frozen=True):
    """A file that somebody added, without its bytes."""

    id: int
    added_at: int
    added_by: str
    name: str
    size: int
    sha256: str
    record: int


class Notification(msgspec.Struct, frozen=True):
    """Somebody outside was told of an incident, as a duty asks."""

    added_at: int
    added_by: str
    whom: str
    told_at: int
    reference: str
    record: int


class Member(msgspec.Struct, frozen=True):
    """Another incident of the same group."""

    id: int
    kind: str
    state: str
    level: str
    title: str
    opened_at: int
    marking: str


class Work(msgspec.Struct, frozen=True):
    """All that people did with one incident, oldest first."""

    steps: list[Step]
    notes: list[Note]
    attachments: list[Attachment]
    notifications: list[Notification]
    nominees: list[str]
    """Who may see it while it is `classified`."""
    group: list[Member]
    """The other incidents of its group."""
    reopened_as: list[int]
    """The incidents that take it up again."""


async def _add(connection: AsyncConnection, table: Table, incident_id: int, **values: Any) -> int:
    return inserted_id(await connection.execute(insert(table).values(incident_id=incident_id, **values)))


async def add_step(connection: AsyncConnection, incident_id: int, step: Step) -> None:
    """Keep a step."""
    await _add(connection, incident_steps, incident_id, **msgspec.structs.asdict(step))


async def add_note(connection: AsyncConnection, incident_id: int, note: Note) -> None:
    """Keep a note."""
    await _add(connection, incident_notes, incident_id, **msgspec.structs.asdict(note))


async def add_notification(connection: AsyncConnection, incident_id: int, told: Notification) -> None:
    """Keep that somebody outside was told."""
    await _add(connection, incident_notifications, incident_id, **msgspec.structs.asdict(told))


async def add_attachment(connection: AsyncConnection, incident_id: int, **values: Any) -> int:
    """Keep a file with its bytes; return its number."""
    return await _add(connection, incident_attachments, incident_id, **values)


async def has_attachment(connection: AsyncConnection, incident_id: int, sha256: str) -> bool:
    """Tell whether the incident has these bytes already."""
    table = incident_attachments.c
    query = select(exists().where(table.incident_id == incident_id, table.sha256 == sha256))
    return bool((await connection.execute(query)).scalar_one())


async def attachments_of(connection: AsyncConnection, incident_id: int) -> list[Attachment]:
    """Return the attachments of an incident, oldest first."""
    return await _rows(connection, incident_attachments, Attachment, incident_id)


async def attachment_content(connection: AsyncConnection, attachment_id: int) -> bytes:
    """Return the bytes of an attachment that is there."""
    query = select(incident_attachments.c.content).where(incident_attachments.c.id == attachment_id)
    return bytes((await connection.execute(query)).scalar_one())


async def _rows(connection: AsyncConnection, table: Table, kind: type[Any], incident_id: int) -> list[Any]:
    columns = [table.c[name] for name in kind.__struct_fields__]
    query = select(*columns).where(table.c.incident_id == incident_id).order_by(table.c.id)
    return [kind(*row) for row in await connection.execute(query)]


async def last_step(connection: AsyncConnection, incident_id: int) -> Step | None:
    """Return what was done last to an incident."""
    found = await _rows(connection, incident_steps, Step, incident_id)
    return found[-1] if found else None


async def nominees_of(connection: AsyncConnection, incident_id: int) -> list[str]:
    """Return who may see the incident while it is classified."""
    table = incident_nominees.c
    query = select(table.person).where(table.incident_id == incident_id).order_by(table.person)
    return list((await connection.execute(query)).scalars())


async def set_nominees(connection: AsyncConnection, incident_id: int, people: Collection[str]) -> None:
    """Let *people* alone see the incident while it is classified."""
    await connection.execute(delete(incident_nominees).where(incident_nominees.c.incident_id == incident_id))
    rows = [{"incident_id": incident_id, "person": person} for person in sorted(set(people))]
    if rows:
        await connection.execute(insert(incident_nominees), rows)


async def classified_numbers(connection: AsyncConnection, person: str) -> dict[int, bool]:
    """Return the incidents that are classified, and for each whether *person* is a nominee."""
    named = exists().where(
        incident_nominees.c.incident_id == incidents.c.id, incident_nominees.c.person == person
    )
    rows = await connection.execute(select(incidents.c.id, named).where(incidents.c.marking == CLASSIFIED))
    return {row[0]: bool(row[1]) for row in rows}


async def unsent_classified(connection: AsyncConnection) -> list[int]:
    """Return the classified incidents of which a channel has yet to take something, dead letters too."""
    unsent = select(outbox.c.incident_id).where(outbox.c.sent_at.is_(None))
    which = incidents.c.marking == CLASSIFIED, incidents.c.id.in_(unsent)
    return list((await connection.execute(select(incidents.c.id).where(*which))).scalars())


async def new_group(connection: AsyncConnection, now: int) -> int:
    """Make a group without members; return its number."""
    return inserted_id(await connection.execute(insert(incident_groups).values(made_at=now)))


async def group_members(connection: AsyncConnection, group_id: int) -> list[Member]:
    """Return the incidents of a group, oldest first."""
    columns = [incidents.c[name] for name in Member.__struct_fields__]
    query = select(*columns).where(incidents.c.group_id == group_id).order_by(incidents.c.id)
    return [Member(*row) for row in await connection.execute(query)]


async def find_related(
    connection: AsyncConnection, incident: StoredIncident, seconds: int
) -> tuple[int, int | None] | None:
    """Return the last other one of `GROUPED` of the same User ID within *seconds*, closed ones too, and its group.

    What the DCC holds belongs to a breach that began earlier too, if that lasted until then. A classified one is left
    out: a group would tell its User ID.
    """
    table = incidents.c
    first, last = incident.opened_at - seconds, incident.opened_at + seconds
    near: ColumnElement[bool] = table.opened_at.between(first, last)
    if incident.kind == DCC_QUARANTINE:
        lasted = or_(episodes.c.ended_at.is_(None), episodes.c.ended_at >= first)
        of_user = episodes.c.user_id == incident.user_id, episodes.c.opened_at <= last
        near = or_(near, table.id.in_(select(episodes.c.incident_id).where(*of_user, lasted)))
    own = table.user_id == incident.user_id, table.id != incident.id
    which = table.kind.in_(GROUPED), *own, near, not_classified
    query = select(table.id, table.group_id).where(*which).order_by(table.id.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def work_of(connection: AsyncConnection, incident_id: int, group_id: int | None) -> Work:
    """Return all that people did with an incident."""
    again = select(incidents.c.id).where(incidents.c.reopens == incident_id).order_by(incidents.c.id)
    members = [] if group_id is None else await group_members(connection, group_id)
    return Work(
        steps=await _rows(connection, incident_steps, Step, incident_id),
        notes=await _rows(connection, incident_notes, Note, incident_id),
        attachments=await attachments_of(connection, incident_id),
        notifications=await _rows(connection, incident_notifications, Notification, incident_id),
        nominees=await nominees_of(connection, incident_id),
        group=[member for member in members if member.id != incident_id],
        reopened_as=list((await connection.execute(again)).scalars()),
    )
