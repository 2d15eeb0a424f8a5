"""What the DCC holds and tells: held requests, its alerts, and where its thresholds differ from ours."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.ingest.dcc.response import BreachKind
from gateway.ingest.dcc.signature import Trust
from gateway.store.dcc_alerts import AlertFilter
from gateway.store.decision_rows import HELD
from gateway.store.quarantined import MATCHES, STATES, HeldFilter
from gateway.web.console import quarantine_words as words
from gateway.web.console.page import Page
from gateway.web.console.paging import ROWS, Paging, address, asked_choice, asked_number, asked_text
from gateway.web.console.visit import Visit
from gateway.web.files import path_number

QUARANTINE: Final = "/quarantine"
ALERTS: Final = f"{QUARANTINE}/alerts"
ONE_ALERT: Final = f"{ALERTS}/{{number:[0-9]{{1,10}}}}"
DIFFERENCES: Final = f"{QUARANTINE}/differences"
ANY: Final = "all"
NOT_VERIFIED: Final = "not_verified"
SHOWN_BYTES: Final = 8192
"""Of a message's own text."""


async def listed(visit: Visit) -> web.StreamResponse:
    """List the requests that match the conditions of the address; those held now without any."""
    request = visit.request
    state = asked_choice(request, "state", (*STATES, ANY)) or STATES[0]
    wanted = HeldFilter(
        state="" if state == ANY else state,
        user_id=asked_text(request, "user").upper(),
        event_ref=asked_text(request, "event"),
        breach=asked_choice(request, "breach", BreachKind),
        matched=asked_choice(request, "matched", MATCHES),
        request_id=asked_text(request, "request").upper(),
        incident_id=asked_number(request, "incident", 0),
    )
    page = asked_number(request, "page", 1, lowest=1)
    quarantine = visit.services.quarantine
    found = await quarantine.held(visit.person, wanted, ROWS, (page - 1) * ROWS)
    unbelieved = await quarantine.alerts(visit.person, AlertFilter(trust=NOT_VERIFIED), 1)
    conditions = {
        "state": state,
        "user": wanted.user_id,
        "event": wanted.event_ref,
        "breach": wanted.breach,
        "matched": wanted.matched,
        "request": wanted.request_id,
        "incident": str(wanted.incident_id or ""),
    }
    return visit.show(
        "quarantine.html",
        found=found,
        unbelieved=unbelieved.count,
        wanted=conditions,
        decide=_way_to_decide(visit, conditions) if found.held else "",
        filtered=any(value for name, value in conditions.items() if name != "state"),
        paging=Paging(address(QUARANTINE, conditions), page, found.count),
        words=words,
        may_decide=visit.person.may(Action.DECIDE_QUARANTINE),
        now=visit.services.clock(),
        state_options=[(state, state) for state in (*STATES, ANY)],
        breach_options=[("", "any"), *words.BREACHES.items()],
        match_options=[("", "any"), *((name, text[0]) for name, text in words.MATCHES.items())],
    )


def _way_to_decide(visit: Visit, conditions: dict[str, str]) -> str:
    """Return the address to decide on all that is listed; empty where there is none.

    A decision knows fewer conditions than the list: one that it would leave out must not widen it.
    """
    given = {name: value for name, value in conditions.items() if value and name != "state"}
    if not visit.person.may(Action.DECIDE_QUARANTINE) or conditions["state"] != HELD:
        return ""
    if not given.keys() <= {"user", "event", "breach", "incident"}:
        return ""
    return address(f"{QUARANTINE}/decisions/new", given)


async def alerts(visit: Visit) -> web.StreamResponse:
    """List the alerts of the DCC that match the conditions of the address."""
    request = visit.request
    trust = asked_choice(request, "trust", (*Trust, NOT_VERIFIED))
    wanted = AlertFilter(trust, asked_text(request, "request").upper())
    page = asked_number(request, "page", 1, lowest=1)
    found = await visit.services.quarantine.alerts(visit.person, wanted, ROWS, (page - 1) * ROWS)
    conditions = {"trust": trust, "request": wanted.request_id}
    return visit.show(
        "dcc_alerts.html",
        found=found,
        wanted=conditions,
        paging=Paging(address(ALERTS, conditions), page, found.count),
        words=words,
        trust_options=[
            ("", "any"),
            (NOT_VERIFIED, "not believed"),
            *((name, text[0]) for name, text in words.TRUSTS.items()),
        ],
    )


async def alert(visit: Visit) -> web.StreamResponse:
    """Show one alert: what it says, whether that is believed, and its text as it came."""
    number = path_number(visit.request)
    found = await visit.services.quarantine.alert(visit.person, number)
    text = found.content[:SHOWN_BYTES].decode("utf-8", "replace")
    return visit.show(
        "dcc_alert.html",
        title=f"Alert {number} of the DCC",
        alert=found.alert,
        held=found.held,
        text="".join(char if char.isprintable() or char in "\n\t" else "�" for char in text),
        cut=len(found.content) > SHOWN_BYTES,
        words=words,
        now=visit.services.clock(),
    )


async def differences(visit: Visit) -> web.StreamResponse:
    """Show what we expected the DCC to hold, and what it held without our expecting it."""
    found = await visit.services.quarantine.differences(visit.person)
    return visit.show("quarantine_differences.html", found=found, words=words)


_READ: Final = Action.READ_MONITORING

PAGES: Final = (
    Page("GET", QUARANTINE, listed, _READ, "Quarantine", navigation=True),
    Page("GET", ALERTS, alerts, _READ, "Alerts of the DCC", parent=QUARANTINE),
    Page("GET", ONE_ALERT, alert, _READ, "Alert of the DCC", parent=ALERTS),
    Page("GET", DIFFERENCES, differences, _READ, "Differences of thresholds", parent=QUARANTINE),
)
