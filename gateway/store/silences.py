"""Silences as kept, and the alerts that they muted."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import NotFound
from gateway.store.database import inserted_id
from gateway.store.incident_work import is_classified, not_classified
from gateway.store.schema import incidents
from gateway.store.silence_schema import muted_alerts, silences


class Scope(msgspec.Struct, frozen=True):
    """Which incidents a silence is about; what is empty does not matter."""

    kind: str = ""
    level: str = ""
    user_id: str = ""
    communication: str = ""
    """As the threshold names it: a class, `ALL` or `DEVICES`."""
    service: str = ""
    """As the threshold names it: a variant, a reference or `*`."""

    def covers(self, other: "Scope") -> bool:
        """Tell whether *other*, which says all of an incident, lies within this one."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return all(wanted in {"", found} for wanted, found in pairs)


class StoredSilence(msgspec.Struct, frozen=True):
    """A silence; a planned-work window is one that says so."""

    id: int
    created_by: str
    created_at: int
    planned_work: bool
    reason: str
    begins_at: int
    ends_at: int
    kind: str
    level: str
    user_id: str
    communication: str
    service: str
    quarantine: bool
    """Whether it mutes quarantine-level incidents too."""
    record: int
    """Number of the audit record that created it."""
    ended_at: int | None
    """When somebody ended it before its time."""
    ended_by: str | None
    end_reason: str | None
    settled_at: int | None
    """When it was over for good: what it had muted and was still open had been told."""

    @property
    def subject(self) -> str:
        """How audit records name it."""
        return f"silence/{self.id}"

    @property
    def scope(self) -> Scope:
        """Which incidents it is about."""
        return Scope(self.kind, self.level, self.user_id, self.communication, self.service)

    @property
    def over_at(self) -> int:
        """The first second at which it does not hold any more."""
        return self.ends_at if self.ended_at is None else self.ended_at

    def state(self, now: float) -> str:
        """Return `planned`, `active` or `over`."""
        if self.settled_at is not None or now >= self.over_at:
            return "over"
        return "planned" if now < self.begins_at else "active"


_waits: Final = and_(muted_alerts.c.told_at.is_(None), muted_alerts.c.over_at.is_(None))
_end: Final = func.coalesce(silences.c.ended_at, silences.c.ends_at)


def _silence(row: Any) -> StoredSilence:
    return StoredSilence(**row._mapping)  # noqa: SLF001 - the public name of a row's values in SQLAlchemy


async def insert_silence(connection: AsyncConnection, **values: Any) -> int:
    """Add a silence; return its number."""
    return inserted_id(await connection.execute(insert(silences).values(**values)))


async def update_silence(connection: AsyncConnection, silence_id: int, **values: Any) -> None:
    """Add what became of a silence."""
    await connection.execute(update(silences).where(silences.c.id == silence_id).values(**values))


async def get_silence(connection: AsyncConnection, silence_id: int) -> StoredSilence:
    """Return a silence or raise `NotFound`."""
    row = (await connection.execute(select(silences).where(silences.c.id == silence_id))).one_or_none()
    if row is None:
        msg = f"there is no silence {silence_id}"
        raise NotFound("silence_unknown", msg, "List them: adt-gateway silences list --all")
    return _silence(row)


async def list_silences(
    connection: AsyncConnection, now: int, limit: int, skip: int = 0, *, over: bool = True
) -> list[StoredSilence]:
    """Return the newest silences first; without those that are *over* where they are not wanted."""
    query = select(silences).order_by(silences.c.id.desc()).limit(limit).offset(skip)
    if not over:
        query = query.where(silences.c.settled_at.is_(None), _end > now)
    return [_silence(row) for row in await connection.execute(query)]


async def count_silences(connection: AsyncConnection, now: int | None = None) -> int:
    """Return how many silences there are: all, or those that are not over *now*."""
    query = select(func.count()).select_from(silences)
    if now is not None:
        query = query.where(silences.c.settled_at.is_(None), _end > now)
    return int((await connection.execute(query)).scalar_one())


async def silences_between(
    connection: AsyncConnection, scope: Scope, first: int, last: int
) -> list[StoredSilence]:
    """Return the silences about an incident of *scope* that held at some second from *first* to *last*.

    Narrower words do not make one stronger: the oldest comes first.
    """
    query = select(silences).where(_matches(scope), silences.c.begins_at <= last, _end > first)
    return [_silence(row) for row in await connection.execute(query.order_by(silences.c.id))]


def _matches(scope: Scope) -> ColumnElement[bool]:
    found = msgspec.structs.asdict(scope)
    return and_(*(silences.c[name].in_(("", value)) for name, value in found.items()))


