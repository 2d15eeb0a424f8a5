"""The forms by which people work on a candidate incident."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.alerts.classification import LICENCE, MARKINGS, SEC
from gateway.errors import Conflict, GatewayError, InvalidInput
from gateway.life import IncidentState
from gateway.operations.files import REASON_LIMIT
from gateway.web.console.form import Fault
from gateway.web.console.incidents import INCIDENTS, ONE, show_incident
from gateway.web.console.page import FORM_BYTES, Handler, Page
from gateway.web.console.visit import Visit
from gateway.web.files import path_number
from gateway.web.incident_work import download

WORK: Final = f"{ONE}/work"
UPLOAD_BYTES: Final = 16 * 1024 * 1024 + FORM_BYTES
"""Size of a form with a file; the setting bounds the file itself."""

NO_LETTER: Final = "none"
"""The box of the form that says that no letter of the licence holds."""

FIELDS: Final = {
    "licence_missing": "licence",
    "person_unknown": "nominees",
    "nominees_too_many": "nominees",
    "told_at_wrong": "told_at",
    "whom_wrong": "whom",
    "attachment_name": "upload",
    "attachment_empty": "upload",
    "attachment_known": "upload",
    "attachments_full": "upload",
    "too_large": "upload",
}
"""The field that a fault of this code belongs to, where it is another than the form's own."""

Do = Callable[[Visit, int], Awaitable[str]]
"""Does what a form asks for; returns what was done, in a sentence."""


def _version(visit: Visit) -> int:
    """Return the version of the incident that the form was made of."""
    text = visit.form.raw("version")
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):  # noqa: PLR2004 - as many as an integer takes
        raise InvalidInput(
            "form_malformed", "the form is not that of the page", "Send it from the page itself."
        )
    return int(text)


def _fault(error: GatewayError, field: str) -> Fault:
    if error.code == "reason_required":
        return Fault(field, f"Say why, in 1 to {REASON_LIMIT} characters.")
    remedy = f" {error.remedy}" if error.remedy else ""
    return Fault(field, f"{error.message[:1].upper()}{error.message[1:]}.{remedy}")


async def _done(visit: Visit, do: Do, field: str, *, on_work_page: bool = True) -> web.StreamResponse:
    """Do what the form asks for and go back to the incident, or show the page of the form with the fault."""
    number = path_number(visit.request)
    try:
        told = await do(visit, number)
    except (InvalidInput, Conflict) as error:
        fault = _fault(error, field if field == "assigned_to" else FIELDS.get(error.code, field))
        show = _work_page if on_work_page else show_incident
        return await show(visit, fault, status=error.status)
    return visit.go(f"{INCIDENTS}/{number}", told)


async def step(visit: Visit) -> web.StreamResponse:
    """Take an incident to another state of its life."""

    async def do(visit: Visit, number: int) -> str:
        try:
            to = IncidentState(visit.form.raw("to"))
        except ValueError:
            raise InvalidInput("step_missing", "choose what it becomes", "") from None
        reason = visit.form.text("reason")
        changed = await visit.services.desk.work.step(visit.person, number, to, reason, _version(visit))
        return f"Incident {number} is {changed.state.replace('_', ' ')}."

    field = "reason" if visit.form.raw("to") else "to"
    return await _done(visit, do, field, on_work_page=False)


async def reopen(visit: Visit) -> web.StreamResponse:
    """Open another incident that takes a closed one up again, and go there."""
    number = path_number(visit.request)
    try:
        reason, version = visit.form.text("reason"), _version(visit)
        again = await visit.services.desk.work.reopen(visit.person, number, reason, version)
    except (InvalidInput, Conflict) as error:
        return await show_incident(visit, _fault(error, "reason"), status=error.status)
    return visit.go(f"{INCIDENTS}/{again.id}", f"Incident {again.id} takes incident {number} up again.")


async def note(visit: Visit) -> web.StreamResponse:
    """Add a note."""

    async def do(visit: Visit, number: int) -> str:
        await visit.services.desk.papers.note(visit.person, number, visit.form.raw("note"))
        return "The note is added."

    return await _done(visit, do, "note", on_work_page=False)


async def work_page(visit: Visit) -> web.StreamResponse:
    """Show the forms for everything but the steps."""
    return await _work_page(visit)


async def _work_page(visit: Visit, *faults: Fault, status: int = 200) -> web.Response:
    number = path_number(visit.request)
    found = await visit.services.incidents.get(visit.person, number, 0, "work page")
    return visit.show(
        "incident_work.html",
        status,
        title=f"Work on incident {number}",
        faults=faults,
        sent=visit.form,
        incident=found.incident,
        work=found.work,
        suggestion=found.suggestion,
        licence_options=[
            *((letter, f"({letter}) {text}") for letter, text in LICENCE.items()),
            (NO_LETTER, "None of these: no Security Incident"),
        ],
        licence_words=LICENCE,
        sec_options=list(SEC.items()),
        marking_options=list(MARKINGS.items()),
        reason_limit=REASON_LIMIT,
        attachment_kilobytes=visit.services.desk.papers.attachment_bytes // 1024,
    )


async def assign(visit: Visit) -> web.StreamResponse:
    """Say who works on it."""

    async def do(visit: Visit, number: int) -> str:
        to = visit.form.text("assigned_to")
        await visit.services.desk.work.assign(visit.person, number, to, _version(visit))
        return f"Incident {number} is assigned to {to or 'nobody'}."

    return await _done(visit, do, "assigned_to")


