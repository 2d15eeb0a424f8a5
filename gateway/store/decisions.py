"""Decisions on quarantined requests as kept: which requests, why, and how each ended."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import NotFound
from gateway.store.adt_files import FileState, StoredFile, get_file
from gateway.store.dcc_schema import quarantined
from gateway.store.decision_rows import DECIDED, DELETED, ENDED, HELD, RELEASED
from gateway.store.decision_schema import decision_rows, decisions
from gateway.store.incident_work import is_classified, not_classified, unless_classified
from gateway.store.schema import adt_files, incidents

AT_ONCE: Final = 500
"""Rows that one statement names: databases take a limited number of values."""

NOT_SEEN: Final = "unknown"
"""What our own count says of a request that was not seen leaving."""

OPEN: Final = (HELD, DECIDED, RELEASED, DELETED)
"""States of requests that were not seen to have ended."""


MOST_NUMBERS: Final = 10_000
"""Requests that a decision names by their numbers at the most."""

Text = Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[^\x00]*$")]
Number = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
"""What a database takes: a body that says anything else is malformed."""


class Chosen(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which held requests a decision is about: all that match every condition that is given."""

    event_ref: Text = ""
    user_id: Text = ""
    service: Text = ""
    """Service reference variant; a request whose service is not known matches none."""
    incident: Number = 0
    breach: Text = ""
    """Kind: `user_threshold`, `dcc_threshold` or `attribute_limits`."""
    numbers: Annotated[tuple[Number, ...], msgspec.Meta(max_length=MOST_NUMBERS)] = ()
    """Numbers of requests."""

    def condition(self) -> ColumnElement[bool]:
        """Return it as a condition of a query."""
        columns = {
            quarantined.c.event_ref: self.event_ref,
            quarantined.c.user_id: self.user_id,
            quarantined.c.service_reference_variant: self.service,
            quarantined.c.incident_id: self.incident,
            quarantined.c.breach: self.breach,
        }
        found = [column == value for column, value in columns.items() if value]
        if self.incident:
            found.append(~is_classified(quarantined.c.incident_id))  # what is hidden is not found either
        if self.numbers:
            found.append(quarantined.c.id.in_(self.numbers))
        return and_(quarantined.c.id > 0, *found)


class HeldRequest(msgspec.Struct, frozen=True):
    """A request that the DCC holds, as far as a decision needs it."""

    id: int
    user_id: str
    event_ref: str
    request_id: str
    service_reference_variant: str | None
    breach: str
    matched: str
    """What our own count says of it."""
    incident_id: int | None
    received_at_ms: int
    state: str
    decision_id: int | None

    @property
    def is_not_seen(self) -> bool:
        """Whether it was not seen leaving: somebody may send in our name."""
        return self.matched == NOT_SEEN


class DecisionRow(msgspec.Struct, frozen=True):
    """One request of a decision, as it stands in the file, and what became of it."""

    line: int
    quarantined_id: int
    user_id: str
    event_ref: str
    request_id: str
    ended_at: int | None
    ended_how: str | None
    ended_by: str | None
    ended_reason: str | None
    received_at_ms: int
    service_reference_variant: str | None
    breach: str
    matched: str
    answer_code: str | None


class StoredDecision(msgspec.Struct, frozen=True):
    """A decision and its file."""

    file: StoredFile
    action: str
    reason: str
    chosen: Chosen
    """Without the incident where that is classified."""
    incident_hidden: bool
    """Whether it was chosen by an incident that is classified, whose number is told nobody here."""
    oldest_at: int
    ended_at: int | None
    ended_rows: int

    @property
    def id(self) -> int:
        """Its number, which is that of its file."""
        return self.file.id

    @property
    def state(self) -> str:
        """The state of its file, and `ended` once all its requests were seen to have ended."""
        return ENDED if self.ended_at is not None else str(self.file.state)


_HELD_COLUMNS: Final = tuple(
    unless_classified(quarantined.c.incident_id) if name == "incident_id" else quarantined.c[name]
    for name in HeldRequest.__struct_fields__
)
_OWN: Final = ("line", "quarantined_id", "user_id", "event_ref", "request_id")
_ENDED: Final = ("ended_at", "ended_how", "ended_by", "ended_reason")
_OTHER: Final = ("received_at_ms", "service_reference_variant", "breach", "matched", "answer_code")


async def held_requests(connection: AsyncConnection, chosen: Chosen, limit: int) -> list[HeldRequest]:
    """Return up to *limit* requests that are chosen and held, those that wait longest first."""
    query = select(*_HELD_COLUMNS).where(chosen.condition(), quarantined.c.state == HELD)
    order = quarantined.c.received_at_ms, quarantined.c.id
    return [HeldRequest(*row) for row in await connection.execute(query.order_by(*order).limit(limit))]


async def count_without_service(connection: AsyncConnection, chosen: Chosen) -> int:
    """Return how many held requests a choice by service leaves out because their service is not known."""
    if not chosen.service:
        return 0
    otherwise = msgspec.structs.replace(chosen, service="").condition()
    which = otherwise, quarantined.c.state == HELD, quarantined.c.service_reference_variant.is_(None)
    query = select(func.count()).select_from(quarantined).where(*which)
    return int((await connection.execute(query)).scalar_one())


async def requests_numbered(connection: AsyncConnection, numbers: Sequence[int]) -> list[HeldRequest]:
    """Return the requests with these numbers, whatever their state."""
    found: list[HeldRequest] = []
    for start in range(0, len(numbers), AT_ONCE):
        query = select(*_HELD_COLUMNS).where(quarantined.c.id.in_(numbers[start : start + AT_ONCE]))
        found += [HeldRequest(*row) for row in await connection.execute(query)]
    return found


