"""Tables of an incident's evidence as CSV (RFC 4180) with a header."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.access import Action, Person
from gateway.clock import Clock
from gateway.operations.classified import looking, require_nominee
from gateway.operations.curves import with_levels
from gateway.operations.incident_evidence import Evidence
from gateway.store.database import Database
from gateway.store.episodes import ExcessPlace
from gateway.store.incident_evidence import EpisodeDevice, devices_after, episode_names
from gateway.store.incidents import get_incident
from thresholds.instant import format_instant

Row = Sequence[Any]

AT_ONCE: Final = 5000
"""Requests in excess that are read at once for a download."""
TABLES: Final = ("counts", "kinds", "incidents")
"""What `evidence_csv` can write."""


def evidence_csv(evidence: Evidence, table: str) -> str:
    """Return one of `TABLES`: the counts by the minute, the unusual kinds, or the other incidents of the time.

    The marking of the incident, where it has one, stands in every row.
    """
    header, rows = {"counts": _counts, "kinds": _kinds, "incidents": _incidents}[table](evidence)
    return _text(*_marked(evidence.incident.marking, header, rows))


def _marked(marking: str, header: Row, rows: Iterable[Row]) -> tuple[Row, Iterable[Row]]:
    """Return a table with the marking in the last column; as it is where there is none."""
    if not marking:
        return header, rows
    return [*header, *(["Marking"] if header else [])], ([*row, marking] for row in rows)


def _counts(evidence: Evidence) -> tuple[Row, Iterable[Row]]:
    counts = evidence.counts
    header = ["Until", "Count", "CountedInMinute", "WarningThreshold", "QuarantineThreshold"]
    rows = with_levels(counts.points, counts.held)
    points = ((row.point, row.warning, row.quarantine) for row in rows)
    return header, ([_time(p.second + 1), p.highest, p.arrivals, *levels] for p, *levels in points)


def _kinds(evidence: Evidence) -> tuple[Row, Iterable[Row]]:
    header = ["Communication", "ServiceReferenceVariant", "HighestInOneMinute", "Minute", "Usual", "Counted"]
    rows = evidence.unusual.kinds
    found = ([k.communication, k.service, k.highest, _time(k.minute), k.usual, k.counted] for k in rows)
    return header, found


def _incidents(evidence: Evidence) -> tuple[Row, Iterable[Row]]:
    header = ["Incident", "Kind", "Level", "UserID", "OpenedAt", "ClosedAt", "Title"]
    rows = (
        [i.id, i.kind, i.level, i.user_id, _time(i.opened_at), _time(i.closed_at), i.title]
        for i in evidence.unusual.incidents
    )
    return header, rows


def _time(second: int | None) -> str:
    return "" if second is None else format_instant(second)


def _text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


async def devices_csv(
    database: Database, person: Person, incident_id: int, clock: Clock
) -> AsyncIterator[bytes]:
    """Yield every target device in excess with how many requests, in parts, by device within each episode.

    Each part is a transaction of its own. Raises `NotFound` before the first,
    and `NotPermitted` at any where the incident is classified for others.
    """
    person.require(Action.READ_MONITORING)
    async with looking(database, person, incident_id, "devices.csv", clock) as (connection, incident):
        names = await episode_names(connection, incident_id)
    header, _ = _marked(incident.marking, ["Device", "Requests", "Level", "EpisodeFrom"], [])
    yield _text(header, []).encode()
    after: ExcessPlace | None = None
    last: list[EpisodeDevice] = []
    while True:
        async with database.read() as connection:
            await require_nominee(connection, person, await get_incident(connection, incident_id))
            after, found = await devices_after(connection, incident_id, after, AT_ONCE)
        if not found:
            break
        *ready, end = joined(last, found)
        last = [end]  # it may go on
        if ready:
            yield _devices(ready, names, incident.marking)
    if last:
        yield _devices(last, names, incident.marking)


def joined(last: Sequence[EpisodeDevice], found: Sequence[EpisodeDevice]) -> list[EpisodeDevice]:
    """Return *last* and then *found*, of which the first may go on with the last."""
    if last and (last[-1].episode, last[-1].device) == (found[0].episode, found[0].device):
        both = msgspec.structs.replace(found[0], requests=last[-1].requests + found[0].requests)
        return [*last[:-1], both, *found[1:]]
    return [*last, *found]


def _devices(rows: Sequence[EpisodeDevice], names: Mapping[int, tuple[str, int]], marking: str) -> bytes:
    named = ((row, *names.get(row.episode, ("", None))) for row in rows)
    found = ([row.device, row.requests, level, _time(opened)] for row, level, opened in named)
    return _text(*_marked(marking, [], found)).encode()
