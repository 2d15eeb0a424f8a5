"""Which time the evidence of an incident is about. Pure."""

from datetime import datetime
from typing import Final

import msgspec

from gateway.alerts.facts import BreachFacts, ConditionFacts, Facts, ForecastFacts
from gateway.store.episodes import EpisodeRow
from gateway.store.incidents import StoredIncident
from thresholds.model import Alignment, ThresholdKey, UserId
from thresholds.period import parse_period

MINUTE: Final = 60
SHORTEST: Final = 600
LONGEST: Final = 86_400
"""Seconds before and after an incident at the most: its period, but not more than a day."""
CONDITION: Final = 3600
"""Seconds before and after what has no period."""
WHOLE: Final = 3 * 86_400
"""Seconds of counts at the most: a longer episode is shown from its beginning."""
BESIDE: Final = 3600
"""What else was unusual is looked for from that long before the beginning (the period, where that is shorter) to that
long after it, or to the end."""


class EvidenceTime(msgspec.Struct, frozen=True):
    """Times of an incident, in seconds since the epoch."""

    began: int
    ended: int | None
    """None while it lasts."""
    since: int
    """Counts are shown from here, a whole minute."""
    until: int
    """The first second after them, a whole minute."""
    is_cut: bool
    """Whether it lasted longer than counts are shown."""
    beside_since: int
    """What else was unusual is looked for from here, a whole minute."""
    beside_until: int
    """The first second after that, a whole minute."""
    as_of: int
    """When it was looked: a minute that is not over is counted until then."""


def key_of(facts: Facts | None) -> ThresholdKey | None:
    """Return what the threshold of an incident counts; None where it is about no threshold."""
    if not isinstance(facts, BreachFacts | ForecastFacts):
        return None
    known = facts.threshold
    period = parse_period(known.period).seconds
    return ThresholdKey(
        UserId(known.user_id), known.communication, known.service, period, Alignment(known.alignment)
    )


def evidence_time(
    incident: StoredIncident, facts: Facts | None, episodes: list[EpisodeRow], now: int
) -> EvidenceTime:
    """Return which time the evidence of *incident* is about."""
    key = key_of(facts)
    around = min(max(key.period_seconds, SHORTEST), LONGEST) if key else CONDITION
    beside = min(key.period_seconds, BESIDE) if key else BESIDE
    began, ended = incident.opened_at, _ended(facts, episodes)
    last = now if ended is None else ended
    since = max(0, _floor(began - around))
    until = max(_floor(min(now, last + around)), _floor(began)) + MINUTE
    beside_until = max(_floor(min(now, last, began + BESIDE)), _floor(began)) + MINUTE
    return EvidenceTime(
        began=began,
        ended=ended,
        since=since,
        until=min(until, since + WHOLE),
        is_cut=until > since + WHOLE,
        beside_since=max(0, _floor(began - beside)),
        beside_until=beside_until,
        as_of=now,
    )


def _floor(second: int) -> int:
    return second - second % MINUTE


def _ended(facts: Facts | None, episodes: list[EpisodeRow]) -> int | None:
    """Return when it was over; None while it lasts."""
    if isinstance(facts, BreachFacts):
        ends = [episode.ended_at for episode in episodes]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None
    if isinstance(facts, ForecastFacts):
        return seconds_of(facts.ended_at)
    return seconds_of(facts.until) if isinstance(facts, ConditionFacts) else None


def seconds_of(text: str | None) -> int | None:
    """Return the second of an instant of facts; None where there is none, or none that can be read."""
    try:
        return int(datetime.fromisoformat(text).timestamp()) if text else None
    except (ValueError, OverflowError):
        return None
