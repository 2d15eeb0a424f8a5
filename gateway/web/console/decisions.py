"""Decisions on quarantined requests: proposed from what matches, approved with the exact rows in view, followed."""

import functools
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from gateway.access import Action
from gateway.errors import Conflict, GatewayError, InvalidInput, TokenUnavailable, Unavailable
from gateway.operations.decisions import PAGE_SIZE, ROWS_SHOWN
from gateway.operations.file_steps import Step, choices
from gateway.operations.second_person import strangers_to
from gateway.store.audit_log import ends_of
from gateway.store.deliveries import get_delivery
from gateway.web.console import quarantine_words as words
from gateway.web.console.file_list import TAGS
from gateway.web.console.form import Fault
from gateway.web.console.page import Page
from gateway.web.console.paging import Paging, asked_number
from gateway.web.console.records import shown_records
from gateway.web.console.visit import Visit
from gateway.web.console.wait_clock import clock_of
from gateway.web.files import approve_file, path_number

DECISIONS: Final = "/quarantine/decisions"
ONE: Final = f"{DECISIONS}/{{number:[0-9]{{1,10}}}}"
SHOWN_OCTETS: Final = 20_000
"""Octets of the file that its page shows; the rest is in the download."""
RECORDS: Final = 200
"""Audit records of one decision that are shown: the first half of them and the newest half."""
ENDED: Final = "ended"

Taken = Callable[[Visit, int], Awaitable[str]]
"""Takes a step with the decision of a number; returns what to tell."""


async def listed(visit: Visit) -> web.StreamResponse:
    """List the decisions, newest first."""
    page = asked_number(visit.request, "page", 1, lowest=1)
    found, total = await visit.services.decisions.newest(visit.person, page)
    return visit.show(
        "decisions.html",
        found=found,
        tags=TAGS,
        clock=clock_of(visit),
        may_decide=visit.person.may(Action.DECIDE_QUARANTINE),
        paging=Paging(DECISIONS, page, total, PAGE_SIZE),
    )


async def one(visit: Visit) -> web.StreamResponse:
    """Show a decision: its requests, the octets of its file, how it was delivered, and the steps that it waits for."""
    return await shown(visit)


async def shown(visit: Visit, *faults: Fault, status: int = 200) -> web.Response:
    """Show a decision, and above it what kept a step from being taken."""
    services, number = visit.services, path_number(visit.request)
    page = asked_number(visit.request, "page", 1, lowest=1)
    found = await services.decisions.get(visit.person, number, page)
    file = found.stored.file
    strangers = await strangers_to(services.database, visit.person, [file])
    async with services.database.read() as connection:
        delivery = await get_delivery(connection, number)
        ends = await ends_of(connection, file.subject, RECORDS)
    return visit.show(
        "decision.html",
        status,
        title=f"Decision {number}: {found.stored.action.lower()} {file.row_count:,} requests",
        faults=faults,
        sent=visit.form,
        decision=found.stored,
        chosen=words.chosen_by(msgspec.to_builtins(found.stored.chosen)),
        file=file,
        rows=found.rows,
        words=words,
        not_seen=found.not_seen,
        clock=clock_of(visit),
        octets=found.content[:SHOWN_OCTETS].decode(errors="replace"),
        is_cut=len(found.content) > SHOWN_OCTETS,
        delivery=delivery,
        tags=TAGS,
        passkey=services.files.passkey,
        by_hand=services.delivery.channel == "by_hand",
        choices={choice.step: choice.obstacle for choice in choices(file, visit.person, strangers)},
        may_decide=visit.person.may(Action.DECIDE_QUARANTINE),
        records=shown_records(ends.records, visit.person),
        left_out=ends.left_out,
        paging=Paging(f"{DECISIONS}/{number}", page, file.row_count, ROWS_SHOWN),
    )


