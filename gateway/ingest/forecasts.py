"""Puts forecasts on record: a raised one is a candidate incident, which closes itself when it is withdrawn."""

from collections.abc import Callable, Sequence

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.candidate import Candidate, Candidates
from gateway.alerts.facts import ForecastFacts, known_facts
from gateway.clock import to_text
from gateway.ingest.threshold_facts import threshold_facts
from gateway.store.episodes import find_episode
from gateway.store.forecasts import add_forecast, find_forecast, keep_forecast, remove_forecast
from gateway.store.incidents import last_reopened, update_incident
from thresholds.breach import EpisodeId
from thresholds.model import Level, ThresholdKey
from thresholds.outlook import ForecastChange, ForecastEnd, ForecastRaised, ForecastWithdrawn, OpenForecast

log = structlog.get_logger(__name__)

REASONS = {
    ForecastEnd.RECEDED: "receded: no quarantine has been in sight for a minute",
    ForecastEnd.REACHED: "reached: the quarantine level was passed",
    ForecastEnd.WITHDRAWN: "withdrawn: its thresholds are gone, or forecasts are switched off",
}
"""Why a forecast's incident closes itself."""


async def record_forecasts(
    connection: AsyncConnection,
    candidates: Candidates,
    service_name: Callable[[str], str],
    changes: Sequence[ForecastChange],
    raised: Sequence[OpenForecast],
    now: float,
) -> None:
    """Record *changes* and the state of all that are *raised* in the caller's transaction; twice is as once."""
    for change in changes:
        if isinstance(change, ForecastWithdrawn):
            await _withdraw(connection, candidates, change, now)
        else:
            await _raise(connection, candidates, service_name, change, now)
    for state in raised:
        await keep_forecast(connection, state)


async def _raise(
    connection: AsyncConnection,
    candidates: Candidates,
    service_name: Callable[[str], str],
    change: ForecastRaised,
    now: float,
) -> None:
    if await find_forecast(connection, change.key):
        return
    threshold = await threshold_facts(connection, change.threshold, service_name)
    facts = ForecastFacts(
        level=Level.WARNING,
        limit=change.limit,
        count=change.count,
        raised_at=to_text(change.raised),
        expected_at=to_text(change.expected),
        earliest_at=to_text(change.earliest),
        latest_at=to_text(change.latest),
        threshold=threshold,
    )
    title = (
        f"quarantine expected at {facts.expected_at[:-5]}Z: {threshold.communication} {threshold.service} "
        f"({threshold.service_name}) of {threshold.user_id}: {change.count} in {threshold.period}, "
        f"limit {change.limit}"
    )
    subject = subject_key(change.key)
    candidate = Candidate(facts, title, change.raised, threshold.user_id, subject)
    incident_id = await candidates.open(connection, candidate, now)
    await add_forecast(connection, change.key, change.raised, incident_id)


async def _withdraw(
    connection: AsyncConnection, candidates: Candidates, change: ForecastWithdrawn, now: float
) -> None:
    stored = await find_forecast(connection, change.key)
    if stored is None or stored.state.raised != change.raised:
        return
    await remove_forecast(connection, change.key)
    incident = await last_reopened(connection, stored.incident_id)
    if not incident.is_open:
        return  # a person has closed it
    reached = await _reached(connection, change)
    facts = known_facts(incident.detail)
    if isinstance(facts, ForecastFacts):  # what another release wrote stays as it is, and ends all the same
        ended = {"outcome": str(change.reason), "ended_at": to_text(change.ended), "reached": reached}
        detail = msgspec.json.encode(msgspec.structs.replace(facts, **ended))
        await update_incident(connection, incident.id, detail=detail)
    reason = REASONS[change.reason] + (f" (candidate incident {reached})" if reached else "")
    await candidates.close(connection, incident, by="system", reason=reason, now=now, superseded_by=reached)
    log.info("forecast_ended", incident=incident.id, reason=change.reason)


async def _reached(connection: AsyncConnection, change: ForecastWithdrawn) -> int | None:
    """Return the incident of the quarantine episode that was foretold."""
    if change.reason is not ForecastEnd.REACHED:
        return None
    episode = await find_episode(connection, EpisodeId(change.key, Level.QUARANTINE, change.ended))
    return episode.incident_id if episode else None


def subject_key(key: ThresholdKey) -> str:
    """Return what a forecast is about, as one line of text."""
    period = f"{key.period_seconds}/{key.alignment}"
    return f"{key.user_id}/{key.communication}/{key.service}/{period}"
