"""Silences and planned-work windows: listed, created, ended, and what each muted."""

from types import MappingProxyType
from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.alerts.kinds import KIND_TEXTS
from gateway.errors import InvalidInput
from gateway.operations.files import REASON_LIMIT
from gateway.operations.silences import AHEAD_DAYS, COMMUNICATIONS, LONGEST_DAYS, NewSilence
from gateway.store.silences import Scope
from gateway.web.console.form import Fault
from gateway.web.console.page import Page
from gateway.web.console.paging import ROWS, Paging, asked_number
from gateway.web.console.visit import Visit
from gateway.web.files import path_number
from thresholds.errors import InvalidValueError
from thresholds.instant import format_instant, parse_instant
from thresholds.model import Level

SILENCES: Final = "/silences"
NEW: Final = f"{SILENCES}/new"
ONE: Final = f"{SILENCES}/{{number:[0-9]{{1,10}}}}"
_MINUTES: Final = "%Y-%m-%dT%H:%M"
"""How a browser's field gives a time."""
USUAL_SECONDS: Final = 4 * 3600
"""How long a silence lasts as the form proposes it."""
FIELDS: Final = MappingProxyType(
    {
        "reason_required": "reason",
        "silence_begins": "begins_at",
        "silence_ends": "ends_at",
        "silence_scope": "kind",
        "silence_kind": "kind",
        "silence_level": "level",
        "silence_quarantine": "quarantine",
        "silence_communication": "communication",
        "silence_service": "service",
        "silence_user_id": "user_id",
    }
)
"""The field that a code is about."""


async def listed(visit: Visit) -> web.StreamResponse:
    """List the silences, the newest first."""
    page = asked_number(visit.request, "page", 1, lowest=1)
    count, found = await visit.services.silences.find(visit.person, ROWS, (page - 1) * ROWS)
    return visit.show(
        "silences.html",
        rows=found,
        paging=Paging(SILENCES, page, count),
        may_silence=visit.person.may(Action.SILENCE),
    )


async def ask(visit: Visit) -> web.StreamResponse:
    """Show the form of a new silence."""
    return _form(visit)


def _form(visit: Visit, *faults: Fault) -> web.Response:
    end = int(visit.services.clock()) // 60 * 60 + USUAL_SECONDS
    return visit.show(
        "silence_new.html",
        422 if faults else 200,
        faults=faults,
        sent=visit.form,
        usual_end=format_instant(end, _MINUTES),
        kind_options=[("", "any"), *((kind, text.name) for kind, text in KIND_TEXTS.items())],
        level_options=[("", "any"), *((level, level) for level in Level)],
        class_options=[("", "any"), *((each, each) for each in COMMUNICATIONS)],
        longest_days=LONGEST_DAYS,
        ahead_days=AHEAD_DAYS,
        reason_limit=REASON_LIMIT,
    )


async def create(visit: Visit) -> web.StreamResponse:
    """Create a silence."""
    try:
        made = await visit.services.silences.create(visit.person, _asked(visit))
    except InvalidInput as error:
        return _form(visit, _fault(error))
    return visit.go(f"{SILENCES}/{made.id}", f"Silence {made.id} is created.")


def _fault(error: InvalidInput) -> Fault:
    return Fault(
        FIELDS.get(error.code, ""), f"{error.message[:1].upper()}{error.message[1:]}. {error.remedy}"
    )


def _asked(visit: Visit) -> NewSilence:
    form = visit.form
    names = ("kind", "level", "user_id", "communication", "service")
    begins = form.text("begins_at")
    return NewSilence(
        reason=form.text("reason"),
        begins_at=_second(begins, "silence_begins") if begins else None,
        ends_at=_second(form.text("ends_at"), "silence_ends"),
        scope=Scope(*(form.text(name) for name in names)),
        planned_work=form.text("what") == "planned_work",
        quarantine="yes" in form.choices("quarantine"),
    )


def _second(text: str, code: str) -> int:
    try:
        return parse_instant(text, _MINUTES)
    except InvalidValueError:
        msg = f"'{text[:40]}' is no time"
        raise InvalidInput(code, msg, "Write day and time (UTC), such as 2026-12-01T08:00.") from None


async def one(visit: Visit) -> web.StreamResponse:
    """Show a silence and what it muted."""
    return await _one(visit)


async def _one(visit: Visit, *faults: Fault) -> web.Response:
    number, page = path_number(visit.request), asked_number(visit.request, "page", 1, lowest=1)
    row, muted = await visit.services.silences.one(visit.person, number, ROWS, (page - 1) * ROWS)
    return visit.show(
        "silence.html",
        422 if faults else 200,
        title=f"Silence {number}",
        faults=faults,
        sent=visit.form,
        row=row,
        silence=row.silence,
        muted=muted,
        paging=Paging(f"{SILENCES}/{number}", page, row.muted - row.withheld),
        may_end=visit.person.may(Action.SILENCE) and row.state != "over",
        reason_limit=REASON_LIMIT,
    )


async def end(visit: Visit) -> web.StreamResponse:
    """End a silence before its time."""
    number = path_number(visit.request)
    try:
        await visit.services.silences.end(visit.person, number, visit.form.text("reason"))
    except InvalidInput:
        return await _one(visit, Fault("reason", f"Say why, in 1 to {REASON_LIMIT} characters."))
    return visit.go(f"{SILENCES}/{number}", f"Silence {number} is over: what it muted and is open is told.")


_READ: Final = Action.READ_MONITORING

PAGES: Final = (
    Page("GET", SILENCES, listed, _READ, "Silences", navigation=True),
    Page("GET", NEW, ask, Action.SILENCE, "New silence", parent=SILENCES),
    Page("POST", NEW, create, Action.SILENCE, "New silence", parent=SILENCES, kept_field="reason"),
    Page("GET", ONE, one, _READ, "Silence", parent=SILENCES),
    Page("POST", f"{ONE}/end", end, Action.SILENCE, "Silence", parent=SILENCES, kept_field="reason"),
)
