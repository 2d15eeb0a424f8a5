"""What acts against what is on record: ADT files against the audit chain, thresholds against their files.

Whoever can write to the database can change a row that the daemon acts on. The chain then still holds; but it
no longer says what the rows say, and that is found here.
"""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Final

import msgspec
from sqlalchemy import LargeBinary, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.record import Content
from gateway.audit.signed_file import FileKind
from gateway.doctor.finding import Check, Finding, failed, ok, unknown
from gateway.doctor.in_force import REMEDY, THRESHOLDS, Recorded, first_of, judge_thresholds
from gateway.doctor.store import reading, sqlite_file
from gateway.errors import GatewayError
from gateway.operations.profiles import ProfileLost, rules_of, stored_profile
from gateway.operations.rules import FileRules, Rulebook, load_rules
from gateway.settings import Settings
from gateway.store.adt_files import LIVE, FileState, StoredFile, list_files
from gateway.store.schema import adt_files, audit_records
from gateway.store.thresholds import thresholds_in_force
from thresholds.model import Threshold

FILES = "adt files"

STATES: Final = {kind.action(state): (kind, state) for kind in FileKind for state in FileState}
"""The actions that move a file, and where to."""

BEGINNINGS: Final = tuple(f'"{kind.action("")}'.encode() for kind in FileKind)
"""How those actions begin in a record."""

NUMBER: Final = re.compile("[0-9]{1,18}")


async def _evidence(settings: Settings, now: float) -> AsyncIterator[Finding]:
    del now
    path = sqlite_file(settings)
    if path and not path.exists():
        yield unknown(FILES, "not looked at: there is no database yet")
        return
    rulebook = _rulebook(settings)
    try:
        async with reading(settings, path) as database, database.read() as connection:
            recorded = await _recorded(connection)
            files = {file.id: file for file in await list_files(connection)}
            contents = await _contents(connection)
            actual = await _in_force(connection)
            rules = await _rules(connection, rulebook, files.values()) if rulebook else None
    except ValueError:
        yield failed(FILES, "a file of the table is in a state that no file has", REMEDY)
        return
    except GatewayError as error:
        yield unknown(FILES, f"not looked at: {error.message}")
        return
    yield judge_files(recorded, files, contents)
    if rules is None:
        yield unknown(THRESHOLDS, "not looked at: the profile cannot be used")
        return
    yield judge_thresholds(recorded, files, contents, actual, rules)


def _rulebook(settings: Settings) -> Rulebook | None:
    try:
        return Rulebook(load_rules(settings))
    except GatewayError:
        return None


async def _rules(
    connection: AsyncConnection, rulebook: Rulebook, files: Iterable[StoredFile]
) -> dict[int, FileRules]:
    """Return the rules that each file on its way or in force was submitted under, where they can be had."""
    found = {}
    for file in files:
        if file.state in LIVE and file.kind is FileKind.ADT:
            with contextlib.suppress(ProfileLost):
                if file.profile_sha256 is not None:
                    await stored_profile(connection, file)  # evidence, though the daemon may know it already
                found[file.id] = await rules_of(connection, rulebook, file)
    return found


async def _contents(connection: AsyncConnection) -> dict[int, bytes]:
    """Return the bytes of the files that are on their way or in force."""
    # SQLite keeps text where somebody wrote it instead of bytes: it is read as bytes, to be found wrong.
    content = cast(adt_files.c.content, LargeBinary)
    rows = await connection.execute(select(adt_files.c.id, content).where(adt_files.c.state.in_(LIVE)))
    return {number: bytes(data) for number, data in rows}


async def _in_force(connection: AsyncConnection) -> tuple[Threshold, ...] | None:
    """Return the thresholds of the table, or None where a row holds what none can hold."""
    try:
        return await thresholds_in_force(connection)
    except ValueError:
        return None


async def _recorded(connection: AsyncConnection) -> dict[int, Recorded]:
    """Read from the whole chain what became of each file; bodies alone are asked, for they are hashed."""
    found: dict[int, Recorded] = {}
    query = select(cast(audit_records.c.body, LargeBinary)).order_by(audit_records.c.number)
    async for (body,) in await connection.stream(query):
        if any(start in body for start in BEGINNINGS) and (content := _content(body)) is not None:
            _note(found, content)
    return found


def _content(body: bytes) -> Content | None:
    try:
        return msgspec.json.decode(body, type=Content)
    except (msgspec.DecodeError, RecursionError):
        return None  # the check of the chain names it


def _note(found: dict[int, Recorded], content: Content) -> None:
    subject, _, number = content.subject.partition("/")
    kind, state = STATES.get(content.action, (None, FileState.FAILED))
    if kind is None or subject != kind or not NUMBER.fullmatch(number):
        return
    if state is FileState.SUBMITTED:
        found[int(number)] = Recorded(state, content)
    elif (file := found.get(int(number))) is not None:
        file.state = state
        if state is FileState.APPROVED:
            file.approved = content
        elif state is FileState.IN_FORCE:
            file.in_force = content


def judge_files(
    recorded: Mapping[int, Recorded], files: Mapping[int, StoredFile], contents: Mapping[int, bytes]
) -> Finding:
    """Tell whether each file is as the chain left it: its state, its people, and its bytes where they matter."""
    wrong = [*_wrong_files(recorded, files, contents)]
    if not wrong:
        return ok(FILES, f"{len(files)} are as the audit chain left them")
    return failed(FILES, first_of(wrong), REMEDY)


def _wrong_files(
    recorded: Mapping[int, Recorded], files: Mapping[int, StoredFile], contents: Mapping[int, bytes]
) -> Iterator[str]:
    for number in sorted(recorded.keys() | files.keys()):
        record, file = recorded.get(number), files.get(number)
        if file is None:
            record = recorded[number]
            called = FileKind(record.submitted.subject.partition("/")[0]).called(number)
            yield f"{called} is on record and not in the table"
        elif record is None:
            yield f"{file.called} ({file.name}) is in the table and not on record"
        else:
            for column, kept, said in _facts(record, file, contents.get(number)):
                if kept != said:
                    yield f"{file.called} ({file.name}): {column} is {kept!r} but {said!r} on record"


def _facts(record: Recorded, file: StoredFile, content: bytes | None) -> Iterator[tuple[str, object, object]]:
    """Yield what the table says and what the chain says, by column."""
    detail = record.submitted.detail
    yield "kind", file.subject, record.submitted.subject
    yield "state", str(file.state), str(record.state)
    yield "name", file.name, detail.get("name")
    yield "submitted_by", file.submitted_by, record.submitted.actor
    yield "approved_by", file.approved_by, record.approved.actor if record.approved else None
    yield "sha256", file.sha256, detail.get("sha256")
    yield "profile_sha256", file.profile_sha256, detail.get("profile_sha256")
    if content is not None:
        last = record.in_force or record.approved or record.submitted
        yield "the SHA-256 of its bytes", hashlib.sha256(content).hexdigest(), last.detail.get("sha256")


CHECKS = (Check((FILES, THRESHOLDS), _evidence),)