async def step(visit: Visit, take: Taken, field: str = "") -> web.StreamResponse:
    """Take a step; where that cannot be, show the decision as it is now and why, with what was typed."""
    number = path_number(visit.request)
    await visit.services.decisions.known(visit.person, number)
    try:
        done = await take(visit, number)
    except Conflict as error:
        return await shown(visit, Fault("state", f"Nothing was done: {sentence(error)}"), status=error.status)
    except InvalidInput as error:
        return await shown(visit, Fault(field, sentence(error)), status=error.status)
    except Unavailable as error:
        return await shown(visit, Fault("", sentence(error)), status=error.status)
    return visit.go(f"{DECISIONS}/{number}", done)


def sentence(error: GatewayError) -> str:
    """Return what went wrong and what to do."""
    return f"{error.message[:1].upper()}{error.message[1:]}. {error.remedy}"


async def _approve(visit: Visit, number: int) -> str:
    try:
        file = await approve_file(visit.services, visit.person, number)
    except TokenUnavailable as error:
        return f"You approved it. {sentence(error)}"
    if file.approved_by != visit.person.name:
        raise Conflict("adt_file_state", f"{file.approved_by} approved it", "")
    return f"You approved it. Its file is {file.state} now."


async def _reject(visit: Visit, number: int) -> str:
    await visit.services.decisions.reject(visit.person, number, visit.form.raw("reason"))
    return "You rejected it. Its requests are held as before."


async def _withdraw(visit: Visit, number: int) -> str:
    await visit.services.decisions.withdraw(visit.person, number, visit.form.raw("reason"))
    return "You withdrew it. Its requests are held as before."


async def _deliver(visit: Visit, number: int) -> str:
    await visit.services.delivery.ask(visit.person, number)
    return "It is delivered."


async def _handed_over(visit: Visit, number: int) -> str:
    await visit.services.delivery.confirm(visit.person, number, visit.form.raw("receipt"))
    return "It is on record that you handed it over."


async def _acknowledge(visit: Visit, number: int) -> str:
    await visit.services.files.acknowledge(visit.person, number, visit.form.raw("reference"))
    return "It is on record that the DCC acknowledged it."


async def _ended(visit: Visit, number: int) -> str:
    lines = tuple(int(text) for text in visit.form.choices("line") if text.isascii() and text.isdecimal())
    if not lines and not visit.form.raw("all"):
        raise InvalidInput("decision_line", "no request was chosen", "Choose requests, or all that are left.")
    done = await visit.services.decisions.confirm(visit.person, number, visit.form.raw("reason"), lines)
    return f"It is on record. {done.ended_rows} of {done.file.row_count} requests have ended."


def _page(name: str, take: Taken, action: Action, field: str = "") -> Page:
    handler = functools.partial(step, take=take, field=field)
    kept = field.partition("-")[0]  # the fields of two forms of the page are told apart by what they are for
    return Page("POST", f"{ONE}/{name}", handler, action, "Decision", parent=DECISIONS, kept_field=kept)


PAGES: Final = (
    Page("GET", DECISIONS, listed, Action.READ_FILES, "Decisions", parent="/quarantine"),
    Page("GET", ONE, one, Action.READ_FILES, "Decision", parent=DECISIONS),
    _page(Step.APPROVE, _approve, Action.APPROVE_FILE),
    _page(Step.REJECT, _reject, Action.APPROVE_FILE, "reason-reject"),
    _page(Step.WITHDRAW, _withdraw, Action.DECIDE_QUARANTINE, "reason-withdraw"),
    _page(Step.DELIVER, _deliver, Action.DELIVER_FILE),
    _page(Step.HAND_OVER, _handed_over, Action.DELIVER_FILE, "receipt"),
    _page(Step.ACKNOWLEDGE, _acknowledge, Action.ACKNOWLEDGE_FILE, "reference"),
    _page(ENDED, _ended, Action.DECIDE_QUARANTINE, "reason"),
)