async def take_requests(connection: AsyncConnection, numbers: Sequence[int], file_id: int) -> int:
    """Put held requests into a decision; return how many of them were still held."""
    taken = 0
    for start in range(0, len(numbers), AT_ONCE):
        which = quarantined.c.id.in_(numbers[start : start + AT_ONCE]), quarantined.c.state == HELD
        change = update(quarantined).where(*which).values(state=DECIDED, decision_id=file_id)
        taken += (await connection.execute(change)).rowcount
    return taken


async def insert_decision(
    connection: AsyncConnection, file_id: int, rows: Sequence[dict[str, Any]], **values: Any
) -> None:
    """Keep a decision and its rows (in the order of the file, which has its header on line 1)."""
    await connection.execute(insert(decisions).values(file_id=file_id, **values))
    numbered = [row | {"file_id": file_id, "line": line} for line, row in enumerate(rows, 2)]
    await connection.execute(insert(decision_rows), numbered)


async def get_decision(connection: AsyncConnection, file_id: int) -> StoredDecision:
    """Return a decision or raise `NotFound`."""
    row = (await connection.execute(_query().where(decisions.c.file_id == file_id))).one_or_none()
    if row is None:
        msg = f"there is no decision {file_id}"
        raise NotFound("decision_unknown", msg, "List them: adt-gateway quarantine decisions")
    return await _stored(connection, row)


async def page_of_decisions(connection: AsyncConnection, offset: int, limit: int) -> list[StoredDecision]:
    """Return decisions, newest first."""
    query = _query().order_by(decisions.c.file_id.desc()).offset(offset).limit(limit)
    return [await _stored(connection, row) for row in (await connection.execute(query)).all()]


async def count_decisions(connection: AsyncConnection) -> int:
    """Return how many decisions there are."""
    return int((await connection.execute(select(func.count()).select_from(decisions))).scalar_one())


async def count_to_approve(connection: AsyncConnection, name: str) -> int:
    """Return how many decisions wait for a second person other than the one called *name*."""
    joined = decisions.join(adt_files, adt_files.c.id == decisions.c.file_id)
    which = adt_files.c.state == FileState.SUBMITTED, adt_files.c.submitted_by != name
    query = select(func.count()).select_from(joined).where(*which)
    return int((await connection.execute(query)).scalar_one())


async def submitted_decisions(connection: AsyncConnection, limit: int) -> list[StoredDecision]:
    """Return up to *limit* decisions that wait for a second person, the one that waits longest first."""
    which = adt_files.c.state == FileState.SUBMITTED
    query = _query().join(adt_files, adt_files.c.id == decisions.c.file_id).where(which)
    rows = (await connection.execute(query.order_by(decisions.c.file_id).limit(limit))).all()
    return [await _stored(connection, row) for row in rows]


async def rows_of(
    connection: AsyncConnection, file_id: int, offset: int = 0, limit: int | None = None
) -> list[DecisionRow]:
    """Return the requests of a decision, in the order of its file."""
    columns = [decision_rows.c[name] for name in _OWN + _ENDED] + [quarantined.c[name] for name in _OTHER]
    joined = decision_rows.join(quarantined, quarantined.c.id == decision_rows.c.quarantined_id)
    query = select(*columns).select_from(joined).where(decision_rows.c.file_id == file_id)
    query = query.order_by(decision_rows.c.line).offset(offset)
    return [DecisionRow(*row) for row in await connection.execute(query.limit(limit) if limit else query)]


async def count_not_seen(connection: AsyncConnection, file_id: int) -> int:
    """Return how many requests of a decision were not seen leaving."""
    joined = decision_rows.join(quarantined, quarantined.c.id == decision_rows.c.quarantined_id)
    which = decision_rows.c.file_id == file_id, quarantined.c.matched == NOT_SEEN
    query = select(func.count()).select_from(joined).where(*which)
    return int((await connection.execute(query)).scalar_one())


async def held_by_state(connection: AsyncConnection) -> dict[str, tuple[int, int]]:
    """Return how many requests are not ended and since when the first is held (milliseconds), by state."""
    oldest = func.min(quarantined.c.received_at_ms)
    query = select(quarantined.c.state, func.count(), oldest).where(quarantined.c.state.in_(OPEN))
    rows = await connection.execute(query.group_by(quarantined.c.state))
    return {state: (count, since) for state, count, since in rows}


async def count_held_before(connection: AsyncConnection, instant_ms: int) -> int:
    """Return how many requests that were held before *instant_ms* are not ended."""
    which = quarantined.c.state.in_(OPEN), quarantined.c.received_at_ms < instant_ms
    query = select(func.count()).select_from(quarantined).where(*which)
    return int((await connection.execute(query)).scalar_one())


async def _stored(connection: AsyncConnection, row: Any) -> StoredDecision:
    file_id, action, reason, text, *rest = row
    chosen = msgspec.json.decode(text, type=Chosen)
    marked = select(incidents.c.id).where(incidents.c.id == chosen.incident, ~not_classified)
    hidden = bool(chosen.incident) and (await connection.execute(marked)).first() is not None
    if hidden:
        chosen = msgspec.structs.replace(chosen, incident=0)
    return StoredDecision(await get_file(connection, file_id), action, reason, chosen, hidden, *rest)


def _query() -> Any:
    ended = (
        select(func.count())
        .where(decision_rows.c.file_id == decisions.c.file_id, decision_rows.c.ended_at.is_not(None))
        .scalar_subquery()
    )
    names = "file_id", "action", "reason", "chosen", "oldest_at", "ended_at"
    return select(*(decisions.c[name] for name in names), ended)
