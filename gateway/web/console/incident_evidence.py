"""The evidence of a candidate incident as a part of its page, and its tables as files."""

from typing import Any, Final

from aiohttp import web

from gateway.access import Action
from gateway.alerts.facts import SourceSilent, kind_of
from gateway.alerts.kinds import kind_text
from gateway.audit.record import AuditRecord
from gateway.operations.curves import STEPS, with_levels
from gateway.operations.evidence_time import key_of
from gateway.operations.incident_evidence import LOOKED_FOR, Evidence, read_evidence
from gateway.operations.sources import Sources
from gateway.web.console.drawing import Chart, Frame, chart, top
from gateway.web.console.lengths import length
from gateway.web.console.page import Page
from gateway.web.console.rate_key import key_path
from gateway.web.console.records import shown_records
from gateway.web.console.visit import Visit
from gateway.web.evidence import send_table
from gateway.web.files import path_number
from thresholds.curve import MINUTE, joined
from thresholds.unusual import RULE

INCIDENTS: Final = "/incidents"
TABLE_ROWS: Final = 60
"""Rows of the table beside the curve at the most: the file holds every minute."""
POINTS: Final = 750
"""Points of the curve at the most."""
SIZES: Final = ((960, 280), (340, 220))


async def evidence_parts(visit: Visit, number: int) -> dict[str, Any]:
    """Return what the page of an incident shows of its evidence."""
    services = visit.services
    found = await read_evidence(services.database, services.history, visit.person, number, services.clock)
    counts, key = found.counts, key_of(found.facts)
    many = _minutes(len(counts.points), TABLE_ROWS)
    kinds = [each.kind for each in found.unusual.incidents]
    return {
        "evidence": found,
        "evidence_charts": _charts(found),
        "evidence_rows": list(with_levels(joined(counts.points, many), counts.held)),
        "evidence_step": length(many * MINUTE),
        "evidence_highest": max(counts.points, key=lambda point: point.highest),
        "evidence_looked_for": [
            (kind_text(kind).name, _found_of(kind, kinds, services.looks.sources)) for kind in LOOKED_FOR
        ],
        "evidence_rule": RULE,
        "evidence_path": f"{INCIDENTS}/{number}",
        "evidence_key_path": key_path(key) if key else "",
        "evidence_file_records": _file_records(found, visit),
    }


def _found_of(kind: str, kinds: list[str], sources: Sources) -> str:
    """Return how many incidents of *kind* there were, in words: "none" only where one would have been told."""
    if found := kinds.count(kind):
        return str(found)
    is_blind = kind == kind_of(SourceSilent) and not sources.is_watched
    return "no source is watched now" if is_blind else "none"


def _file_records(found: Evidence, visit: Visit) -> list[Any]:
    kept = found.file.records if found.file else []
    return shown_records([AuditRecord(each.number, each.body, each.hash) for each in kept], visit.person)


def _minutes(points: int, most: int) -> int:
    """Return how many minutes are made one, so that there are *most* at the most."""
    return next((step // MINUTE for step in STEPS if points * MINUTE <= step * most), -(-points // most))


def _charts(found: Evidence) -> list[Chart]:
    """Return the curve for a wide and for a narrow screen; the time of the incident is shaded."""
    counts, time = found.counts, found.time
    points = joined(counts.points, _minutes(len(counts.points), POINTS))
    highest = top(points, counts.held, counts_alone=False)
    until = time.until if time.ended is None else time.ended
    shades = [(max(time.began, time.since), until, found.incident.level)]
    frames = [Frame(width, height, time.since, time.until, highest) for width, height in SIZES]
    return [chart(frame, points, counts.held, shades) for frame in frames]


async def download(visit: Visit) -> web.StreamResponse:
    """Send a table of the evidence as CSV."""
    request = visit.request
    return await send_table(request, visit.person, path_number(request), request.match_info["table"])


PAGES: Final = (
    Page(
        "GET",
        f"{INCIDENTS}/{{number:[0-9]{{1,10}}}}/{{table:counts|kinds|incidents|devices}}.csv",
        download,
        Action.READ_MONITORING,
        "Evidence",
        parent=INCIDENTS,
    ),
)
