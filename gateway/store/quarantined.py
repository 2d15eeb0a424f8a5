"""Requests that the DCC holds, as it says in alerts that are believed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import NotFound
from gateway.store.dcc_schema import dcc_alerts, quarantined
from gateway.store.incident_work import is_classified, unless_classified

HELD: Final = "held"
ENDED: Final = "ended"
STATES: Final = (HELD, "decided", "released", "deleted", ENDED)
MATCHES: Final = ("in_excess", "predicted", "not_predicted", "sent", "unknown")
Identity = tuple[str, str]
"""RequestID and event reference."""


class NewHeld(msgspec.Struct, frozen=True):
    """A request that is held, before it has its number."""

    alert_id: int
    user_id: str
    device: str
    request_id: str
    event_ref: str
    breach: str
    alerts: int
    notified_at_ms: int
    received_at_ms: int
    matched: str
    sent_at_ms: int | None
    sent_until_ms: int | None
    communication_class: str | None
    service_reference_variant: str | None
    episode_id: int | None


class HeldRow(NewHeld, frozen=True):
    """A request that is or was held."""

    id: int
    incident_id: int | None
    """None also where it is classified."""
    answered_at_ms: int | None
    answer_code: str | None
    state: str
    decision_id: int | None
    ended_at: int | None


class HeldFilter(msgspec.Struct, frozen=True):
    """Which requests are wanted; empty for any."""

    state: str = ""
    user_id: str = ""
    event_ref: str = ""
    breach: str = ""
    matched: str = ""
    request_id: str = ""
    alert_id: int = 0
    incident_id: int = 0


class Answer(msgspec.Struct, frozen=True):
    """An answer of the DCC to a request, with its own time and when it came here (milliseconds)."""

    responded_at_ms: int
    received_at_ms: int
    code: str
    sha256: str
    """Of the message as it came."""


_COLUMNS: Final = tuple(
    unless_classified(quarantined.c.incident_id) if name == "incident_id" else quarantined.c[name]
    for name in HeldRow.__struct_fields__
)


async def known_held(connection: AsyncConnection, request_ids: Collection[str]) -> dict[Identity, int]:
    """Return what is held, or was, of these requests: number by identity."""
    query = select(quarantined.c.request_id, quarantined.c.event_ref, quarantined.c.id)
    rows = await connection.execute(query.where(quarantined.c.request_id.in_(request_ids)))
    return {(request_id, event_ref): number for request_id, event_ref, number in rows}


async def add_held(connection: AsyncConnection, rows: Sequence[NewHeld]) -> None:
    """Keep requests of which none is known yet."""
    if rows:
        values = [msgspec.structs.asdict(row) | {"state": HELD} for row in rows]
        await connection.execute(insert(quarantined), values)


async def answered_undecided(connection: AsyncConnection, limit: int) -> list[HeldRow]:
    """Return up to *limit* requests that count as held, that nobody decides on, and that the DCC answered since."""
    which = quarantined.c.state == HELD, quarantined.c.answered_at_ms.is_not(None)
    query = select(*_COLUMNS).where(*which).order_by(quarantined.c.id).limit(limit)
    return [HeldRow(*row) for row in await connection.execute(query)]


async def end_requests(connection: AsyncConnection, numbers: Sequence[int], at: int) -> None:
    """Keep that these requests have ended."""
    change = update(quarantined).where(quarantined.c.id.in_(numbers))
    await connection.execute(change.values(state=ENDED, ended_at=at))


async def add_repeats(connection: AsyncConnection, repeats: Mapping[int, int]) -> None:
    """Add to each request for how many more alerts those stand that named it."""
    for number, more in repeats.items():
        change = update(quarantined).where(quarantined.c.id == number)
        await connection.execute(change.values(alerts=quarantined.c.alerts + more))


async def set_incident(connection: AsyncConnection, alert_ids: Iterable[int], incident_id: int) -> None:
    """Keep to which incident the requests of these alerts belong."""
    change = update(quarantined).where(quarantined.c.alert_id.in_(list(alert_ids)))
    await connection.execute(change.values(incident_id=incident_id))


async def note_answers(connection: AsyncConnection, answers: Mapping[str, Answer]) -> set[str]:
    """Keep the DCC's answers to requests that were held when it answered; return which these are.

    Whoever decides sees by it that a released request has ended. An answer of before (a Pre-Command that a
    Transform got under the same RequestID) says nothing of it: the DCC's own times tell. They are kept too, so
    that an answer that comes again, by a broker or by somebody who kept it, is no newer than it was.
    """
    names = "id", "request_id", "notified_at_ms", "answered_at_ms"
    columns = [quarantined.c[name] for name in names]
    query = select(*columns).where(quarantined.c.request_id.in_(list(answers)))
    noted = set()
    for number, request_id, notified, known in (await connection.execute(query)).all():
        answer = answers[request_id]
        at_ms = min(answer.responded_at_ms, answer.received_at_ms)
        if answer.responded_at_ms <= notified or (known is not None and at_ms <= known):
            continue
        change = update(quarantined).where(quarantined.c.id == number)
        values = {"answered_at_ms": at_ms, "answer_code": answer.code}
        await connection.execute(change.values(**values))
        noted.add(request_id)
    return noted


def where(wanted: HeldFilter) -> ColumnElement[bool]:
    """Hold for the requests that are wanted."""
    asked = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value}
    found = [quarantined.c[name] == value for name, value in asked.items()]
    if wanted.incident_id:
        found.append(~is_classified(quarantined.c.incident_id))  # what is hidden is not found either
    return and_(quarantined.c.id > 0, *found)


async def count_held(connection: AsyncConnection, wanted: HeldFilter) -> int:
    """Return how many requests match."""
    query = select(func.count()).select_from(quarantined).where(where(wanted))
    return int((await connection.execute(query)).scalar_one())


async def find_held(
    connection: AsyncConnection, wanted: HeldFilter, limit: int, skip: int = 0
) -> list[HeldRow]:
    """Return up to *limit* requests that match after the first *skip*, those that wait longest first."""
    query = select(*_COLUMNS).where(where(wanted)).order_by(quarantined.c.received_at_ms, quarantined.c.id)
    return [HeldRow(*row) for row in await connection.execute(query.limit(limit).offset(skip))]


async def get_held(connection: AsyncConnection, number: int) -> HeldRow:
    """Return one request; raise `NotFound`."""
    row = (await connection.execute(select(*_COLUMNS).where(quarantined.c.id == number))).one_or_none()
    if row is None:
        raise NotFound("held_unknown", f"no request in quarantine has the number {number}", "List them.")
    return HeldRow(*row)


async def held_of_alert(connection: AsyncConnection, alert_id: int) -> HeldRow | None:
    """Return the request that the alert of this number named, whether it was the first to or not."""
    same = and_(
        quarantined.c.request_id == dcc_alerts.c.request_id, quarantined.c.event_ref == dcc_alerts.c.event_ref
    )
    query = select(*_COLUMNS).join(dcc_alerts, same)
    believed = and_(dcc_alerts.c.id == alert_id, dcc_alerts.c.trust == "verified")
    row = (await connection.execute(query.where(believed))).one_or_none()
    return HeldRow(*row) if row else None
