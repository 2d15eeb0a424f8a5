"""DSP PM 11 from what is on record: how long the DCC took to tell us of each request that it holds.

A request is measured once, from when it was seen leaving to the first alert that named it, whatever quarantine
events hold it.
"""

from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Label, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dcc_schema import quarantined
from gateway.store.schema import episodes, excess
from thresholds.model import Level

LIMIT_MS: Final = 1_800_000
"""DSP PM 11: anomalous Service Requests notified within 30 minutes."""

_LONGEST: Final[ColumnElement[int]] = quarantined.c.received_at_ms - quarantined.c.sent_at_ms
_SHORTEST: Final[ColumnElement[int]] = quarantined.c.received_at_ms - quarantined.c.sent_until_ms
_BEFORE: Final = _LONGEST < 0
"""Told before it can have been sent: two clocks differ, and nothing is known of how long it took."""

_TWICE_MS: Final = 86_400_000
"""A critical request leaves twice, as TRANSFORM and as SPC, within so long: the first time is the month's."""


class Sums(msgspec.Struct, frozen=True):
    """What the requests that left in some time came to."""

    count: int
    """Requests whose sending was seen and that the DCC told us of, other than *clock_difference*."""
    within: int
    """Of those: told within 30 minutes for certain."""
    uncertain: int
    """Of those: the minute of the sending decides, and more is not known."""
    worst_ms: int | None
    clock_difference: int
    """Requests that the DCC told us of before they were sent by the clock."""
    ahead_ms: int | None
    """By how much at the most; None where there is none."""


class NotNotified(msgspec.Struct, frozen=True):
    """Requests above a quarantine level of ours of which the DCC told us nothing."""

    late: int
    """Sent over 30 minutes ago."""
    not_yet: int
    """Sent within the last 30 minutes: it may tell us yet."""


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
        """From the earliest moment at which it can have been sent; negative for a difference of clocks."""
        return self.received_at_ms - self.sent_at_ms

    @property
    def shortest_ms(self) -> int:
        """From the latest moment at which it can have been sent and was not told of yet."""
        shortest = self.received_at_ms - self.sent_until_ms
        return shortest if self.longest_ms < 0 else max(0, shortest)

    @property
    def within(self) -> str:
        """Whether the DCC told us within 30 minutes: `yes`, `no`, `uncertain` or `clock_difference`."""
        if self.longest_ms < 0:
            return "clock_difference"
        if self.longest_ms <= LIMIT_MS:
            return "yes"
        return "uncertain" if self.shortest_ms <= LIMIT_MS else "no"


def _is_first() -> ColumnElement[bool]:
    """Hold for the first alert that named a request."""
    other = quarantined.alias()
    earlier = or_(
        other.c.received_at_ms < quarantined.c.received_at_ms,
        and_(other.c.received_at_ms == quarantined.c.received_at_ms, other.c.id < quarantined.c.id),
    )
    return ~select(other.c.id).where(other.c.request_id == quarantined.c.request_id, earlier).exists()


def _left(first_ms: int, end_ms: int) -> ColumnElement[bool]:
    sent = quarantined.c.sent_at_ms
    return and_(sent >= first_ms, sent < end_ms, _is_first())


def _sum(condition: ColumnElement[bool], name: str) -> Label[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0).label(name)


async def read_sums(connection: AsyncConnection, first_ms: int, end_ms: int) -> Sums:
    """Return the sums of the requests that left from *first_ms* to before *end_ms*."""
    query = select(
        _sum(~_BEFORE, "count"),
        _sum(and_(~_BEFORE, _LONGEST <= LIMIT_MS), "within"),
        _sum(and_(_LONGEST > LIMIT_MS, _SHORTEST <= LIMIT_MS), "uncertain"),
        func.max(case((~_BEFORE, _LONGEST))).label("worst"),
        _sum(_BEFORE, "before"),
        func.max(case((_BEFORE, -_LONGEST))).label("ahead"),
    ).where(_left(first_ms, end_ms))
    count, within, uncertain, worst, before, ahead = (await connection.execute(query)).one()
    return Sums(int(count), int(within), int(uncertain), worst, int(before), ahead)


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
    """Return how many requests the DCC told us of first in that time that we did not see leave."""
    told = and_(quarantined.c.received_at_ms >= first_ms, quarantined.c.received_at_ms < end_ms)
    not_seen = and_(told, quarantined.c.sent_at_ms.is_(None), _is_first())
    return int((await connection.execute(select(func.count()).where(not_seen))).scalar_one())


async def count_not_notified(
    connection: AsyncConnection, first_ms: int, end_ms: int, now_ms: int
) -> NotNotified:
    """Return how many requests were above a quarantine level of ours then, and the DCC told us of none of them."""
    told = select(quarantined.c.id).where(quarantined.c.request_id == excess.c.request_id).exists()
    sent = excess.c.observed_at_ms
    each = (
        select(func.min(sent).label("sent"))
        .join(episodes, episodes.c.id == excess.c.episode_id)
        .where(episodes.c.level == Level.QUARANTINE, sent >= first_ms - _TWICE_MS, sent < end_ms, ~told)
        .group_by(excess.c.request_id)
        .having(func.min(sent) >= first_ms)
        .subquery()
    )
    late = each.c.sent < now_ms - LIMIT_MS
    row = (
        await connection.execute(select(_sum(late, "late"), _sum(~late, "not_yet")).select_from(each))
    ).one()
    return NotNotified(int(row[0]), int(row[1]))
