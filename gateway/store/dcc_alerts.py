"""Alerts of the DCC as kept: those that speak of quarantine, whether they are believed or not."""

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import NotFound
from gateway.store.dcc_schema import dcc_alerts


class _Alert(msgspec.Struct, frozen=True):
    """What is kept of an alert beside its number and its bytes."""

    received_at_ms: int
    source: str
    trust: str
    why: str
    signer: str
    response_id: str
    responded_at_ms: int
    alert_code: str
    throttled_sequence: int | None
    throttled_count: int | None
    breach: str
    request_id: str
    event_ref: str
    sha256: str


class NewAlert(_Alert, frozen=True):
    """An alert before it has its number."""

    content: bytes


class ListedAlert(_Alert, frozen=True):
    """An alert without its bytes."""

    id: int


class AlertFilter(msgspec.Struct, frozen=True):
    """Which alerts are wanted; empty for any."""

    trust: str = ""
    request_id: str = ""


_LISTED = tuple(dcc_alerts.c[name] for name in ListedAlert.__struct_fields__)


class KnownAlert(msgspec.Struct, frozen=True):
    """An alert that is kept already."""

    id: int
    trust: str


class DoubtedAlert(msgspec.Struct, frozen=True):
    """An alert that could not be checked, as it came."""

    id: int
    content: bytes
    source: str
    received_at_ms: int


async def known_alerts(connection: AsyncConnection, sha256s: Collection[str]) -> dict[str, KnownAlert]:
    """Return which of these messages are kept already, by their SHA-256."""
    query = select(dcc_alerts.c.sha256, dcc_alerts.c.id, dcc_alerts.c.trust)
    rows = await connection.execute(query.where(dcc_alerts.c.sha256.in_(sha256s)))
    return {row.sha256: KnownAlert(row.id, row.trust) for row in rows}


async def believe_alerts(connection: AsyncConnection, numbers: Collection[int]) -> None:
    """Keep that these alerts are believed from now on."""
    if numbers:
        change = update(dcc_alerts).where(dcc_alerts.c.id.in_(numbers))
        await connection.execute(change.values(trust="verified", why=""))


async def doubted_alerts(connection: AsyncConnection, after: int, limit: int) -> list[DoubtedAlert]:
    """Return up to *limit* alerts beyond number *after* that could not be checked."""
    columns = [dcc_alerts.c[name] for name in DoubtedAlert.__struct_fields__]
    doubted = dcc_alerts.c.trust.in_(("unknown_signer", "unchecked"))
    query = select(*columns).where(doubted, dcc_alerts.c.id > after).order_by(dcc_alerts.c.id).limit(limit)
    return [DoubtedAlert(*row) for row in await connection.execute(query)]


async def add_alerts(connection: AsyncConnection, alerts: Sequence[NewAlert]) -> dict[str, int]:
    """Keep alerts of which none is kept already; return their numbers by SHA-256."""
    if not alerts:
        return {}
    await connection.execute(insert(dcc_alerts), [msgspec.structs.asdict(alert) for alert in alerts])
    query = select(dcc_alerts.c.sha256, dcc_alerts.c.id)
    rows = await connection.execute(query.where(dcc_alerts.c.sha256.in_([alert.sha256 for alert in alerts])))
    return {row.sha256: row.id for row in rows}


async def count_by_trust(connection: AsyncConnection, trusts: Collection[str]) -> dict[str, int]:
    """Return how many alerts are kept of each of these sorts; a sort without any is left out."""
    query = select(dcc_alerts.c.trust, func.count()).where(dcc_alerts.c.trust.in_(trusts))
    rows = await connection.execute(query.group_by(dcc_alerts.c.trust))
    return {row[0]: row[1] for row in rows}


def _where(wanted: AlertFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [dcc_alerts.c.id > 0]
    if wanted.trust == "not_verified":
        conditions.append(dcc_alerts.c.trust != "verified")
    elif wanted.trust:
        conditions.append(dcc_alerts.c.trust == wanted.trust)
    if wanted.request_id:
        conditions.append(dcc_alerts.c.request_id == wanted.request_id)
    return and_(*conditions)


async def count_alerts(connection: AsyncConnection, wanted: AlertFilter) -> int:
    """Return how many alerts match."""
    query = select(func.count()).select_from(dcc_alerts).where(_where(wanted))
    return int((await connection.execute(query)).scalar_one())


async def find_alerts(
    connection: AsyncConnection, wanted: AlertFilter, limit: int, skip: int = 0
) -> list[ListedAlert]:
    """Return up to *limit* alerts that match after the first *skip*, the newest first."""
    query = select(*_LISTED).where(_where(wanted)).order_by(dcc_alerts.c.id.desc())
    return [ListedAlert(*row) for row in await connection.execute(query.limit(limit).offset(skip))]


async def get_alert(connection: AsyncConnection, number: int) -> tuple[ListedAlert, bytes]:
    """Return an alert and its bytes as they came; raise `NotFound`."""
    query = select(*_LISTED, dcc_alerts.c.content).where(dcc_alerts.c.id == number)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound("alert_unknown", f"there is no alert of the DCC {number}", "List them: /quarantine.")
    return ListedAlert(*row[:-1]), row[-1]
