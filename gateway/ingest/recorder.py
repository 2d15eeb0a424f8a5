"""Puts breaches and the ends of episodes on record: incident, audit record and alerts in one transaction."""

from collections.abc import Callable, Sequence

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.candidate import Candidate, Candidates
from gateway.alerts.classification import MARKINGS
from gateway.alerts.facts import BreachFacts
from gateway.audit.record import Entry
from gateway.clock import to_text
from gateway.ingest.forecasts import record_forecasts
from gateway.ingest.threshold_facts import threshold_facts
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.episodes import (
    add_excess,
    close_episode,
    close_quiet,
    find_episode,
    keep_open,
    open_episode,
    silence_episode,
)
from gateway.store.forecasts import find_forecast
from gateway.store.incidents import StoredIncident, last_reopened
from gateway.store.journal import Counted, Observation, keep_counted
from thresholds.breach import Breach, Change, EpisodeEnded, EpisodeId, OpenEpisode
from thresholds.model import Level
from thresholds.outlook import ForecastChange, OpenForecast

log = structlog.get_logger(__name__)


class ExcessRequest(msgspec.Struct, frozen=True):
    """A communication above the level of an episode."""

    episode: EpisodeId
    observation: Observation


class Recorder:
    """Writes what the monitor reports; writing it twice is the same as once."""

    def __init__(
        self,
        database: Database,
        candidates: Candidates,
        service_name: Callable[[str], str],
    ) -> None:
        self._database = database
        self._candidates = candidates
        self._service_name = service_name

    async def record(
        self,
        changes: Sequence[Change],
        excess: Sequence[ExcessRequest],
        open_episodes: Sequence[OpenEpisode],
        counted: Counted,
        now: float,
    ) -> None:
        """Record everything in one transaction, and how far the count has come; then wake the channels."""
        first = {request.episode: request.observation for request in reversed(excess)}
        async with self._database.write() as connection:
            for change in changes:
                if isinstance(change, EpisodeEnded):
                    await self._end(connection, change, now)
                else:
                    await self._open(connection, change, first.get(change.episode), now)
            await keep_open(connection, open_episodes)
            await close_quiet(connection, open_episodes, counted.evaluated_at)
            await add_excess(connection, [(r.episode, r.observation) for r in excess])
            await keep_counted(connection, counted)
        self._candidates.ring()

    async def record_forecasts(
        self, changes: Sequence[ForecastChange], raised: Sequence[OpenForecast], now: float
    ) -> None:
        """Record which forecasts were raised or withdrawn, and the state of those that are raised now."""
        async with self._database.write() as connection:
            await record_forecasts(connection, self._candidates, self._service_name, changes, raised, now)
        self._candidates.ring()

    async def _open(
        self, connection: AsyncConnection, breach: Breach, first: Observation | None, now: float
    ) -> None:
        if await find_episode(connection, breach.episode):
            return
        superseded = await self._superseded(connection, breach)
        facts = await self._facts(connection, breach, first, superseded)
        title = _title(breach, facts.threshold.service_name)
        follows = await _followed(connection, breach, superseded)
        candidate = Candidate(facts, title, breach.opened, breach.threshold.user_id, follows=follows)
        incident_id = await self._candidates.open(connection, candidate, now)
        await open_episode(connection, breach.episode, incident_id)
        if breach.supersedes:
            await silence_episode(connection, breach.supersedes)
        if superseded and superseded.is_open:
            await self._supersede(connection, superseded, incident_id, now)

    async def _superseded(self, connection: AsyncConnection, breach: Breach) -> StoredIncident | None:
        if breach.supersedes is None:
            return None
        episode = await find_episode(connection, breach.supersedes)
        if episode is None or episode.incident_id is None:
            return None
        return await last_reopened(connection, episode.incident_id)

    async def _supersede(
        self, connection: AsyncConnection, incident: StoredIncident, by: int, now: float
    ) -> None:
        reason = f"superseded by candidate incident {by}: the quarantine level was passed"
        await self._candidates.close(
            connection, incident, by="system", reason=reason, now=now, superseded_by=by
        )

    async def _end(self, connection: AsyncConnection, ended: EpisodeEnded, now: float) -> None:
        episode = await find_episode(connection, ended.episode)
        if episode is None or episode.ended_at is not None:
            return
        await close_episode(connection, episode, ended.ended, ended.reason)
        subject = f"incident/{episode.incident_id}" if episode.incident_id else "episode"
        detail = {"episode": str(ended.episode), "ended": to_text(ended.ended), "reason": str(ended.reason)}
        await append_record(connection, Entry("system", "episode.ended", subject, detail), now)
        log.info("episode_ended", incident=episode.incident_id, reason=ended.reason)

    async def _facts(
        self,
        connection: AsyncConnection,
        breach: Breach,
        first: Observation | None,
        superseded: StoredIncident | None,
    ) -> BreachFacts:
        return BreachFacts(
            level=breach.level,
            limit=breach.limit,
            count=breach.count,
            window_from=to_text(breach.window_start),
            window_to=to_text(breach.opened),
            opened_at=to_text(breach.opened),
            threshold=await threshold_facts(connection, breach.threshold, self._service_name),
            first_request_id=first.communication.request_id if first else "",
            supersedes=superseded.id if superseded else None,
        )


async def _followed(
    connection: AsyncConnection, breach: Breach, superseded: StoredIncident | None
) -> StoredIncident | None:
    """Return whose marking a breach takes over: of the warning that it supersedes and the forecast that comes true.

    Where both are marked it is the one that fewer people may see; of one that a person took up again, it is that.
    """
    found = [superseded] if superseded else []
    if breach.level == Level.QUARANTINE and (known := await find_forecast(connection, breach.episode.key)):
        found.append(await last_reopened(connection, known.incident_id))
    return max(found, key=lambda each: list(MARKINGS).index(each.marking), default=None)


def _title(breach: Breach, service_name: str) -> str:
    threshold = breach.threshold
    return (
        f"{breach.level} threshold passed: {threshold.communication} {threshold.service} ({service_name}) "
        f"of {threshold.user_id}: {breach.count} in {threshold.period.text}, limit {breach.limit}"
    )
