"""What a person reads of an ADT file before deciding: what it changes, what it covers, who did what."""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.audit.record import Content
from gateway.operations.rules import FileRules, Rulebook
from gateway.store.adt_files import FileState, StoredFile, get_file, get_part, newest_in_force
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from gateway.store.thresholds import row_place, thresholds_before, thresholds_in_force
from thresholds.adt_file import AdtCheck
from thresholds.coverage import Coverage, coverage
from thresholds.difference import ChangeKind, Difference, difference
from thresholds.model import Threshold, UserId
from thresholds.profile import Replaces

SETTLED: Final = frozenset({FileState.IN_FORCE, FileState.SUPERSEDED})
"""States in which a file is compared with what it replaced, not with what is in force now."""

RECORDS: Final = 1000
"""Audit records of one file that are read."""

_decode_record = msgspec.json.Decoder(Content).decode


class Review(msgspec.Struct, frozen=True):
    """One file and all that is said of it."""

    file: StoredFile
    check: AdtCheck
    """By the profile it was submitted under and the User IDs of now; its thresholds are empty where it fails."""
    difference: Difference
    """To what is in force now, or to what was before this file came into force."""
    coverage: tuple[Coverage, ...]
    """Of the User IDs that it names, once it is in force."""
    records: tuple[Content, ...]
    """The audit records of the file, in order."""
    in_force: int
    """The audit record of what came into force last: another one means that the difference is another."""

    def count(self, kind: ChangeKind) -> int:
        """Return how many changes are of this kind."""
        return sum(change.kind is kind for change in self.difference.changes)

    @property
    def signing_error(self) -> Content | None:
        """Why the token did not sign the file the last time, while that still holds."""
        last = next((r for r in reversed(self.records) if r.action.startswith("adt_file.sign")), None)
        failed = last is not None and last.action == "adt_file.signing_failed"
        return last if failed and self.file.state is FileState.APPROVED else None


class Reviews:
    """Reads files for review, one at a time: the largest takes a thread for seconds."""

    def __init__(self, database: Database, rules: Rulebook) -> None:
        self._database = database
        self._rules = rules
        self._lock = asyncio.Lock()

    async def read(self, person: Person, file_id: int) -> Review:
        """Return all that is said of a file; raise `NotFound` where there is none."""
        person.require(Action.READ_FILES)
        async with self._lock:
            file, content, before, newest = await self._read(file_id)
            rules = self._rules.of(file.profile)
            found = await asyncio.to_thread(_judge, file, content, before, rules)
            records = await read_records(self._database, limit=RECORDS, subject=file.subject)
            return Review(file, *found, tuple(_decode_record(record.body) for record in records), newest)

    async def _read(self, file_id: int) -> tuple[StoredFile, bytes, tuple[Threshold, ...], int]:
        async with self._database.read() as connection:
            file = await get_file(connection, file_id)
            content = await get_part(connection, file_id, "content") or b""
            newest = await newest_in_force(connection)
            if file.state in SETTLED and file.in_force_at is not None:
                before = await thresholds_before(connection, file_id, file.in_force_at)
            else:
                before = await thresholds_in_force(connection)
        return file, content, before, newest


def _judge(
    file: StoredFile, content: bytes, before: tuple[Threshold, ...], rules: FileRules
) -> tuple[AdtCheck, Difference, tuple[Coverage, ...]]:
    check = rules.check(file.name, content, file.submitted_at)
    changes = difference(before, check.thresholds, rules.profile.replaces)
    after = after_this(before, check.thresholds, rules.profile.replaces)
    named = dict.fromkeys(threshold.user_id for threshold in check.thresholds)
    users: Mapping[UserId, frozenset[str]] = {
        user: rules.service_users.get(user, frozenset()) for user in named
    }
    return check, changes, coverage(after, users, rules.catalogue)


def after_this(
    before: tuple[Threshold, ...], own: tuple[Threshold, ...], replaces: Replaces
) -> tuple[Threshold, ...]:
    """Return what is in force once a file with the rows *own* is."""
    if replaces is Replaces.USER_ID:
        users = {threshold.user_id for threshold in own}
        return (*(row for row in before if row.user_id not in users), *own)
    places = {row_place(row) for row in own}
    return (*(row for row in before if row_place(row) not in places), *own)
