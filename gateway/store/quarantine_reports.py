"""What is reported of quarantine: DSP PM 11, and the difference between our thresholds and the DCC's."""

from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Label, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dcc_schema import quarantined
from gateway.store.incident_work import unless_classified
from gateway.store.schema import episodes, excess
from thresholds.model import Level

LIMIT_MS: Final = 1_800_000
"""DSP PM 11: anomalous Service Requests notified within 30 minutes."""

_LONGEST: Final[ColumnElement[int]] = quarantined.c.received_at_ms - quarantined.c.sent_at_ms
_SHORTEST: Final[ColumnElement[int]] = quarantined.c.received_at_ms - quarantined.c.sent_until_ms


class Sums(msgspec.Struct, frozen=True):
    """What the requests that left in some time came to."""

    count: int
    """Requests whose sending was seen and that the DCC told us of."""
    within: int
    """Of those: told within 30 minutes for certain."""
    uncertain: int
    """Of those: the minute of the sending decides, and more is not known."""
    worst_ms: int | None


class Delay(msgspec.Struct, frozen=True):
    """One request and how long the DCC took; an upper bound where the sending is known to the minute."""

    id: int
    request_id: str
    event_ref: str
    breach: str
    sent_at_ms: int
    sent_until_ms: int
    notified_at_ms: int
    received_at_ms: int

    @property
    def longest_ms(self) -> int:
        """From the earliest moment at which it can have been sent."""
        return self.received_at_ms - self.sent_at_ms

    @property
    def shortest_ms(self) -> int:
        """From the latest moment at which it can have been sent."""
        return self.received_at_ms - self.sent_until_ms


def _left(first_ms: int, end_ms: int) -> ColumnElement[bool]:
    return and_(quarantined.c.sent_at_ms >= first_ms, quarantined.c.sent_at_ms < end_ms)


def _sum(condition: ColumnElement[bool], name: str) -> Label[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0).label(name)


async def read_sums(connection: AsyncConnection, first_ms: int, end_ms: int) -> Sums:
    """Return the sums of the requests that left from *first_ms* to before *end_ms*."""
    query = select(
        func.count().label("count"),
        _sum(_LONGEST <= LIMIT_MS, "within"),
        _sum(and_(_LONGEST > LIMIT_MS, _SHORTEST <= LIMIT_MS), "uncertain"),
        func.max(_LONGEST).label("worst"),
    ).where(_left(first_ms, end_ms))
    row = tuple((await connection.execute(query)).one())
    return Sums(int(row[0]), int(row[1]), int(row[2]), row[3])


async def read_delays(
    connection: AsyncConnection, first_ms: int, end_ms: int, limit: int, skip: int = 0
) -> list[Delay]:
    """Return up to *limit* of those requests after the first *skip*, the longest first."""
    columns = [quarantined.c[name] for name in Delay.__struct_fields__]
    query = select(*columns).where(_left(first_ms, end_ms)).order_by(_LONGEST.desc(), quarantined.c.id)
    return [Delay(*row) for row in await connection.execute(query.limit(limit).offset(skip))]


async def delays_after(
    connection: AsyncConnection, first_ms: int, end_ms: int, after: int, limit: int
) -> list[Delay]:
    """Return up to *limit* of those requests with numbers beyond *after*, by number."""
    columns = [quarantined.c[name] for name in Delay.__struct_fields__]
    query = select(*columns).where(_left(first_ms, end_ms), quarantined.c.id > after)
    return [Delay(*row) for row in await connection.execute(query.order_by(quarantined.c.id).limit(limit))]


async def count_not_seen(connection: AsyncConnection, first_ms: int, end_ms: int) -> int:
    """Return how many requests the DCC told us of in that time that we did not see leave."""
    told = and_(quarantined.c.received_at_ms >= first_ms, quarantined.c.received_at_ms < end_ms)
    query = select(func.count()).select_from(quarantined).where(told, quarantined.c.sent_at_ms.is_(None))
    return int((await connection.execute(query)).scalar_one())


async def count_not_notified(connection: AsyncConnection, first_ms: int, end_ms: int) -> int:
    """Return how many requests were above a quarantine level of ours then, and the DCC told us of none of them."""
    told = select(quarantined.c.id).where(quarantined.c.request_id == excess.c.request_id).exists()
    query = (
        select(func.count(func.distinct(excess.c.request_id)))
        .join(episodes, episodes.c.id == excess.c.episode_id)
        .where(
            episodes.c.level == Level.QUARANTINE,
            excess.c.observed_at_ms >= first_ms,
            excess.c.observed_at_ms < end_ms,
            ~told,
        )
    )
    return int((await connection.execute(query)).scalar_one())


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
        select(excess.c.episode_id, func.count(), _sum(held, "held"))
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