async def due_silences(connection: AsyncConnection, now: int) -> list[StoredSilence]:
    """Return the silences that do not hold any more *now* and are not settled."""
    query = select(silences).where(silences.c.settled_at.is_(None), _end <= now)
    return [_silence(row) for row in await connection.execute(query.order_by(silences.c.id))]


class MutedAlert(msgspec.Struct, frozen=True):
    """An alert that was not sent."""

    id: int
    silence_id: int
    incident_id: int
    event: str
    muted_at: int
    record: int
    told_at: int | None
    """When the SOC was told of it after all."""
    over_at: int | None
    """When it needed no telling any more: its incident was closed meanwhile."""


class ShownMuted(msgspec.Struct, frozen=True):
    """An alert that was not sent, with its incident."""

    incident_id: int
    title: str
    level: str
    state: str
    event: str
    muted_at: int
    told_at: int | None
    record: int


async def insert_muted(connection: AsyncConnection, **values: Any) -> None:
    """Keep that an alert was not sent."""
    await connection.execute(insert(muted_alerts).values(**values))


async def waiting_muted(connection: AsyncConnection, limit: int, *, incident_id: int) -> list[MutedAlert]:
    """Return muted alerts of an incident of which the SOC knows nothing yet, the oldest first."""
    waiting = _waits, muted_alerts.c.incident_id == incident_id
    query = select(muted_alerts).where(*waiting).order_by(muted_alerts.c.id).limit(limit)
    return [MutedAlert(*row) for row in await connection.execute(query)]


async def waiting_incidents(
    connection: AsyncConnection, silence_id: int, after: int, limit: int
) -> list[int]:
    """Return the next incidents after number *after* of which a silence muted something that waits to be told."""
    waiting = _waits, muted_alerts.c.silence_id == silence_id, muted_alerts.c.incident_id > after
    query = select(muted_alerts.c.incident_id).where(*waiting).distinct()
    rows = await connection.execute(query.order_by(muted_alerts.c.incident_id).limit(limit))
    return list(rows.scalars())


async def settle_muted(
    connection: AsyncConnection, incident_id: int, *, told_at: int | None = None, over_at: int | None = None
) -> None:
    """Keep that nothing muted of an incident waits any more: it was told, or the incident is closed."""
    waiting = and_(_waits, muted_alerts.c.incident_id == incident_id)
    values = {"told_at": told_at, "over_at": over_at}
    await connection.execute(update(muted_alerts).where(waiting).values(**values))


async def muted_of(
    connection: AsyncConnection, silence_id: int, limit: int, skip: int = 0
) -> list[ShownMuted]:
    """Return what a silence muted, the newest first; without classified incidents: it says what those are about."""
    columns = (
        incidents.c.title,
        incidents.c.level,
        incidents.c.state,
        muted_alerts.c.event,
        muted_alerts.c.muted_at,
        muted_alerts.c.told_at,
        muted_alerts.c.record,
    )
    query = (
        select(muted_alerts.c.incident_id, *columns)
        .join(incidents, incidents.c.id == muted_alerts.c.incident_id)
        .where(muted_alerts.c.silence_id == silence_id, not_classified)
        .order_by(muted_alerts.c.id.desc())
        .limit(limit)
        .offset(skip)
    )
    return [ShownMuted(*row) for row in await connection.execute(query)]


async def count_muted(connection: AsyncConnection, of: Sequence[int]) -> dict[int, int]:
    """Return how many alerts each of these silences muted."""
    query = select(muted_alerts.c.silence_id, func.count()).where(muted_alerts.c.silence_id.in_(of))
    rows = await connection.execute(query.group_by(muted_alerts.c.silence_id))
    return {row[0]: row[1] for row in rows}


async def count_withheld(connection: AsyncConnection, silence_id: int) -> int:
    """Return how many of the alerts that a silence muted are of classified incidents."""
    of_classified = muted_alerts.c.silence_id == silence_id, is_classified(muted_alerts.c.incident_id)
    query = select(func.count()).select_from(muted_alerts).where(*of_classified)
    return int((await connection.execute(query)).scalar_one())


async def silences_of(
    connection: AsyncConnection, incident_id: int, scope: Scope, opened_at: int
) -> list[StoredSilence]:
    """Return the silences that an incident was opened in, or that muted an alert of it, the oldest first."""
    muted = select(muted_alerts.c.silence_id).where(muted_alerts.c.incident_id == incident_id)
    opened_in = and_(_matches(scope), silences.c.begins_at <= opened_at, _end > opened_at)
    query = select(silences).where(or_(opened_in, silences.c.id.in_(muted))).order_by(silences.c.id)
    return [_silence(row) for row in await connection.execute(query)]
