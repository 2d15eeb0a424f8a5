"""Puts breaches and the ends of episodes on record: incident, audit record and alerts in one transaction."""

from collections.abc import Callable, Sequence

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.message import (
    Alert,
    IncidentFacts,
    RecordFacts,
    SetBy,
    ThresholdFacts,
    alert_id,
    decode_facts,
    encode,
)
from gateway.audit.record import Entry
from gateway.clock import to_text
from gateway.live import IncidentEvent, Live
from gateway.store.adt_files import get_file
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.episodes import (
    add_excess,
    close_episode,
    close_quiet,
    find_episode,
    keep_open,
    open_episode,
)
from gateway.store.incidents import (
    IncidentState,
    StoredIncident,
    close_incident,
    get_incident,
    insert_incident,
    update_incident,
)
from gateway.store.journal import Counted, Observation, keep_counted
from gateway.store.outbox import put_alert
from thresholds.breach import Breach, Change, EpisodeEnded, EpisodeId, OpenEpisode
from thresholds.model import Threshold

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
        instance: str,
        channels: Sequence[str],
        service_name: Callable[[str], str],
        ring: Callable[[], None],
        live: Live | None = None,
    ) -> None:
        self._database = database
        self._instance = instance
        self._channels = channels
        self._service_name = service_name
        self._ring = ring
        self._live = live or Live()
        self._news: list[IncidentEvent] = []

    async def record(
        self,
        changes: Sequence[Change],
        excess: Sequence[ExcessRequest],
        open_episodes: Sequence[OpenEpisode],
        counted: Counted,
        now: float,
    ) -> None:
        """Record everything in one transaction, and how far the count has come; then wake the channels."""
        self._news = []
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
        self._ring()
        for event in self._news:
            self._live.tell(event)

    async def _open(
        self, connection: AsyncConnection, breach: Breach, first: Observation | None, now: float
    ) -> None:
        if await find_episode(connection, breach.episode):
            return
        superseded = await self._superseded(connection, breach)
        facts = await self._facts(connection, breach, first, superseded)
        title = _title(breach, facts.threshold.service_name)
        incident_id = await insert_incident(
            connection,
            kind=facts.kind,
            level=breach.level,
            user_id=breach.threshold.user_id,
            title=title,
            opened_at=breach.opened,
            record=0,
            detail=encode(facts),
        )
        subject = f"incident/{incident_id}"
        detail = {"title": title, "facts": msgspec.to_builtins(facts)}
        record = await append_record(connection, Entry("system", "incident.opened", subject, detail), now)
        await update_incident(connection, incident_id, record=record.number)
        await open_episode(connection, breach.episode, incident_id)
        alert = Alert(
            id=alert_id(self._instance, incident_id, "opened"),
            instance=self._instance,
            event="opened",
            incident=incident_id,
            title=title,
            at=to_text(now),
            facts=facts,
            record=RecordFacts(record.number, record.hash),
        )
        await put_alert(connection, self._channels, incident_id, encode(alert), int(now))
        self._news.append(
            IncidentEvent("opened", incident_id, facts.kind, breach.level, title, IncidentState.OPEN)
        )
        log.warning("candidate_incident", incident=incident_id, title=title, record=record.number)
        if superseded and superseded.state is IncidentState.OPEN:
            await self._supersede(connection, superseded, incident_id, now)

    async def _superseded(self, connection: AsyncConnection, breach: Breach) -> StoredIncident | None:
        if breach.supersedes is None:
            return None
        episode = await find_episode(connection, breach.supersedes)
        if episode is None or episode.incident_id is None:
            return None
        return await get_incident(connection, episode.incident_id)

    async def _supersede(
        self, connection: AsyncConnection, incident: StoredIncident, by: int, now: float
    ) -> None:
        reason = f"superseded by candidate incident {by}: the quarantine level was passed"
        closed = await close_incident(
            connection, incident, by="system", reason=reason, now=int(now), superseded_by=by
        )
        await announce_closed(connection, closed, self._instance, self._channels, now)
        self._news.append(closed_event(closed))

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
    ) -> IncidentFacts:
        return IncidentFacts(
            kind="threshold",
            level=breach.level,
            limit=breach.limit,
            count=breach.count,
            window_from=to_text(breach.window_start),
            window_to=to_text(breach.opened),
            opened_at=to_text(breach.opened),
            threshold=await self._threshold(connection, breach.threshold),
            first_request_id=first.communication.request_id if first else "",
            supersedes=superseded.id if superseded else None,
        )

    async def _threshold(self, connection: AsyncConnection, threshold: Threshold) -> ThresholdFacts:
        file = await get_file(connection, threshold.file_id)
        return ThresholdFacts(
            user_id=threshold.user_id,
            communication=threshold.communication,
            service=threshold.service,
            service_name=self._service_name(threshold.service),
            period=threshold.period.text,
            alignment=threshold.alignment,
            warning=threshold.warning,
            quarantine=threshold.quarantine,
            is_exception=threshold.is_exception,
            set_by=SetBy(
                file_id=file.id,
                file_name=file.name,
                file_sha256=file.sha256,
                line=threshold.line,
                submitted_by=file.submitted_by,
                approved_by=file.approved_by or "",
                in_force_at=to_text(file.in_force_at or 0),
                in_force_record=file.in_force_record or 0,
            ),
        )


def closed_event(closed: StoredIncident) -> IncidentEvent:
    """Return what viewers are told of a closed incident."""
    return IncidentEvent("closed", closed.id, closed.kind, closed.level, closed.title, closed.state)


async def announce_closed(
    connection: AsyncConnection, incident: StoredIncident, instance: str, channels: Sequence[str], now: float
) -> None:
    """Append the record of a closed incident and put its alert into the outbox."""
    by, reason = incident.closed_by or "system", incident.reason or ""
    detail = {"reason": reason, "superseded_by": incident.superseded_by}
    record = await append_record(connection, Entry(by, "incident.closed", incident.subject, detail), now)
    alert = Alert(
        id=alert_id(instance, incident.id, "closed"),
        instance=instance,
        event="closed",
        incident=incident.id,
        title=incident.title,
        at=to_text(now),
        facts=decode_facts(incident.detail),
        record=RecordFacts(record.number, record.hash),
        reason=reason,
        by=by,
    )
    await put_alert(connection, channels, incident.id, encode(alert), int(now))


def _title(breach: Breach, service_name: str) -> str:
    threshold = breach.threshold
    return (
        f"{breach.level} threshold passed: {threshold.communication} {threshold.service} ({service_name}) "
        f"of {threshold.user_id}: {breach.count} in {threshold.period.text}, limit {breach.limit}"
    )[:200]
