"""Requests in, thresholds, rates, incidents and the audit chain out."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.alerts.facts import KINDS
from gateway.alerts.muting import planned_work
from gateway.errors import InvalidInput
from gateway.ingest.document import DOCUMENT_MAX_BYTES
from gateway.ingest.receive import NDJSON_BYTES, TakenLines
from gateway.life import OPEN, IncidentState, states_of
from gateway.operations.rates import shown_rate
from gateway.store.audit_log import PAGE
from gateway.web.answers import instants, json_answer
from gateway.web.auth import asker
from gateway.web.files import asked_body, path_number
from gateway.web.incident_shapes import shown_whole
from gateway.web.queries import asked_number
from gateway.web.services import SERVICES
from gateway.web.shapes import Rates, Records, ShownRecord, ShownThreshold, Thresholds
from thresholds.instant import format_instant
from thresholds.model import Threshold

INCIDENT_LIMIT: Final = 1000
"""Incidents, or requests in excess, in one answer at the most."""


async def service_requests(request: web.Request) -> web.Response:
    """Count service requests: one as application/xml, many as application/x-ndjson; 202 after the commit."""
    person = await asker(request)
    person.require(Action.SEND_COMMUNICATIONS)
    receiver = request.app[SERVICES].receiver
    if request.content_type == "application/x-ndjson":
        return json_answer(await receiver.lines(await asked_body(request, NDJSON_BYTES)), status=202)
    if request.content_type in {"application/xml", "text/xml"}:
        taken = await receiver.request(await asked_body(request, DOCUMENT_MAX_BYTES))
        return json_answer(TakenLines(taken.accepted, taken.duplicate, []), status=202)
    raise web.HTTPUnsupportedMediaType(text="Send application/xml or application/x-ndjson.")


def shown_threshold(threshold: Threshold) -> ShownThreshold:
    """Return a threshold as the API shows it."""
    return ShownThreshold(
        user_id=threshold.user_id,
        communication=threshold.communication,
        service=threshold.service,
        period=threshold.period.text,
        alignment=threshold.alignment,
        warning=threshold.warning,
        quarantine=threshold.quarantine,
        effective_from=format_instant(threshold.effective_from),
        effective_to=None if threshold.effective_to is None else format_instant(threshold.effective_to),
        file_id=threshold.file_id,
        line=threshold.line,
    )


async def thresholds(request: web.Request) -> web.Response:
    """List the thresholds in force, exceptions included."""
    (await asker(request)).require(Action.READ_MONITORING)
    found = request.app[SERVICES].counting.thresholds
    return json_answer(Thresholds([shown_threshold(threshold) for threshold in found]))


async def rates(request: web.Request) -> web.Response:
    """List each count beside its threshold, nearest to its quarantine level first."""
    (await asker(request)).require(Action.READ_MONITORING)
    found = [shown_rate(rate, rate.until_quarantine) for rate in request.app[SERVICES].counting.rates()]
    found.sort(key=lambda rate: (rate.headroom is None, rate.headroom))
    return json_answer(Rates(found))


async def incidents(request: web.Request) -> web.Response:
    """List candidate incidents, newest first; `?state=open`, `?kind=`, `?limit=`."""
    person = await asker(request)
    text = request.query.get("state")
    if text is not None and text not in {OPEN, *IncidentState}:
        msg = f"state must be one of {', '.join((OPEN, *IncidentState))}"
        raise InvalidInput("query_malformed", msg, "Correct the address.")
    states = states_of(text) if text else ()
    kind = request.query.get("kind")
    if kind is not None and kind not in KINDS:
        raise InvalidInput(
            "query_malformed", f"kind must be one of {', '.join(KINDS)}", "Correct the address."
        )
    limit = asked_number(request, "limit", 200, INCIDENT_LIMIT)
    found = await request.app[SERVICES].incidents.newest(person, states, limit, kind)
    return json_answer({"incidents": [instants(incident) for incident in found]})


async def incident(request: web.Request) -> web.Response:
    """Show a candidate incident with what was done with it and the requests in excess (`?limit=` of them)."""
    person = await asker(request)
    limit = asked_number(request, "limit", 100, INCIDENT_LIMIT)
    found = await request.app[SERVICES].incidents.get(person, path_number(request), limit)
    silences = await request.app[SERVICES].silences.of_incident(person, found.incident)
    work = {"planned_work": planned_work(silences), "silences": [silence.id for silence in silences]}
    return json_answer(shown_whole(found) | work)


async def audit(request: web.Request) -> web.Response:
    """Return audit records after number `?after=`, up to `?limit=`, as the bytes that are hashed.

    Octets that are no UTF-8 (somebody changed the row) are shown as U+FFFD: the record does not verify then. The
    body of a record about a classified incident is empty for others than its nominees.
    """
    person = await asker(request)
    person.require(Action.READ_AUDIT)
    after = asked_number(request, "after", 0, 2**31)
    limit = asked_number(request, "limit", PAGE, PAGE)
    found = await request.app[SERVICES].looks.audit.page(person, after, limit)
    return json_answer(
        Records([ShownRecord(r.number, r.body.decode(errors="replace"), r.hash, r.withheld) for r in found])
    )
