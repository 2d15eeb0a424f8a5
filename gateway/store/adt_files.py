"""Signed files as kept, of every kind: their bytes, their state and what each step added."""

import enum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, false, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.signed_file import FileKind
from gateway.errors import Conflict, NotFound
from gateway.store.database import inserted_id
from gateway.store.decision_rows import follow_file
from gateway.store.people import of_another_directory
from gateway.store.schema import adt_files


class FileState(enum.StrEnum):
    """Where a file is in its life."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    SIGNED = "signed"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    IN_FORCE = "in force"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class StoredFile(msgspec.Struct, frozen=True):
    """Everything about a file but its bytes, its signature and its receipt."""

    id: int
    name: str
    profile: str
    sha256: str
    row_count: int
    effective_from: int
    state: FileState
    submitted_by: str
    submitted_at: int
    approved_by: str | None
    approved_at: int | None
    approval_record: int | None
    approval_evidence_sha256: str | None
    """SHA-256 of what a passkey gave at the approval."""
    signature_name: str | None
    signed_at: int | None
    delivered_at: int | None
    acknowledged_at: int | None
    acknowledgement: str | None
    """What the DCC answered."""
    in_force_at: int | None
    in_force_record: int | None
    superseded_at: int | None
    reason: str | None
    profile_sha256: str | None
    """Of the text of the profile that it was submitted under; None for files of before those were kept."""
    kind: FileKind = FileKind.ADT

    @property
    def subject(self) -> str:
        """How audit records name it."""
        return self.kind.subject(self.id)

    @property
    def called(self) -> str:
        """How people call it."""
        return self.kind.called(self.id)

    @property
    def look(self) -> str:
        """The command that shows it."""
        return self.kind.look(self.id)


_COLUMNS = [adt_files.c[name] for name in StoredFile.__struct_fields__]


def _file(row: Any) -> StoredFile:
    return msgspec.structs.replace(StoredFile(*row), state=FileState(row.state), kind=FileKind(row.kind))


async def insert_file(connection: AsyncConnection, **values: Any) -> int:
    """Add a submitted file; return its number."""
    result = await connection.execute(insert(adt_files).values(state=FileState.SUBMITTED, **values))
    return inserted_id(result)


async def get_file(connection: AsyncConnection, file_id: int) -> StoredFile:
    """Return a file or raise `NotFound`."""
    row = (await connection.execute(select(*_COLUMNS).where(adt_files.c.id == file_id))).one_or_none()
    if row is None:
        raise NotFound("adt_file_unknown", f"there is no ADT file {file_id}", "List them: adt-gateway files")
    return _file(row)


ADT = adt_files.c.kind == FileKind.ADT
"""Whether a file sets thresholds: what is listed and counted for people are those; others have lists of their own."""


async def list_files(
    connection: AsyncConnection, *states: FileState, kind: FileKind | None = None
) -> list[StoredFile]:
    """Return the files in *states* (all of them without) and of *kind* (every one without), newest first."""
    query = select(*_COLUMNS).order_by(adt_files.c.id.desc())
    if kind is not None:
        query = query.where(adt_files.c.kind == kind)
    if states:
        query = query.where(adt_files.c.state.in_(states))
    return [_file(row) for row in await connection.execute(query)]


def _of_others(name: str) -> ColumnElement[bool]:
    """Return the condition that the person called *name* is a second person for a file."""
    submitter = adt_files.c.submitted_by
    return and_(submitter != name, submitter.not_in(of_another_directory(name)))


class Waiting(msgspec.Struct, frozen=True):
    """Which ADT files wait for a person: those of others to approve, delivered ones to acknowledge."""

    approver: str | None
    """The person's name, where they may approve."""
    acknowledges: bool

    def condition(self) -> ColumnElement[bool]:
        """Return it as a condition of a query."""
        found: list[ColumnElement[bool]] = [false()]
        if self.approver is not None:
            found.append(and_(adt_files.c.state == FileState.SUBMITTED, _of_others(self.approver)))
        if self.acknowledges:
            found.append(adt_files.c.state == FileState.DELIVERED)
        return and_(ADT, or_(*found))


async def page_of_files(
    connection: AsyncConnection, wanted: FileState | Waiting | None, offset: int, limit: int
) -> list[StoredFile]:
    """Return ADT files in a state, those that wait for somebody, or all; newest first."""
    query = select(*_COLUMNS).where(ADT).order_by(adt_files.c.id.desc()).offset(offset).limit(limit)
    if isinstance(wanted, Waiting):
        query = query.where(wanted.condition())
    elif wanted is not None:
        query = query.where(adt_files.c.state == wanted)
    return [_file(row) for row in await connection.execute(query)]