async def ticket(visit: Visit) -> web.StreamResponse:
    """Keep its reference in another system."""

    async def do(visit: Visit, number: int) -> str:
        reference = visit.form.text("ticket")
        await visit.services.desk.work.ticket(visit.person, number, reference, _version(visit))
        return "The ticket is kept." if reference else "There is no ticket any more."

    return await _done(visit, do, "ticket")


async def classify(visit: Visit) -> web.StreamResponse:
    """Decide what it is in the words of the licence and of the SEC."""

    async def do(visit: Visit, number: int) -> str:
        form = visit.form
        licence, sec, reason = form.choices("licence"), form.raw("sec"), form.text("classification_reason")
        if not licence or (NO_LETTER in licence and len(licence) > 1):
            msg = "choose which of the letters hold, or that none does"
            raise InvalidInput("licence_missing", msg, "")
        letters = [letter for letter in licence if letter != NO_LETTER]
        await visit.services.desk.work.classify(visit.person, number, letters, sec, reason, _version(visit))
        return "The classification is decided."

    field = "classification_reason" if visit.form.raw("sec") else "sec"
    return await _done(visit, do, field)


async def mark(visit: Visit) -> web.StreamResponse:
    """Set the marking, and who may see it while it is classified."""

    async def do(visit: Visit, number: int) -> str:
        form = visit.form
        names = form.raw("nominees").replace(",", "\n").split()
        marking, reason = form.raw("marking"), form.text("marking_reason")
        await visit.services.desk.marking.mark(visit.person, number, marking, names, reason, _version(visit))
        return f"Incident {number} is marked {marking}." if marking else f"Incident {number} has no marking."

    return await _done(visit, do, "marking_reason")


async def notify(visit: Visit) -> web.StreamResponse:
    """Keep that somebody outside was told."""

    async def do(visit: Visit, number: int) -> str:
        form = visit.form
        told_at = _instant(form.text("told_at"))
        whom, reference = form.text("whom"), form.text("reference")
        await visit.services.desk.papers.notify(visit.person, number, whom, told_at, reference)
        return f"It is on record that {whom} was told."

    return await _done(visit, do, "reference")


def _instant(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        msg = "that is no time such as 2026-12-01 08:30"
        raise InvalidInput("told_at_wrong", msg, "") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


async def attach(visit: Visit) -> web.StreamResponse:
    """Add a file."""

    async def do(visit: Visit, number: int) -> str:
        upload = visit.form.uploads.get("upload")
        if upload is None or not upload.name:
            raise InvalidInput("attachment_empty", "choose a file", "")
        added = await visit.services.desk.papers.attach(visit.person, number, upload.name, upload.content)
        return f"{added.name} is added; its SHA-256 is {added.sha256}."

    return await _done(visit, do, "upload")


async def take(visit: Visit) -> web.StreamResponse:
    """Download an attachment."""
    papers, sha256 = visit.services.desk.papers, visit.request.match_info["sha256"]
    return download(await papers.take(visit.person, path_number(visit.request), sha256))


async def merge(visit: Visit) -> web.StreamResponse:
    """Put it into the group of another incident."""

    async def do(visit: Visit, number: int) -> str:
        text = visit.form.text("merge_with")
        if not (text.isascii() and text.isdecimal() and len(text) <= 9):  # noqa: PLR2004
            raise InvalidInput("merge_with_wrong", "name the number of another incident", "")
        other, reason = int(text), visit.form.text("merge_reason")
        await visit.services.desk.marking.merge(visit.person, number, other, reason, _version(visit))
        return f"Incident {number} is in one group with incident {other}."

    field = "merge_reason" if visit.form.text("merge_with") else "merge_with"
    return await _done(visit, do, field)


async def split(visit: Visit) -> web.StreamResponse:
    """Take it out of its group."""

    async def do(visit: Visit, number: int) -> str:
        reason = visit.form.text("split_reason")
        await visit.services.desk.marking.split(visit.person, number, reason, _version(visit))
        return f"Incident {number} is in no group any more."

    return await _done(visit, do, "split_reason")


_WORK: Final = Action.WORK_ON_INCIDENT
_SEEN: Final = Action.ACKNOWLEDGE_INCIDENT


def _form(verb: str, handler: Handler, kept_field: str = "", form_bytes: int = FORM_BYTES) -> Page:
    return Page(
        "POST",
        f"{ONE}/{verb}",
        handler,
        _WORK,
        "Incident",
        parent=INCIDENTS,
        kept_field=kept_field,
        form_bytes=form_bytes,
    )


PAGES: Final = (
    Page("GET", WORK, work_page, _WORK, "Work on incident", parent=INCIDENTS),
    Page("POST", f"{ONE}/step", step, _SEEN, "Incident", parent=INCIDENTS, kept_field="reason"),
    Page("POST", f"{ONE}/notes", note, _SEEN, "Incident", parent=INCIDENTS, kept_field="note"),
    Page(
        "GET",
        f"{ONE}/attachments/{{sha256:[0-9a-f]{{64}}}}",
        take,
        Action.READ_MONITORING,
        "Attachment",
        parent=INCIDENTS,
    ),
    _form("reopen", reopen, kept_field="reason"),
    _form("assign", assign),
    _form("ticket", ticket),
    _form("classification", classify, kept_field="classification_reason"),
    _form("marking", mark, kept_field="marking_reason"),
    _form("notifications", notify),
    _form("attachments", attach, form_bytes=UPLOAD_BYTES),
    _form("merge", merge, kept_field="merge_reason"),
    _form("split", split, kept_field="split_reason"),
)
