"""Candidate incidents: found and understood."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.alerts.classification import LICENCE, SEC
from gateway.alerts.facts import KINDS, BreachFacts, ConditionFacts, ForecastFacts
from gateway.alerts.kinds import KIND_TEXTS, kind_text
from gateway.life import OPEN, IncidentState, states_of
from gateway.operations.files import REASON_LIMIT
from gateway.store.incident_list import IncidentFilter
from gateway.web.console.condition_words import about, figures
from gateway.web.console.form import Fault
from gateway.web.console.incident_evidence import evidence_parts
from gateway.web.console.incident_words import steps_for
from gateway.web.console.page import Page
from gateway.web.console.paging import ROWS, Paging, address, asked_choice, asked_number, asked_text
from gateway.web.console.plain_words import what_happened
from gateway.web.console.records import shown_records
from gateway.web.console.visit import Visit
from gateway.web.files import path_number
from thresholds.model import Level

INCIDENTS: Final = "/incidents"
ONE: Final = f"{INCIDENTS}/{{number:[0-9]{{1,10}}}}"
ANY_STATE: Final = "all"
STATES: Final = (OPEN, *IncidentState, ANY_STATE)
UNREADABLE: Final = "What is known of it cannot be read here; its audit records say it."


async def listed(visit: Visit) -> web.StreamResponse:
    """List the candidate incidents that match the conditions of the address; the open ones without any."""
    request = visit.request
    state = asked_choice(request, "state", STATES) or OPEN
    wanted = IncidentFilter(
        states=() if state == ANY_STATE else states_of(state),
        kind=asked_choice(request, "kind", KINDS),
        level=asked_choice(request, "level", Level),
        user_id=asked_text(request, "user"),
        text=asked_text(request, "text"),
        before=asked_number(request, "before", 0),
    )
    page = asked_number(request, "page", 1, lowest=1)
    found = await visit.services.incidents.find(visit.person, wanted, ROWS, (page - 1) * ROWS)
    conditions = {
        "state": str(state),
        "kind": wanted.kind,
        "level": wanted.level,
        "user": wanted.user_id,
        "text": wanted.text,
        "before": str(wanted.before or ""),
    }
    return visit.show(
        "incidents.html",
        found=found,
        wanted=conditions,
        paging=Paging(
            address(INCIDENTS, conditions), page, found.counted.count, is_more=found.counted.is_more
        ),
        older=address(
            INCIDENTS, conditions | {"before": str(found.incidents[-1].id) if found.incidents else ""}
        ),
        kind_text=kind_text,
        state_options=[(state, state.replace("_", " ")) for state in STATES],
        kind_options=[("", "any"), *((kind, text.name) for kind, text in KIND_TEXTS.items())],
        level_options=[("", "any"), *((level, level) for level in Level)],
    )


async def one(visit: Visit) -> web.StreamResponse:
    """Show a candidate incident."""
    return await show_incident(visit)


async def show_incident(visit: Visit, *faults: Fault, status: int = 200) -> web.Response:
    """Show a candidate incident, with what was wrong with a form of its page."""
    number, page = path_number(visit.request), asked_number(visit.request, "page", 1, lowest=1)
    found = await visit.services.incidents.whole(visit.person, number, ROWS, (page - 1) * ROWS)
    facts = found.facts
    return visit.show(
        "incident.html",
        status,
        title=f"Incident {number}",
        faults=faults,
        sent=visit.form,
        incident=found.incident,
        facts=facts,
        text=kind_text(found.incident.kind),
        sentences=what_happened(facts) if facts else [f"{found.incident.title}.", UNREADABLE],
        breach=facts if isinstance(facts, BreachFacts) else None,
        forecast=facts if isinstance(facts, ForecastFacts) else None,
        condition=facts if isinstance(facts, ConditionFacts) else None,
        condition_about=about(facts) if isinstance(facts, ConditionFacts) else "",
        condition_figures=figures(facts) if isinstance(facts, ConditionFacts) else [],
        episodes=found.episodes,
        excess=found.excess,
        paging=Paging(f"{INCIDENTS}/{number}", page, found.excess_count),
        records=shown_records(found.records.records, visit.person),
        left_out=found.records.left_out,
        work=found.work,
        suggestion=found.suggestion,
        licence_words=LICENCE,
        sec_words=SEC,
        steps=steps_for(visit.person, found.incident),
        may_note=visit.person.may(Action.ACKNOWLEDGE_INCIDENT),
        may_work=visit.person.may(Action.WORK_ON_INCIDENT),
        reason_limit=REASON_LIMIT,
        kind_text=kind_text,
        silences=await visit.services.silences.of_incident(visit.person, found.incident),
        **await evidence_parts(visit, number),
    )


async def download_excess(visit: Visit) -> web.StreamResponse:
    """Send every request in excess as CSV."""
    number = path_number(visit.request)
    parts = visit.services.incidents.excess_csv(visit.person, number)
    first = await anext(parts)
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="incident-{number}-excess.csv"',
        }
    )
    await response.prepare(visit.request)
    await response.write(first)
    async for part in parts:
        await response.write(part)
    await response.write_eof()
    return response


_READ: Final = Action.READ_MONITORING

PAGES: Final = (
    Page("GET", INCIDENTS, listed, _READ, "Incidents", navigation=True),
    Page("GET", ONE, one, _READ, "Incident", parent=INCIDENTS),
    Page("GET", f"{ONE}/excess.csv", download_excess, _READ, "Requests in excess", parent=INCIDENTS),
)
