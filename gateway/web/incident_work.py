"""What people do with candidate incidents, over HTTP."""

import re
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec
from aiohttp import web

from gateway.access import Action, Person
from gateway.errors import InvalidInput
from gateway.life import IncidentState
from gateway.operations.incident_papers import Taken
from gateway.store.incidents import StoredIncident
from gateway.web.answers import instants, json_answer
from gateway.web.auth import asker
from gateway.web.files import asked_body, path_number
from gateway.web.incident_shapes import (
    AssignAsked,
    ClassifyAsked,
    CloseAsked,
    MarkAsked,
    MergeAsked,
    NoteAsked,
    NotifyAsked,
    StepAsked,
    TicketAsked,
    Why,
)
from gateway.web.services import SERVICES
from thresholds.instant import parse_instant

BODY_BYTES: Final = 32_768

Body = TypeVar("Body", bound=msgspec.Struct)


async def _asked(
    request: web.Request, kind: type[Body], action: Action = Action.WORK_ON_INCIDENT
) -> tuple[Person, int, Body]:
    """Return who asks, the number of the incident and the body; the role is looked at before the body is read."""
    person = await asker(request)
    person.require(action)
    try:
        body = msgspec.json.decode(await asked_body(request, BODY_BYTES), type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        fields = ", ".join(
            msgspec.structs.fields(kind)[n].encode_name for n in range(len(kind.__struct_fields__))
        )
        msg = f"the body is not what is expected: {error}"
        raise InvalidInput("body_malformed", msg, f"Send JSON with: {fields}.") from error
    return person, path_number(request), body


def _answer(incident: StoredIncident, status: int = 200) -> web.Response:
    return json_answer(instants(incident), status)


async def step(request: web.Request) -> web.Response:
    """Take an incident to another state of its life; acknowledging is for operators too."""
    person, number, body = await _asked(request, StepAsked, Action.ACKNOWLEDGE_INCIDENT)
    work = request.app[SERVICES].desk.work
    return _answer(await work.step(person, number, IncidentState(body.state), body.reason, body.version))


async def close(request: web.Request) -> web.Response:
    """Close a candidate incident."""
    person, number, body = await _asked(request, CloseAsked)
    finding = IncidentState(body.finding) if body.finding else None
    work = request.app[SERVICES].desk.work
    return _answer(await work.close(person, number, body.reason, finding, body.version))


async def reopen(request: web.Request) -> web.Response:
    """Open another incident that takes a closed one up again; that one is the answer."""
    person, number, body = await _asked(request, Why)
    work = request.app[SERVICES].desk.work
    return _answer(await work.reopen(person, number, body.reason, body.version), 201)


async def assign(request: web.Request) -> web.Response:
    """Say who works on an incident."""
    person, number, body = await _asked(request, AssignAsked)
    return _answer(await request.app[SERVICES].desk.work.assign(person, number, body.to, body.version))


async def ticket(request: web.Request) -> web.Response:
    """Keep under which reference another system has an incident."""
    person, number, body = await _asked(request, TicketAsked)
    work = request.app[SERVICES].desk.work
    return _answer(await work.ticket(person, number, body.reference, body.version))


async def classify(request: web.Request) -> web.Response:
    """Decide what an incident is in the words of the licence and of the SEC."""
    person, number, body = await _asked(request, ClassifyAsked)
    work = request.app[SERVICES].desk.work
    decided = await work.classify(person, number, body.licence, body.sec, body.reason, body.version)
    return _answer(decided)


async def mark(request: web.Request) -> web.Response:
    """Set the marking of an incident, and who may see a classified one."""
    person, number, body = await _asked(request, MarkAsked)
    marking = request.app[SERVICES].desk.marking
    marked = await marking.mark(person, number, body.marking, body.nominees, body.reason, body.version)
    return _answer(marked)


async def merge(request: web.Request) -> web.Response:
    """Put an incident and its group into the group of another."""
    person, number, body = await _asked(request, MergeAsked)
    marking = request.app[SERVICES].desk.marking
    return _answer(await marking.merge(person, number, body.other, body.reason, body.version))


async def split(request: web.Request) -> web.Response:
    """Take an incident out of its group."""
    person, number, body = await _asked(request, Why)
    marking = request.app[SERVICES].desk.marking
    return _answer(await marking.split(person, number, body.reason, body.version))


async def note(request: web.Request) -> web.Response:
    """Add a note to an incident."""
    person, number, body = await _asked(request, NoteAsked, Action.ACKNOWLEDGE_INCIDENT)
    added = await request.app[SERVICES].desk.papers.note(person, number, body.text)
    return json_answer(instants(added), 201)


async def notify(request: web.Request) -> web.Response:
    """Keep that somebody outside was told of an incident."""
    person, number, body = await _asked(request, NotifyAsked)
    try:
        told_at = parse_instant(body.told_at)
    except ValueError as error:
        msg = "told_at is no instant such as 2026-12-01T08:30:00Z"
        raise InvalidInput("told_at_wrong", msg, "Say when they were told, in UTC.") from error
    papers = request.app[SERVICES].desk.papers
    return json_answer(instants(await papers.notify(person, number, body.whom, told_at, body.reference)), 201)


async def attach(request: web.Request) -> web.Response:
    """Add a file to an incident: the body is the file, `?name=` its name."""
    person = await asker(request)
    person.require(Action.WORK_ON_INCIDENT)  # before the body is read
    papers = request.app[SERVICES].desk.papers
    content = await asked_body(request, papers.attachment_bytes)
    added = await papers.attach(person, path_number(request), request.query.get("name", ""), content)
    return json_answer(instants(added), 201)


async def attachment(request: web.Request) -> web.Response:
    """Download an attachment, named by its SHA-256."""
    person = await asker(request)
    papers = request.app[SERVICES].desk.papers
    return download(await papers.take(person, path_number(request), request.match_info["sha256"]))


def download(taken: Taken) -> web.Response:
    """Return a file so that no browser shows or runs it: it is somebody else's."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", taken.attachment.name)
    headers = {
        # RFC 6266: an old client takes the plain name, others the whole one.
        "Content-Disposition": f'attachment; filename="{plain}"; '
        f"filename*=UTF-8''{quote(taken.attachment.name, safe='')}",
        "Content-Type": "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }
    return web.Response(body=taken.content, headers=headers)
