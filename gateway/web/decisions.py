"""Decisions on quarantined requests over HTTP. What is done with their files is what is done with any signed file."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from gateway.access import Action
from gateway.errors import InvalidInput
from gateway.operations.decisions import PAGE_SIZE, ROWS_SHOWN, Proposal
from gateway.store.decisions import Chosen, DecisionRow, HeldRequest, StoredDecision
from gateway.store.deliveries import get_delivery
from gateway.web.answers import instants, json_answer
from gateway.web.auth import asker
from gateway.web.files import asked_body, path_number, shown
from gateway.web.services import SERVICES
from gateway.web.shapes import AdtFile, Instant, ShownDelivery, with_instants

BODY_BYTES: Final = 262_144
"""Size of a proposal: it may name thousands of requests."""

MOST_PAGES: Final = 100_000

Handler = Callable[[web.Request], Awaitable[web.Response]]
Body = TypeVar("Body")

ShownRow = with_instants(DecisionRow, "ShownRow")


class ShownDecision(msgspec.Struct, frozen=True):
    """A decision; its number is that of its file."""

    number: int
    state: str
    """That of its file; `ended` once all its requests were seen to have ended."""
    action: str
    reason: str
    chosen: Chosen
    """The conditions that were given; the requests themselves are in the file."""
    incident_hidden: bool
    """Whether an incident was one of them that is classified and so not named."""
    requests: int
    ended_requests: int
    oldest_at: Instant
    """When the first of its requests was held."""
    ended_at: Instant | None
    file: AdtFile  # type: ignore[valid-type] # made by a function


class ShownDecisions(msgspec.Struct, frozen=True):
    """A page of decisions, newest first."""

    decisions: list[ShownDecision]
    total: int


class WholeDecision(ShownDecision, frozen=True):
    """A decision with a page of its requests."""

    rows: list[ShownRow]  # type: ignore[valid-type] # made by a function
    delivery: ShownDelivery | None  # type: ignore[valid-type]


class Preview(msgspec.Struct, frozen=True):
    """What a proposal would decide on now."""

    requests: list[HeldRequest]
    count: int
    more: bool
    """Whether more match than one file takes."""
    seen: str
    """To be sent with the proposal: it is refused where others match by then."""
    without_service: int
    """Held requests that are left out, though they match otherwise: their service is not known."""


class Confirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That requests have ended, and how that is known."""

    reason: str
    lines: tuple[int, ...] = ()
    """Lines of the file; all that are left without any."""


async def list_all(request: web.Request) -> web.Response:
    """List the decisions on quarantined requests, newest first (`?page=`)."""
    person = await asker(request)
    found, total = await request.app[SERVICES].decisions.newest(person, _page(request))
    return json_answer({"decisions": [_shown(each) for each in found], "total": total})


async def get_one(request: web.Request) -> web.Response:
    """Show a decision with its requests (`?page=`) and how its file was delivered."""
    person = await asker(request)
    services, number = request.app[SERVICES], path_number(request)
    found = await services.decisions.get(person, number, _page(request))
    async with services.database.read() as connection:
        delivery = await get_delivery(connection, number)
    more = {
        "rows": [instants(row) for row in found.rows],
        "delivery": instants(delivery) if delivery else None,
    }
    return json_answer(_shown(found.stored) | more)


async def preview(request: web.Request) -> web.Response:
    """Show which held requests match; the body gives the conditions."""
    person = await asker(request)
    person.require(Action.DECIDE_QUARANTINE)  # before the body is read
    chosen = await _body(request, Chosen)
    found = await request.app[SERVICES].decisions.covered(person, chosen)
    count, first = len(found.requests), found.requests[:ROWS_SHOWN]
    return json_answer(Preview(first, count, found.more, found.seen, found.without_service))


async def propose(request: web.Request) -> web.Response:
    """Propose to release or delete the held requests that match; a second person approves it."""
    person = await asker(request)
    person.require(Action.DECIDE_QUARANTINE)
    proposal = await _body(request, Proposal)
    return json_answer(_shown(await request.app[SERVICES].decisions.propose(person, proposal)), status=201)


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw one's own decision before it is signed; body `{"reason"}`. Its requests are held as before."""
    person = await asker(request)
    person.require(Action.DECIDE_QUARANTINE)
    note = await _body(request, Confirmation)
    file = await request.app[SERVICES].decisions.withdraw(person, path_number(request), note.reason)
    return json_answer(shown(file))


async def confirm(request: web.Request) -> web.Response:
    """Record that requests have ended though no answer was seen; body `{"reason", "lines"}`."""
    person = await asker(request)
    person.require(Action.DECIDE_QUARANTINE)
    note = await _body(request, Confirmation)
    done = await request.app[SERVICES].decisions.confirm(
        person, path_number(request), note.reason, note.lines
    )
    return json_answer(_shown(done))


def of_decision(handler: Handler, action: Action) -> Handler:
    """Return *handler* for the files of decisions alone: another number is not found."""

    @functools.wraps(handler)
    async def handle(request: web.Request) -> web.Response:
        person = await asker(request)
        person.require(action)
        await request.app[SERVICES].decisions.known(person, path_number(request))
        return await handler(request)

    return handle


def _shown(decision: StoredDecision) -> dict[str, Any]:
    fields = instants(decision)
    return {
        "number": decision.id,
        "state": decision.state,
        "action": decision.action,
        "reason": decision.reason,
        "chosen": decision.chosen,
        "incident_hidden": decision.incident_hidden,
        "requests": decision.file.row_count,
        "ended_requests": decision.ended_rows,
        "oldest_at": fields["oldest_at"],
        "ended_at": fields["ended_at"],
        "file": shown(decision.file),
    }


def _page(request: web.Request) -> int:
    text = request.query.get("page", "1")
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:7]) <= MOST_PAGES):
        msg = f"page must be a number from 1 to {MOST_PAGES}"
        raise InvalidInput("query_malformed", msg, f"A page has {PAGE_SIZE} decisions.")
    return int(text)


async def _body(request: web.Request, kind: type[Body]) -> Body:
    data = await asked_body(request, BODY_BYTES)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        msg = f"the body is not what is expected here: {error}"
        raise InvalidInput("body_malformed", msg, "Send JSON as the description of the API says.") from error
