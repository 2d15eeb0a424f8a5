"""What is reported of quarantine: the difference between our thresholds and the DCC's."""

from typing import Any

import msgspec
from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dcc_schema import quarantined
from gateway.store.incident_work import unless_classified
from gateway.store.schema import episodes, excess
from thresholds.model import Level


class Expected(msgspec.Struct, frozen=True):
    """A quarantine level of ours that was passed, and what the DCC held of it."""

    episode_id: int
    incident_id: int | None
    user_id: str
    communication: str
    service: str
    opened_at: int
    ended_at: int | None
    excess: int
    """Requests above the level."""
    held: int
    """Of those: the DCC told us that it holds them."""


async def read_expected(connection: AsyncConnection, since: int, limit: int) -> list[Expected]:
    """Return the quarantine levels of ours that were passed since then, the newest first."""
    columns = [episodes.c[name] for name in Expected.__struct_fields__[2:7]]
    query = select(episodes.c.id, unless_classified(episodes.c.incident_id), *columns).where(
        episodes.c.level == Level.QUARANTINE, episodes.c.opened_at >= since
    )
    rows: list[Any] = list(await connection.execute(query.order_by(episodes.c.opened_at.desc()).limit(limit)))
    held = select(quarantined.c.id).where(quarantined.c.request_id == excess.c.request_id).exists()
    counts = (
        select(excess.c.episode_id, func.count(), func.sum(case((held, 1), else_=0)))
        .where(excess.c.episode_id.in_([row[0] for row in rows]))
        .group_by(excess.c.episode_id)
    )
    of_episode = {row[0]: (int(row[1]), int(row[2])) for row in await connection.execute(counts)}
    told: list[Any] = [(*row, *of_episode.get(row[0], (0, 0))) for row in rows]
    return [Expected(*each) for each in told]


class Unexpected(msgspec.Struct, frozen=True):
    """A quarantine event of the DCC with requests that our own count did not expect it to hold."""

    user_id: str
    event_ref: str
    breach: str
    incident_id: int | None
    requests: int
    first_at_ms: int
    last_at_ms: int


async def read_unexpected(connection: AsyncConnection, since: int, limit: int) -> list[Unexpected]:
    """Return the events since then with requests while no quarantine level of ours was passed, the newest first."""
    group = quarantined.c.user_id, quarantined.c.event_ref, quarantined.c.breach
    last = func.max(quarantined.c.received_at_ms)
    query = (
        select(
            *group,
            func.max(unless_classified(quarantined.c.incident_id).element),
            func.count(),
            func.min(quarantined.c.received_at_ms),
            last,
        )
        .where(quarantined.c.matched == "not_predicted", quarantined.c.received_at_ms >= since * 1000)
        .group_by(*group)
        .order_by(last.desc())
        .limit(limit)
    )
    return [Unexpected(*row) for row in await connection.execute(query)]
