"""Forecasts as kept: those that are raised, and the incident of each."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import forecasts
from thresholds.model import Alignment, ThresholdKey, UserId
from thresholds.outlook import OpenForecast


class StoredForecast(msgspec.Struct, frozen=True):
    """A raised forecast and its incident."""

    state: OpenForecast
    incident_id: int


def _is(key: ThresholdKey) -> ColumnElement[bool]:
    return and_(*(forecasts.c[name] == value for name, value in msgspec.structs.asdict(key).items()))


def _forecast(row: Any) -> StoredForecast:
    key = ThresholdKey(
        UserId(row.user_id), row.communication, row.service, row.period_seconds, Alignment(row.alignment)
    )
    return StoredForecast(OpenForecast(key, row.raised_at, row.clear_since), row.incident_id)


async def find_forecast(connection: AsyncConnection, key: ThresholdKey) -> StoredForecast | None:
    """Return the forecast that is raised for *key*."""
    row = (await connection.execute(select(forecasts).where(_is(key)))).one_or_none()
    return _forecast(row) if row else None


async def read_forecasts(connection: AsyncConnection) -> list[StoredForecast]:
    """Return the forecasts that are raised."""
    return [_forecast(row) for row in await connection.execute(select(forecasts).order_by(forecasts.c.id))]


async def add_forecast(connection: AsyncConnection, key: ThresholdKey, raised: int, incident_id: int) -> None:
    """Keep that a forecast was raised at the second *raised*."""
    values = msgspec.structs.asdict(key) | {"raised_at": raised, "incident_id": incident_id}
    await connection.execute(insert(forecasts).values(values))


async def keep_forecast(connection: AsyncConnection, state: OpenForecast) -> None:
    """Keep since when nothing is in sight for a forecast that is raised."""
    which = _is(state.key), forecasts.c.raised_at == state.raised
    await connection.execute(update(forecasts).where(*which).values(clear_since=state.clear_since))


async def remove_forecast(connection: AsyncConnection, key: ThresholdKey) -> None:
    """Keep no longer that a forecast is raised for *key*."""
    await connection.execute(delete(forecasts).where(_is(key)))
