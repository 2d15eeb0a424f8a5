"""The evidence of a candidate incident in one place: who set the limit, the counts around it, what else was unusual."""

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.alerts.facts import (
    BreachFacts,
    ClockWrong,
    ConditionFacts,
    Facts,
    ForecastFacts,
    NotCountable,
    NoThresholds,
    QueueFull,
    SourceSilent,
    ThresholdFacts,
    TokenFails,
    kind_of,
    known_facts,
)
from gateway.clock import Clock
from gateway.errors import NotFound
from gateway.operations.classified import looking, masked
from gateway.operations.evidence_time import EvidenceTime, evidence_time, key_of, seconds_of
from gateway.operations.history import History
from gateway.store import incidents as store
from gateway.store.adt_files import StoredFile, get_file
from gateway.store.audit_log import newest_records
from gateway.store.counts import Stretch
from gateway.store.database import Database
from gateway.store.episodes import EpisodeRow, count_excess, episodes_of
from gateway.store.incident_evidence import Devices, OtherIncident, devices_of, incidents_at
from gateway.store.kind_counts import KindMinutes
from gateway.store.past_thresholds import set_thresholds
from thresholds.curve import MINUTE, Point, curve, first_minute
from thresholds.kind import Kind
from thresholds.model import ThresholdKey
from thresholds.past import Held, held_between
from thresholds.unusual import WEEK, WEEKS, UnusualKind, unusual

DEVICES: Final = 20
"""Target devices that are named; the file has all."""
BESIDE: Final = 50
"""Other incidents that are named of each way to be there."""
RECORDS: Final = 200
CONDITIONS: Final = (SourceSilent, QueueFull, ClockWrong, NoThresholds, NotCountable, TokenFails)
LOOKED_FOR: Final = tuple(kind_of(each) for each in (SourceSilent, QueueFull, NotCountable, ClockWrong))
"""What is said of even where there was none: sources, refusals, requests not counted, the clock."""


class RecordRow(msgspec.Struct, frozen=True):
    """An audit record that belongs to the evidence."""

    number: int
    hash: str
    body: bytes


class FileEvidence(msgspec.Struct, frozen=True):
    """The file that set the threshold, as the store has it now."""

    file: StoredFile
    line: int
    is_same: bool
    """Whether its bytes are still those that the incident names, by their SHA-256."""
    records: list[RecordRow]


class Counts(msgspec.Struct, frozen=True):
    """The counts around the incident."""

    points: list[Point]
    """One for each minute: the count of the window at its end, and what counted in it."""
    held: list[Held]
    """The thresholds that held; none for what is about no threshold."""
    known_since: int
    """Before this second nothing was counted, or it is kept no longer."""


class Unusual(msgspec.Struct, frozen=True):
    """What else was unusual at that time."""

    kinds: list[UnusualKind]
    weeks: int
    """Weeks before that are on record; without any nothing could be compared."""
    incidents: list[OtherIncident]
    is_cut: bool
    """Whether there may be more incidents than those."""


class Evidence(msgspec.Struct, frozen=True):
    """All that is known around a candidate incident."""

    incident: store.StoredIncident
    facts: Facts | None
    time: EvidenceTime
    threshold: ThresholdFacts | None
    file: FileEvidence | None
    episodes: list[EpisodeRow]
    counts: Counts
    excess_count: int
    devices: Devices
    unusual: Unusual
    records: list[RecordRow]
    """Of the incident, the newest first."""


