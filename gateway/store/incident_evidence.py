"""Evidence beside an incident's own rows: target devices in excess, and what else was wrong at that time."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.episodes import ExcessPlace, excess_rows
from gateway.store.schema import episodes, excess, incidents

_TARGET_AT: Final = 25
"""Where the target begins in `originator:target:counter`: an EUI-64 has 23 characters."""
_EUI64: Final = 23
READ_AT_ONCE: Final = 1_000_000
"""Requests in excess that are added up for a list of devices at the most."""


class DeviceRow(msgspec.Struct, frozen=True):
    """A target device and how many communications to it are in excess."""

    device: str
    """Its EUI-64."""
    requests: int


class Devices(msgspec.Struct, frozen=True):
    """The target devices in excess."""

    count: int
    """How many devices there are."""
    devices: list[DeviceRow]
    """Those with the most."""
    of_requests: int
    """How many requests in excess were added up: those of the incident, or the first `READ_AT_ONCE`."""


async def devices_of(connection: AsyncConnection, incident_id: int, limit: int) -> Devices:
    """Return the *limit* target devices of an incident with the most requests in excess."""
    target = func.substr(excess.c.request_id, _TARGET_AT, _EUI64).label("device")
    read = (
        select(target)
        .join(episodes, episodes.c.id == excess.c.episode_id)
        .where(episodes.c.incident_id == incident_id)
        .limit(READ_AT_ONCE)
        .subquery()
    )
    number = func.count().label("requests")
    groups = select(read.c.device, number).group_by(read.c.device).subquery()
    every = func.count().over(), func.sum(groups.c.requests).over()
    query = select(groups.c.device, groups.c.requests, *every)
    rows = list(
        await connection.execute(query.order_by(groups.c.requests.desc(), groups.c.device).limit(limit))
    )
    devices = [DeviceRow(row[0], row[1]) for row in rows]
    return Devices(rows[0][2] if rows else 0, devices, int(rows[0][3]) if rows else 0)


class EpisodeDevice(msgspec.Struct, frozen=True):
    """A target device in excess in one episode."""

    episode: int
    device: str
    requests: int


async def devices_after(
    connection: AsyncConnection, incident_id: int, after: ExcessPlace | None, limit: int
) -> tuple[ExcessPlace | None, list[EpisodeDevice]]:
    """Return the devices of the next *limit* requests in excess beyond *after*, and where those end.

    The order is that of the primary key, in which the requests to one device follow each other: only the first
    device may go on with the last one of the call before.
    """
    rows = await excess_rows(connection, incident_id, after, limit)
    found: list[EpisodeDevice] = []
    for episode, request_id, _, _ in rows:
        device = request_id[_TARGET_AT - 1 : _TARGET_AT - 1 + _EUI64]
        if found and (found[-1].episode, found[-1].device) == (episode, device):
            found[-1] = EpisodeDevice(episode, device, found[-1].requests + 1)
        else:
            found.append(EpisodeDevice(episode, device, 1))
    return ((rows[-1][0], rows[-1][1], rows[-1][2]) if rows else after), found


async def episode_names(connection: AsyncConnection, incident_id: int) -> dict[int, tuple[str, int]]:
    """Return level and first second of each episode of an incident, by its number in the store."""
    query = select(episodes.c.id, episodes.c.level, episodes.c.opened_at)
    rows = await connection.execute(query.where(episodes.c.incident_id == incident_id))
    return {row[0]: (row[1], row[2]) for row in rows}


class OtherIncident(msgspec.Struct, frozen=True):
    """An incident that stands beside another one in time."""

    id: int
    kind: str
    level: str
    user_id: str
    title: str
    opened_at: int
    closed_at: int | None
    marking: str
    detail: msgspec.Raw


_COLUMNS: Final = tuple(incidents.c[name] for name in OtherIncident.__struct_fields__)


async def incidents_at(
    connection: AsyncConnection,
    incident_id: int,
    since: int,
    until: int,
    conditions: Sequence[str],
    limit: int,
) -> list[OtherIncident]:
    """Return other incidents that were opened from *since* to *until*, or lasted then, the newest first.

    Of each way to be there *limit* at the most: opened at the time, with an episode at the time, or of one of
    the kinds *conditions* and not closed before. Whether such a condition still held, its facts say.
    """
    opened = incidents.c.opened_at.between(since, until)
    lasted = incidents.c.id.in_(
        select(episodes.c.incident_id).where(
            episodes.c.opened_at < since, or_(episodes.c.ended_at.is_(None), episodes.c.ended_at >= since)
        )
    )
    open_then = or_(incidents.c.closed_at.is_(None), incidents.c.closed_at >= since)
    condition = and_(incidents.c.kind.in_(conditions), incidents.c.opened_at < since, open_then)
    found: dict[int, OtherIncident] = {}
    for way in (opened, lasted, condition):
        for row in await connection.execute(_beside(incident_id, way, limit)):
            values = dict(row._mapping) | {"detail": msgspec.Raw(bytes(row.detail))}  # noqa: SLF001 - public in SQLAlchemy
            found[row.id] = OtherIncident(**values)
    return sorted(found.values(), key=lambda each: (each.opened_at, each.id), reverse=True)


def _beside(incident_id: int, way: ColumnElement[bool], limit: int) -> Select[Any]:
    newest = incidents.c.opened_at.desc(), incidents.c.id.desc()
    return select(*_COLUMNS).where(way, incidents.c.id != incident_id).order_by(*newest).limit(limit)
