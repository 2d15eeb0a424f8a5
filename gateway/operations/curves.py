"""The past of one threshold: its counts, what held, who set it and what came of it."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.errors import NotFound
from gateway.ingest.forecasts import subject_key
from gateway.operations.history import History
from gateway.store.counts import Stretch
from gateway.store.database import Database
from gateway.store.incident_work import CLASSIFIED
from gateway.store.incidents import StoredIncident, of_subject
from gateway.store.kind_counts import counted_since
from gateway.store.past_thresholds import PastEpisode, SetThreshold, past_episodes, set_thresholds
from thresholds.curve import MINUTE, Point, curve, first_minute
from thresholds.model import ThresholdKey
from thresholds.past import Held, held_between

STEPS: Final = (60, 120, 300, 600, 900, 1800, 3600)
POINTS: Final = 750
"""Points of a curve at the most, where the longest step is not too short."""


class Span(msgspec.Struct, frozen=True):
    """A time in whole minutes, in seconds since the epoch."""

    since: int
    until: int
    """The first second after it."""

    @property
    def step(self) -> int:
        """Seconds of one point of a curve: its highest count is shown."""
        length = self.until - self.since
        return next((step for step in STEPS if length <= step * POINTS), STEPS[-1])


class Past(msgspec.Struct, frozen=True):
    """What is known of one key in a span."""

    key: ThresholdKey
    span: Span
    points: Sequence[Point]
    known_since: int
    """From when on counts are on record; 0 where none is at all."""
    held: Sequence[Held]
    rows: Sequence[SetThreshold]
    """All rows that held or will, whatever the span; the newest first."""
    episodes: Sequence[PastEpisode]
    foretold: Sequence[StoredIncident]
    """Candidate incidents of a breach that was expected."""


class PointRow(msgspec.Struct, frozen=True):
    """A point with the levels at its end."""

    point: Point
    warning: int | None
    quarantine: int | None


async def read_past(
    database: Database, history: History, person: Person, key: ThresholdKey, span: Span
) -> Past:
    """Return the past of *key*; raise `NotFound` for one that no file that came into force has named."""
    person.require(Action.READ_MONITORING)
    async with database.read() as connection:
        rows = await set_thresholds(connection, key)
        if not rows:
            msg = "there is no such threshold"
            raise NotFound("threshold_unknown", msg, "Choose it from the list of rates.")
        episodes = await past_episodes(connection, key, span.since, span.until)
        known = await counted_since(connection)
        foretold = await of_subject(connection, "forecast", subject_key(key))
        foretold = [each for each in foretold if each.marking != CLASSIFIED]
    held = held_between([row.past for row in rows], span.since, span.until)
    start = first_minute(key.period_seconds, key.alignment, span.since + MINUTE - 1)
    stretch = Stretch(key.user_id, key.communication, key.service, start, span.until, MINUTE)
    minutes = await history.read(person, stretch)
    points = curve(minutes, start, key.period_seconds, key.alignment, span.since, span.until, span.step)
    return Past(key, span, points, known, held, rows, episodes, foretold)


def with_levels(points: Sequence[Point], held: Sequence[Held]) -> Iterator[PointRow]:
    """Yield each point with the levels that held at its last second."""
    waiting = iter(held)
    now = next(waiting, None)
    for point in points:
        while now is not None and now.until <= point.second:
            now = next(waiting, None)
        threshold = now.threshold if now else None
        yield PointRow(
            point, threshold.warning if threshold else None, threshold.quarantine if threshold else None
        )