async def read_evidence(
    database: Database, history: History, person: Person, incident_id: int, clock: Clock
) -> Evidence:
    """Return the evidence of an incident; raise `NotFound` where there is none of that number.

    Of a classified one nominees alone get it, and the look is on record; `NotPermitted` for others.
    """
    person.require(Action.READ_MONITORING)
    now = int(clock())
    async with looking(database, person, incident_id, "evidence", clock) as (connection, incident):
        facts, episodes = known_facts(incident.detail), await episodes_of(connection, incident_id)
        time, key = evidence_time(incident, facts, episodes, now), key_of(facts)
        threshold = facts.threshold if isinstance(facts, BreachFacts | ForecastFacts) else None
        excess_count = await count_excess(connection, incident_id)
        devices = await devices_of(connection, incident_id, DEVICES)
        file = await _file(connection, threshold, person)
        rows = await set_thresholds(connection, key) if key else []
        beside = await _beside(connection, incident_id, time)
        records = await _records(connection, incident.subject, person)
    held = held_between([row.past for row in rows], time.since, time.until) if key else []
    counts = await _counts(history, person, key, time)
    kinds, weeks, known_since = await _unusual(history, person, incident.user_id, time)
    return Evidence(
        incident=incident,
        facts=facts,
        time=time,
        threshold=threshold,
        file=file,
        episodes=episodes,
        counts=Counts(counts, held, known_since),
        excess_count=excess_count,
        devices=devices,
        unusual=Unusual(kinds, weeks, beside, len(beside) >= BESIDE),
        records=records,
    )


async def _file(
    connection: AsyncConnection, threshold: ThresholdFacts | None, person: Person
) -> FileEvidence | None:
    if threshold is None:
        return None
    by = threshold.set_by
    try:
        file = await get_file(connection, by.file_id)
    except NotFound:
        return None
    records = await _records(connection, file.subject, person)
    return FileEvidence(file, by.line, file.sha256 == by.file_sha256, records)


async def _records(connection: AsyncConnection, subject: str, person: Person) -> list[RecordRow]:
    if not person.may(Action.READ_AUDIT):
        return []
    found = await newest_records(connection, subject, RECORDS)
    return [RecordRow(record.number, record.hash, record.body) for record in found]


async def _beside(connection: AsyncConnection, incident_id: int, time: EvidenceTime) -> list[OtherIncident]:
    kinds = [kind_of(each) for each in CONDITIONS]
    since, until = time.beside_since, time.beside_until
    found = await incidents_at(connection, incident_id, since, until, kinds, BESIDE)
    return [masked(each) for each in found if each.opened_at >= since or not _was_over(each, since)]


def _was_over(incident: OtherIncident, since: int) -> bool:
    """Tell whether what *incident* is about had ended for good before *since*."""
    facts = known_facts(incident.detail)
    until = seconds_of(facts.until) if isinstance(facts, ConditionFacts) else None
    return until is not None and until < since


async def _counts(
    history: History, person: Person, key: ThresholdKey | None, time: EvidenceTime
) -> list[Point]:
    """Return the count of the window at the end of each minute; without a threshold all that counted in it."""
    if key is None:
        _, (kinds,) = await history.by_kind(person, "", [(time.since, time.until)])
        return _added(kinds, time)
    start = max(0, first_minute(key.period_seconds, key.alignment, time.since + MINUTE - 1))
    stretch = Stretch(key.user_id, key.communication, key.service, start, time.until, MINUTE)
    minutes = await history.read(person, stretch)
    return curve(minutes, start, key.period_seconds, key.alignment, time.since, time.until, MINUTE)


def _added(kinds: KindMinutes, time: EvidenceTime) -> list[Point]:
    length = (time.until - time.since) // MINUTE
    sums = [sum(values) for values in zip(*kinds.values(), strict=True)] or [0] * length
    return [Point(time.since + (slot + 1) * MINUTE - 1, n, n) for slot, n in enumerate(sums)]


async def _unusual(
    history: History, person: Person, user_id: str, time: EvidenceTime
) -> tuple[list[UnusualKind], int, int]:
    """Return unusual kinds, how many weeks could be compared, and since when counts are on record."""
    span = time.beside_since, time.beside_until
    if not user_id:
        known, _ = await history.by_kind(person, "", [])
        return [], 0, known
    weeks = [(span[0] - week * WEEK, span[1] - week * WEEK) for week in range(1, WEEKS + 1)]
    weeks = [week for week in weeks if week[0] >= 0]
    known, (own, *before) = await history.by_kind(person, user_id, [span, *weeks])
    kept = _highest(
        minutes for minutes, (first, _) in zip(before, weeks, strict=True) if known and first >= known
    )
    return unusual(own, span[0], kept), len(kept), known


def _highest(weeks: Iterable[KindMinutes]) -> list[dict[Kind, int]]:
    return [{kind: max(values) for kind, values in minutes.items()} for minutes in weeks]
