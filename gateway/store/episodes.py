"""Episodes as kept: what a restart needs to go on, and the requests in excess."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import to_text
from gateway.store.journal import Observation
from gateway.store.schema import episodes, excess
from thresholds.breach import EndReason, EpisodeId, OpenEpisode
from thresholds.model import Alignment, Level, ThresholdKey, UserId


class StoredEpisode(msgspec.Struct, frozen=True):
    """An episode and the incident that it became."""

    id: int
    incident_id: int | None
    """None for a warning that a quarantine episode kept from being reported."""
    ended_at: int | None


def _values(episode: EpisodeId) -> dict[str, Any]:
    return msgspec.structs.asdict(episode.key) | {"level": episode.level, "opened_at": episode.opened}


def _is(episode: EpisodeId) -> ColumnElement[bool]:
    return and_(*(episodes.c[name] == value for name, value in _values(episode).items()))


def _insert(connection: AsyncConnection, table: Any) -> Any:
    """Return an INSERT that leaves rows which are there already alone."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).on_conflict_do_nothing()


async def find_episode(connection: AsyncConnection, episode: EpisodeId) -> StoredEpisode | None:
    """Return the episode of that identity."""
    query = select(episodes.c.id, episodes.c.incident_id, episodes.c.ended_at).where(_is(episode))
    row = (await connection.execute(query)).one_or_none()
    return StoredEpisode(*row) if row else None


async def open_episode(connection: AsyncConnection, episode: EpisodeId, incident_id: int) -> None:
    """Keep a new episode and its incident."""
    values = _values(episode) | {"incident_id": incident_id, "quiet": False}
    await connection.execute(_insert(connection, episodes).values(values))


async def keep_open(connection: AsyncConnection, now_open: Sequence[OpenEpisode]) -> None:
    """Keep which episodes are open, the quiet ones included, and how they stand: a restart goes on from them.

    Quiet ones that have ended may be among them.
    """
    for episode in now_open:
        state: dict[str, Any] = {"below_since": episode.below_since}
        values = _values(episode.episode) | state | {"quiet": episode.quiet}
        await connection.execute(_insert(connection, episodes).values(values))
        if episode.quiet:  # and stays so
            state["quiet"] = True
        if episode.ended is not None:
            state |= {"ended_at": episode.ended, "ended_because": EndReason.FELL}
        await connection.execute(update(episodes).where(_is(episode.episode)).values(state))


async def silence_episode(connection: AsyncConnection, episode: EpisodeId) -> None:
    """Keep that a quarantine episode took a warning over, which may have ended before."""
    await connection.execute(update(episodes).where(_is(episode)).values(quiet=True))


async def close_quiet(connection: AsyncConnection, now_open: Sequence[OpenEpisode], ended: int) -> None:
    """Keep that the quiet episodes which are no longer open have ended: nothing else reports it."""
    is_open = {state.episode for state in now_open}
    rows = await connection.execute(select(episodes).where(episodes.c.ended_at.is_(None), episodes.c.quiet))
    gone = [row.id for row in rows if _state(row).episode not in is_open]
    values = {"ended_at": ended, "ended_because": EndReason.FELL}
    await connection.execute(update(episodes).where(episodes.c.id.in_(gone)).values(values))


async def close_episode(
    connection: AsyncConnection, episode: StoredEpisode, ended: int, because: str
) -> None:
    """Keep when and why an episode ended."""
    await connection.execute(
        update(episodes).where(episodes.c.id == episode.id).values(ended_at=ended, ended_because=because)
    )


async def read_open_episodes(
    connection: AsyncConnection, or_fell_after: int | None = None
) -> list[OpenEpisode]:
    """Return the episodes that were open when last recorded, and those that fell later than that second."""
    wanted: ColumnElement[bool] = episodes.c.ended_at.is_(None)
    if or_fell_after is not None:
        fell = and_(episodes.c.ended_at > or_fell_after, episodes.c.ended_because == EndReason.FELL)
        wanted = or_(wanted, fell)
    rows = await connection.execute(select(episodes).where(wanted).order_by(episodes.c.ended_at))
    return [_state(row) for row in rows]


def _state(row: Any) -> OpenEpisode:
    key = ThresholdKey(
        UserId(row.user_id), row.communication, row.service, row.period_seconds, Alignment(row.alignment)
    )
    episode = EpisodeId(key, Level(row.level), row.opened_at)
    return OpenEpisode(episode, quiet=row.quiet, below_since=row.below_since, ended=row.ended_at)


async def add_excess(connection: AsyncConnection, requests: Sequence[tuple[EpisodeId, Observation]]) -> None:
    """Keep the requests above the level of an episode; repeats are no news."""
    ids: dict[EpisodeId, int] = {}
    rows = []
    for episode, observation in requests:
        if episode not in ids:
            stored = await find_episode(connection, episode)
            ids[episode] = stored.id if stored else 0
        if ids[episode]:
            sent = observation.communication
            rows.append(
                {
                    "episode_id": ids[episode],
                    "request_id": sent.request_id,
                    "communication_class": sent.communication_class,
                    "observed_at_ms": observation.observed_at_ms,
                    "service_reference_variant": sent.service_reference_variant,
                }
            )
    if rows:
        await connection.execute(_insert(connection, excess), rows)


