"""The proposal of a decision: conditions, what they cover now, and the reason."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.errors import Conflict, InvalidInput
from gateway.ingest.dcc.response import BreachKind
from gateway.operations.decisions import ROWS_SHOWN, Proposal
from gateway.store.decisions import Chosen
from gateway.web.console import quarantine_words as words
from gateway.web.console.decisions import DECISIONS, sentence
from gateway.web.console.form import Fault
from gateway.web.console.page import Page
from gateway.web.console.paging import HIGHEST, LONGEST
from gateway.web.console.visit import Visit
from gateway.web.console.wait_clock import clock_of
from thresholds.exit_profile import ExitAction

NEW: Final = f"{DECISIONS}/new"
FORM_BYTES: Final = 262_144
"""A form that names every request of a page."""
WORDS: Final = {
    "": "",
    ExitAction.RELEASE: "Release: the DCC processes them",
    ExitAction.DELETE: "Delete: the DCC drops them",
}


async def new(visit: Visit) -> web.StreamResponse:
    """Show the conditions of the address and the held requests that they cover."""
    query = visit.request.query
    return await _form(visit, _chosen(query.get, query.getall("number", [])))


async def _form(visit: Visit, chosen: Chosen, *faults: Fault, status: int = 200) -> web.Response:
    is_asked = chosen != Chosen()
    covered = await visit.services.decisions.covered(visit.person, chosen) if is_asked else None
    breaches = [("", "any"), *((kind, words.BREACHES.get(kind, kind)) for kind in BreachKind)]
    return visit.show(
        "decision_new.html",
        status,
        faults=faults,
        sent=visit.form,
        chosen=chosen,
        covered=covered,
        rows=covered.requests[:ROWS_SHOWN] if covered else [],
        breaches=breaches,
        words=words,
        not_seen=sum(each.is_not_seen for each in covered.requests) if covered else 0,
        clock=clock_of(visit),
        kept=_kept(chosen),
        actions=[(action, WORDS[action]) for action in ExitAction],
        exit_profile=visit.services.decisions.rules.profile.label,
    )


async def propose(visit: Visit) -> web.StreamResponse:
    """Freeze what was seen and write the file; where it changed meanwhile, show what is covered now."""
    form = visit.form
    chosen = _chosen(lambda name, default: form.text(name) or default, list(form.choices("number")))
    action = form.text("action")
    if action not in set(ExitAction):
        fault = Fault("action", "Choose whether the requests are released or deleted.")
        return await _form(visit, chosen, fault, status=InvalidInput.status)
    proposal = Proposal(ExitAction(action), form.raw("reason"), chosen, form.text("seen"))
    try:
        made = await visit.services.decisions.propose(visit.person, proposal)
    except InvalidInput as error:
        return await _form(visit, chosen, Fault("reason", sentence(error)), status=error.status)
    except Conflict as error:
        fault = Fault("covered", f"Nothing was done: {sentence(error)} What it covers now is below.")
        return await _form(visit, chosen, fault, status=error.status)
    return visit.go(f"{DECISIONS}/{made.id}", f"Decision {made.id} waits for a second person to approve it.")


def _kept(chosen: Chosen) -> list[tuple[str, str]]:
    """Return the conditions as fields of the form."""
    fields = {
        "event": chosen.event_ref,
        "user": chosen.user_id,
        "service": chosen.service,
        "incident": str(chosen.incident or ""),
        "breach": chosen.breach,
    }
    given = [(name, value) for name, value in fields.items() if value]
    return given + [("number", str(number)) for number in chosen.numbers]


def _chosen(text: Callable[[str, str], str], numbers: list[str]) -> Chosen:
    breach = text("breach", "")
    if breach and breach not in set(BreachKind):
        raise InvalidInput("query_malformed", "there is no such kind of breach", "Choose from the list.")
    return Chosen(
        event_ref=text("event", "").strip()[:LONGEST],
        user_id=text("user", "").strip().upper()[:LONGEST],
        service=text("service", "").strip()[:LONGEST],
        incident=_number(text("incident", "").strip() or "0"),
        breach=breach,
        numbers=tuple(_number(number) for number in numbers),
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(HIGHEST)) and int(text) <= HIGHEST):
        raise InvalidInput("query_malformed", f"{text!r:.20} is no number", "Correct it.")
    return int(text)


PAGES: Final = (
    Page("GET", NEW, new, Action.DECIDE_QUARANTINE, "Decide on quarantined requests", parent=DECISIONS),
    Page(
        "POST",
        NEW,
        propose,
        Action.DECIDE_QUARANTINE,
        "Decide on quarantined requests",
        parent=DECISIONS,
        form_bytes=FORM_BYTES,
        kept_field="reason",
    ),
)
