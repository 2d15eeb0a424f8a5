"""What a person reads of an ADT file before deciding: what it changes, what it covers, who did what."""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.audit.record import AuditRecord, Content
from gateway.operations.profiles import ProfileLost, rules_of
from gateway.operations.rules import FileRules, Rulebook
from gateway.operations.signing import SigningError, last_signing_error
from gateway.operations.turns import Turns
from gateway.store.adt_files import FileState, StoredFile, get_file, get_part, newest_in_force
from gateway.store.audit_log import ends_of
from gateway.store.database import Database
from gateway.store.thresholds import row_place, thresholds_before, thresholds_in_force
from thresholds.coverage import Coverage, coverage
from thresholds.difference import ChangeKind, Difference, difference
from thresholds.faults import Complaint, Fault, at
from thresholds.model import Threshold, UserId
from thresholds.profile import Replaces

SETTLED: Final = frozenset({FileState.IN_FORCE, FileState.SUPERSEDED})
"""States in which a file is compared with what it replaced, not with what is in force now."""

RECORDS: Final = 1000
"""Audit records of one file that are read: the first half of them and the newest half."""

_decode_record = msgspec.json.Decoder(Content).decode


class Review(msgspec.Struct, frozen=True):
    """One file and all that is said of it."""

    file: StoredFile
    faults: tuple[Fault, ...]
    """Why its rows cannot be read now (its profile and the User IDs of now); then nothing is said of them."""
    warnings: tuple[Fault, ...]
    warning_count: int
    difference: Difference
    """To what is in force now, or to what was before this file came into force."""
    coverage: tuple[Coverage, ...]
    """Of the User IDs that it names, once it is in force."""
    records: tuple[Content | None, ...]
    """The audit records of the file, in order; None for one that somebody changed so that it says nothing."""
    left_out: int
    """How many more it has, between the first half of those and the last."""
    signing_error: SigningError | None
    """Why the token did not sign it the last time, while it waits for that."""
    in_force: int
    """The audit record of what came into force last: another one means that the difference is another."""

    def count(self, kind: ChangeKind) -> int:
        """Return how many changes are of this kind."""
        return sum(change.kind is kind for change in self.difference.changes)


class Reviews:
    """Reads files for review, one at a time and people in turn: the largest takes a thread for seconds."""

    def __init__(self, database: Database, rules: Rulebook) -> None:
        self._database = database
        self._rules = rules
        self._turns = Turns("reviews_busy", "files")

    async def read(self, person: Person, file_id: int) -> Review:
        """Return all that is said of a file.

        Raises `NotFound` where there is none, and `TooMany` where this person, or all, ask for too many at once.
        """
        person.require(Action.READ_FILES)
        async with self._turns.of(person.name):
            return await self._read(file_id)

    async def read_for_backtest(self, person: Person, file_id: int) -> Review:
        """Return the same for a backtest, which is bounded itself: it waits for its turn and is not refused."""
        person.require(Action.READ_FILES)
        async with self._turns.any():
            return await self._read(file_id)

    async def _read(self, file_id: int) -> Review:
        async with self._database.read() as connection:
            file = await get_file(connection, file_id)
            content = await get_part(connection, file_id, "content") or b""
            newest = await newest_in_force(connection)
            error = await last_signing_error(connection, file)
            before = await _before(connection, file)
            rules = await self._rules_of(connection, file)
            ends = await ends_of(connection, file.subject, RECORDS)
        found = await asyncio.to_thread(_judge, file, content, before, rules)
        return Review(file, *found, tuple(map(_decoded, ends.records)), ends.left_out, error, newest)

    async def _rules_of(self, connection: AsyncConnection, file: StoredFile) -> FileRules | Fault:
        try:
            return await rules_of(connection, self._rules, file)
        except ProfileLost as error:
            return at(Complaint(error.code, error.message, error.remedy))


def _decoded(record: AuditRecord) -> Content | None:
    try:
        return _decode_record(record.body)
    except msgspec.DecodeError:
        return None


async def _before(connection: AsyncConnection, file: StoredFile) -> tuple[Threshold, ...]:
    if file.state in SETTLED and file.in_force_at is not None:
        return await thresholds_before(connection, file.id, file.in_force_at)
    return await thresholds_in_force(connection)


Judged = tuple[tuple[Fault, ...], tuple[Fault, ...], int, Difference, tuple[Coverage, ...]]


def _judge(
    file: StoredFile, content: bytes, before: tuple[Threshold, ...], rules: FileRules | Fault
) -> Judged:
    if isinstance(rules, Fault):
        return (rules,), (), 0, Difference((), 0), ()
    check = rules.check(file.name, content, file.submitted_at)
    changes = difference(before, check.thresholds, rules.profile.replaces)
    after = after_this(before, check.thresholds, rules.profile.replaces)
    named = dict.fromkeys(threshold.user_id for threshold in check.thresholds)
    users: Mapping[UserId, frozenset[str]] = {
        user: rules.service_users.get(user, frozenset()) for user in named
    }
    covered = coverage(after, users, rules.catalogue)
    return check.faults, check.warnings, check.warning_count, changes, covered


def after_this(
    before: tuple[Threshold, ...], own: tuple[Threshold, ...], replaces: Replaces
) -> tuple[Threshold, ...]:
    """Return what is in force once a file with the rows *own* is."""
    if replaces is Replaces.USER_ID:
        users = {threshold.user_id for threshold in own}
        return (*(row for row in before if row.user_id not in users), *own)
    places = {row_place(row) for row in own}
    return (*(row for row in before if row_place(row) not in places), *own)