class ExcessRow(msgspec.Struct, frozen=True):
    """A request in excess."""

    request_id: str
    communication_class: str
    observed_at: str


async def excess_of(
    connection: AsyncConnection, incident_id: int, limit: int, skip: int = 0
) -> list[ExcessRow]:
    """Return up to *limit* requests in excess of an incident after the first *skip*, oldest first."""
    query = (
        select(excess.c.request_id, excess.c.communication_class, excess.c.observed_at_ms)
        .join(episodes, episodes.c.id == excess.c.episode_id)
        .where(episodes.c.incident_id == incident_id)
        .order_by(excess.c.observed_at_ms, excess.c.request_id, excess.c.communication_class)
        .limit(limit)
        .offset(skip)
    )
    rows = await connection.execute(query)
    return [ExcessRow(row[0], row[1], to_text(row[2] / 1000)) for row in rows]


ExcessPlace = tuple[int, str, str]
"""Episode, RequestID and class: where a reader of all requests in excess is."""


async def excess_after(
    connection: AsyncConnection, incident_id: int, after: ExcessPlace | None, limit: int
) -> tuple[ExcessPlace | None, list[ExcessRow]]:
    """Return up to *limit* requests in excess beyond *after*, in the order of the primary key, and where they end."""
    rows = await excess_rows(connection, incident_id, after, limit)
    found = [ExcessRow(row[1], row[2], to_text(row[3] / 1000)) for row in rows]
    return ((rows[-1][0], rows[-1][1], rows[-1][2]) if rows else after), found


async def excess_rows(
    connection: AsyncConnection, incident_id: int, after: ExcessPlace | None, limit: int
) -> list[tuple[int, str, str, int]]:
    """Return episode, RequestID, class and time of up to *limit* requests in excess beyond *after*.

    Each episode is asked for by itself: then both kinds of store begin where the last answer ended.
    """
    own = select(episodes.c.id).where(episodes.c.incident_id == incident_id).order_by(episodes.c.id)
    if after is not None:
        own = own.where(episodes.c.id >= after[0])
    order = excess.c.request_id, excess.c.communication_class
    found: list[tuple[int, str, str, int]] = []
    for number in (await connection.execute(own)).scalars().all():
        query = select(excess.c.episode_id, *order, excess.c.observed_at_ms)
        query = query.where(excess.c.episode_id == number).order_by(*order).limit(limit - len(found))
        if after is not None and after[0] == number:
            query = query.where(tuple_(*order) > tuple_(*after[1:]))
        found += [(row[0], row[1], row[2], row[3]) for row in await connection.execute(query)]
        if len(found) >= limit:
            break
    return found


async def count_excess(connection: AsyncConnection, incident_id: int) -> int:
    """Return how many requests are in excess."""
    joined = excess.join(episodes, episodes.c.id == excess.c.episode_id)
    query = select(func.count()).select_from(joined).where(episodes.c.incident_id == incident_id)
    return int((await connection.execute(query)).scalar_one())


class Told(msgspec.Struct, frozen=True):
    """How many breaches of one key were put on record."""

    key: ThresholdKey
    level: Level
    count: int


async def count_told(connection: AsyncConnection, since: int, until: int) -> list[Told]:
    """Return how many breaches of each key and level opened from *since* to before *until*."""
    columns = [episodes.c[name] for name in (*ThresholdKey.__struct_fields__, "level")]
    query = select(*columns, func.count()).group_by(*columns)
    told = episodes.c.incident_id.is_not(None)
    rows = await connection.execute(
        query.where(told, episodes.c.opened_at >= since, episodes.c.opened_at < until)
    )
    return [
        Told(ThresholdKey(UserId(row[0]), row[1], row[2], row[3], Alignment(row[4])), Level(row[5]), row[6])
        for row in rows
    ]


class EpisodeRow(msgspec.Struct, frozen=True):
    """An episode as it is shown."""

    level: str
    opened_at: int
    ended_at: int | None
    """None while it lasts, or where a quarantine episode took it over."""
    ended_because: str | None
    quiet: bool
    """Whether it is superseded by the quarantine episode of the same threshold."""


async def episodes_of(connection: AsyncConnection, incident_id: int) -> list[EpisodeRow]:
    """Return the episodes of an incident, oldest first."""
    columns = [episodes.c[name] for name in EpisodeRow.__struct_fields__]
    query = select(*columns).where(episodes.c.incident_id == incident_id).order_by(episodes.c.opened_at)
    return [EpisodeRow(*row) for row in await connection.execute(query)]
