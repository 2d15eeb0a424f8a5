"""What people add to candidate incidents: notes, files and who was told. Nothing added is changed or removed."""

import hashlib

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.audit.record import Entry
from gateway.clock import to_text
from gateway.errors import Conflict, GatewayError, InvalidInput, NotFound, TooLarge
from gateway.operations.classified import looking
from gateway.operations.incident_desk import IncidentDesk
from gateway.operations.incident_texts import NAME_LIMIT, REFERENCE_LIMIT, file_name, lines, one_line
from gateway.section import IncidentSettings
from gateway.store.audit_log import append_record
from gateway.store.incident_work import (
    Attachment,
    Note,
    Notification,
    add_attachment,
    add_note,
    add_notification,
    attachment_content,
    attachments_of,
    has_attachment,
)
from gateway.store.incidents import StoredIncident


class Taken(msgspec.Struct, frozen=True):
    """A file of an incident with its bytes."""

    attachment: Attachment
    content: bytes


class IncidentPapers:
    """Notes, attachments and notifications."""

    def __init__(self, desk: IncidentDesk, settings: IncidentSettings) -> None:
        self._desk = desk
        self._settings = settings

    @property
    def attachment_bytes(self) -> int:
        """Size of an attachment at the most."""
        return self._settings.attachment_kilobytes * 1024

    async def note(self, person: Person, number: int, text: str) -> Note:
        """Add a note."""
        person.require(Action.ACKNOWLEDGE_INCIDENT)
        text = lines(text)
        async with self._desk.changing(person, number) as (connection, incident):
            now = self._desk.clock()
            entry = Entry(person.name, "incident.noted", incident.subject, {"text": text})
            record = await append_record(connection, entry, now)
            note = Note(int(now), person.name, text, record.number)
            await add_note(connection, incident.id, note)
            return note

    async def attach(self, person: Person, number: int, name: str, content: bytes) -> Attachment:
        """Add a file: its bytes are kept, its SHA-256 is on record."""
        person.require(Action.WORK_ON_INCIDENT)
        name = file_name(name)
        if not content:
            raise InvalidInput("attachment_empty", "the file is empty", "Choose another file.")
        if len(content) > self.attachment_bytes:
            msg = f"the file has {len(content)} bytes, the limit is {self.attachment_bytes}"
            raise TooLarge("too_large", msg, "Keep it elsewhere, and its SHA-256 and place in a note.")
        sha256 = hashlib.sha256(content).hexdigest()
        async with self._desk.changing(person, number) as (connection, incident):
            await self._require_room(connection, incident, sha256)
            now = self._desk.clock()
            detail = {"name": name, "size": len(content), "sha256": sha256}
            entry = Entry(person.name, "incident.attached", incident.subject, detail)
            record = await append_record(connection, entry, now)
            values = detail | {"added_at": int(now), "added_by": person.name, "record": record.number}
            attachment_id = await add_attachment(connection, incident.id, content=content, **values)
            return Attachment(attachment_id, int(now), person.name, name, len(content), sha256, record.number)

    async def _require_room(self, connection: AsyncConnection, incident: StoredIncident, sha256: str) -> None:
        if await has_attachment(connection, incident.id, sha256):
            raise Conflict("attachment_known", "the incident has a file with these bytes already", "")
        if len(await attachments_of(connection, incident.id)) >= self._settings.attachments:
            msg = f"the incident has {self._settings.attachments} attachments, more are not kept"
            raise Conflict("attachments_full", msg, "Keep it elsewhere, and its SHA-256 and place in a note.")

    async def take(self, person: Person, number: int, sha256: str) -> Taken:
        """Return an attachment with its bytes, found by its hash; raise `NotFound`."""
        person.require(Action.READ_MONITORING)
        way = await self._way(number, sha256)
        async with looking(self._desk.database, person, number, way, self._desk.clock) as (
            connection,
            incident,
        ):
            for attachment in await attachments_of(connection, incident.id):
                if attachment.sha256 == sha256:
                    content = await attachment_content(connection, attachment.id)
                    if hashlib.sha256(content).hexdigest() == sha256:
                        return Taken(attachment, content)
                    msg = f"the stored bytes of attachment {sha256} are not those that were added"
                    raise GatewayError("stored_bytes_changed", msg, "adt-gateway audit verify")
        raise NotFound("attachment_unknown", f"incident {number} has no attachment {sha256:.64}", "")

    async def _way(self, number: int, sha256: str) -> str:
        """Return what the record of a look says, which everybody reads: its number, as its hash may be known elsewhere."""
        async with self._desk.database.read() as connection:
            found = await attachments_of(connection, number)
        return next((f"attachment {each.id}" for each in found if each.sha256 == sha256), "attachment")

    async def notify(
        self, person: Person, number: int, whom: str, told_at: float, reference: str
    ) -> Notification:
        """Keep that somebody outside was told, as a duty asks: whom, when, and under which reference."""
        person.require(Action.WORK_ON_INCIDENT)
        whom = one_line(whom, "whom", NAME_LIMIT)
        reference = one_line(reference, "reference", REFERENCE_LIMIT, least=0)
        now = self._desk.clock()
        if not 0 < told_at <= now:
            msg = "the time of telling is none in the past"
            raise InvalidInput("told_at_wrong", msg, "Say when they were told, in UTC.")
        async with self._desk.changing(person, number) as (connection, incident):
            detail = {"whom": whom, "told_at": to_text(told_at), "reference": reference}
            entry = Entry(person.name, "incident.notified", incident.subject, detail)
            record = await append_record(connection, entry, now)
            told = Notification(int(now), person.name, whom, int(told_at), reference, record.number)
            await add_notification(connection, incident.id, told)
            return told
