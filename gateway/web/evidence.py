"""The evidence of a candidate incident, as JSON and as CSV."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiohttp import web

from gateway.access import Action, Person
from gateway.alerts.facts import ThresholdFacts
from gateway.clock import to_text
from gateway.operations.evidence_csv import TABLES, devices_csv, evidence_csv
from gateway.operations.incident_evidence import LOOKED_FOR, Evidence, FileEvidence, RecordRow, read_evidence
from gateway.store.incident_evidence import DeviceRow, OtherIncident
from gateway.web.answers import instants, json_answer
from gateway.web.auth import asker
from gateway.web.files import path_number
from gateway.web.services import SERVICES, Services
from gateway.web.shapes import AdtFile, Instant, ShownRecord
from thresholds.curve import MINUTE
from thresholds.instant import format_instant
from thresholds.past import Held
from thresholds.unusual import RULE, UnusualKind

STREAMED: Final = ("devices", "excess")
"""Tables of any length."""
CSV_TABLES: Final = (*TABLES, *STREAMED)


class ShownLevels(msgspec.Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """What held for a time; null where no threshold did."""

    since: Instant
    until: Instant
    warning: int | None
    quarantine: int | None
    file_id: int | None
    line: int | None


class ShownCounts(msgspec.Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """Counts of each minute: of the window at its end, and what counted in it."""

    since: Instant
    until: Instant
    step: int
    is_cut: bool
    """Whether the incident lasted longer than this."""
    as_of: Instant
    """When it was looked: a minute that is not over is counted until then."""
    known_since: Instant
    """Before this nothing was counted, or it is kept no longer."""
    counts: list[int]
    arrivals: list[int]
    levels: list[ShownLevels]


class ShownFileEvidence(msgspec.Struct, frozen=True):
    """The file that set the threshold; *links* lead to its bytes, signature, receipt and approval."""

    file: AdtFile  # type: ignore[valid-type] # made there
    line: int
    is_same: bool
    """Whether the stored SHA-256 is the one that the incident names."""
    links: dict[str, str]
    records: list[ShownRecord]


class ShownExcess(msgspec.Struct, frozen=True):
    """What was sent above the level; the files have all of it."""

    requests: int
    devices: int
    of_requests: int
    """How many requests were added up for the list of devices."""
    top: list[DeviceRow]
    links: dict[str, str]


class ShownOther(msgspec.Struct, frozen=True):
    """Another incident of that time."""

    id: int
    kind: str
    level: str
    user_id: str
    title: str
    marking: str
    opened_at: Instant
    closed_at: Instant | None


class ShownUnusual(msgspec.Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """What else was unusual."""

    since: Instant
    until: Instant
    rule: str
    weeks: int
    """Weeks before that are on record; with none nothing could be compared."""
    kinds: list[UnusualKind]
    found: dict[str, int]
    """How many of the incidents are of each kind that is always looked for."""
    incidents: list[ShownOther]
    is_cut: bool
    """Whether there may be more incidents."""


class ShownEvidence(msgspec.Struct, frozen=True):
    """The evidence of a candidate incident."""

    incident: int
    kind: str
    level: str
    user_id: str
    title: str
    marking: str
    began: Instant
    ended: Instant | None
    threshold: ThresholdFacts | None
    set_by: ShownFileEvidence | None
    counts: ShownCounts
    excess: ShownExcess
    unusual: ShownUnusual
    records: list[ShownRecord]


def shown_evidence(found: Evidence) -> ShownEvidence:
    """Return evidence as the API shows it."""
    incident, time = found.incident, found.time
    return ShownEvidence(
        incident=incident.id,
        kind=incident.kind,
        level=incident.level,
        user_id=incident.user_id,
        title=incident.title,
        marking=incident.marking,
        began=format_instant(time.began),
        ended=None if time.ended is None else format_instant(time.ended),
        threshold=found.threshold,
        set_by=_file(found.file) if found.file else None,
        counts=_counts(found),
        excess=_excess(found),
        unusual=_unusual(found),
        records=_records(found.records),
    )


def _file(found: FileEvidence) -> ShownFileEvidence:
    file = found.file
    has = {"file": True, "signature": file.signature_name, "receipt": file.signed_at}
    has["approval"] = file.approval_evidence_sha256
    links = {part: f"/api/v1/adt-files/{file.id}/{part}" for part, there in has.items() if there}
    shown = msgspec.convert(instants(file), AdtFile)
    return ShownFileEvidence(shown, found.line, found.is_same, links, _records(found.records))


def _records(records: list[RecordRow]) -> list[ShownRecord]:
    return [ShownRecord(each.number, each.body.decode(errors="replace"), each.hash) for each in records]


def _counts(found: Evidence) -> ShownCounts:
    time, counts = found.time, found.counts
    return ShownCounts(
        since=format_instant(time.since),
        until=format_instant(time.until),
        step=MINUTE,
        is_cut=time.is_cut,
        as_of=format_instant(time.as_of),
        known_since=format_instant(counts.known_since),
        counts=[point.highest for point in counts.points],
        arrivals=[point.arrivals for point in counts.points],
        levels=[_levels(held) for held in counts.held],
    )


def _levels(held: Held) -> ShownLevels:
    of = held.threshold
    levels = (of.warning, of.quarantine, of.file_id, of.line) if of else (None, None, None, None)
    return ShownLevels(format_instant(held.since), format_instant(held.until), *levels)


def _excess(found: Evidence) -> ShownExcess:
    path = f"/api/v1/incidents/{found.incident.id}/evidence"
    links = {table: f"{path}/{table}.csv" for table in STREAMED} if found.excess_count else {}
    devices = found.devices
    return ShownExcess(found.excess_count, devices.count, devices.of_requests, devices.devices, links)


def _unusual(found: Evidence) -> ShownUnusual:
    time, unusual = found.time, found.unusual
    kinds = [each.kind for each in unusual.incidents]
    return ShownUnusual(
        since=format_instant(time.beside_since),
        until=format_instant(time.beside_until),
        rule=RULE,
        weeks=unusual.weeks,
        kinds=unusual.kinds,
        found={kind: kinds.count(kind) for kind in LOOKED_FOR},
        incidents=[_other(each) for each in unusual.incidents],
        is_cut=unusual.is_cut,
    )


def _other(each: OtherIncident) -> ShownOther:
    closed = None if each.closed_at is None else to_text(each.closed_at)
    known = each.id, each.kind, each.level, each.user_id, each.title, each.marking
    return ShownOther(*known, to_text(each.opened_at), closed)


async def _read(services: Services, person: Person, number: int) -> Evidence:
    return await read_evidence(services.database, services.history, person, number, services.clock)


async def evidence(request: web.Request) -> web.Response:
    """Show the evidence of a candidate incident: who set the limit, the counts around it, what else was unusual."""
    person = await asker(request)
    return json_answer(shown_evidence(await _read(request.app[SERVICES], person, path_number(request))))


async def evidence_table(request: web.Request) -> web.StreamResponse:
    """Return a table of the evidence as CSV: counts, kinds, incidents, or all devices or requests in excess."""
    person = await asker(request)
    person.require(Action.READ_MONITORING)
    return await send_table(request, person, path_number(request), request.match_info["table"])


async def send_table(request: web.Request, person: Person, number: int, table: str) -> web.StreamResponse:
    """Answer with a table of an incident's evidence, a part at a time where it may be long."""
    services = request.app[SERVICES]
    parts: AsyncIterator[bytes]
    if table == "devices":
        parts = devices_csv(services.database, person, number, services.clock)
    elif table == "excess":
        parts = services.incidents.excess_csv(person, number)
    else:
        parts = _whole(evidence_csv(await _read(services, person, number), table))
    first = await anext(parts)
    name = f"incident-{number}-{table}.csv"
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        }
    )
    await response.prepare(request)
    await response.write(first)
    async for part in parts:
        await response.write(part)
    await response.write_eof()
    return response


async def _whole(text: str) -> AsyncIterator[bytes]:
    yield text.encode()