async def count_waiting(connection: AsyncConnection, waiting: Waiting) -> int:
    """Return how many files wait for somebody."""
    query = select(func.count()).select_from(adt_files).where(waiting.condition())
    return int((await connection.execute(query)).scalar_one())


async def newest_in_force(connection: AsyncConnection) -> int:
    """Return the audit record of the file that came into force last; 0 where none ever did.

    While it stays the same, so do the thresholds in force.
    """
    query = select(func.max(adt_files.c.in_force_record))
    return int((await connection.execute(query)).scalar_one() or 0)


async def count_files(connection: AsyncConnection, kind: FileKind | None = FileKind.ADT) -> dict[str, int]:
    """Return how many files of *kind*, or of every one, there are, by state."""
    query = select(adt_files.c.state, func.count()).group_by(adt_files.c.state)
    query = query if kind is None else query.where(adt_files.c.kind == kind)
    return {row[0]: row[1] for row in await connection.execute(query)}


async def count_files_of_others(connection: AsyncConnection, state: FileState, name: str) -> int:
    """Return for how many ADT files in *state* the person called *name* is a second person."""
    which = ADT, adt_files.c.state == state, _of_others(name)
    query = select(func.count()).select_from(adt_files).where(*which)
    return int((await connection.execute(query)).scalar_one())


async def last_signature(connection: AsyncConnection) -> tuple[int, int | None]:
    """Return how many files were signed, and when the last was."""
    query = select(func.count(), func.max(adt_files.c.signed_at)).where(adt_files.c.signed_at.is_not(None))
    row = (await connection.execute(query)).one()
    return int(row[0]), row[1]


DROPPED = (FileState.REJECTED, FileState.WITHDRAWN, FileState.FAILED)
"""States of files that the DCC will never get."""

LIVE = (
    FileState.SUBMITTED,
    FileState.APPROVED,
    FileState.SIGNED,
    FileState.DELIVERED,
    FileState.ACKNOWLEDGED,
    FileState.IN_FORCE,
)
"""States of files that are on their way or in force."""


async def find_live_copy(connection: AsyncConnection, sha256: str) -> StoredFile | None:
    """Return a live file with the same bytes."""
    query = select(*_COLUMNS).where(adt_files.c.sha256 == sha256, adt_files.c.state.in_(LIVE)).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return _file(row) if row else None


async def last_number(connection: AsyncConnection) -> int:
    """Return the number of the newest file; 0 where there is none."""
    return int((await connection.execute(select(func.max(adt_files.c.id)))).scalar_one() or 0)


async def find_submitted(
    connection: AsyncConnection, after: int, name: str, sha256: str, person: str
) -> StoredFile | None:
    """Return the file with a number above *after* that *person* submitted with this name and these bytes."""
    columns = adt_files.c
    same = columns.name == name, columns.sha256 == sha256, columns.submitted_by == person
    query = select(*_COLUMNS).where(columns.id > after, *same).order_by(columns.id).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return _file(row) if row else None


async def get_part(connection: AsyncConnection, file_id: int, part: str) -> bytes | None:
    """Return the `content`, the `signature`, the `receipt` or the `approval_evidence` of a file."""
    query = select(adt_files.c[part]).where(adt_files.c.id == file_id)
    data = (await connection.execute(query)).scalar_one_or_none()
    return None if data is None else bytes(data)


async def move_file(
    connection: AsyncConnection, file: StoredFile, to: FileState, **values: Any
) -> StoredFile:
    """Move *file* from the state it was read in to another; raise `Conflict` if it has moved since.

    Requests on which an Exit Quarantine file decides follow it in the same transaction.
    """
    result = await connection.execute(
        update(adt_files)
        .where(adt_files.c.id == file.id, adt_files.c.state == file.state)
        .values(state=to, **values)
    )
    if result.rowcount != 1:
        msg = f"{file.called} is no longer {file.state}: somebody was faster"
        raise Conflict("adt_file_moved", msg, f"Look at it again: {file.look}")
    if file.kind is FileKind.EXIT_QUARANTINE:
        await follow_file(connection, file.id, dropped=to in DROPPED, delivered=to is FileState.DELIVERED)
    return await get_file(connection, file.id)
