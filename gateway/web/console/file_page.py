"""One ADT file: what it changes and covers, who did what, and the steps that it waits for."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from gateway.access import Action
from gateway.audit.record import Content
from gateway.audit.signed_file import FileKind
from gateway.errors import Conflict, GatewayError, InvalidInput, NotFound, TokenUnavailable, Unavailable
from gateway.operations.file_review import Review
from gateway.operations.file_steps import Step, choices
from gateway.operations.second_person import strangers_to
from gateway.store.adt_files import FileState, StoredFile
from gateway.web.console.changes import change_filters, change_page
from gateway.web.console.file_list import FILES, TAGS, page_number
from gateway.web.console.form import Fault
from gateway.web.console.page import Handler, Page
from gateway.web.console.render import plain_time
from gateway.web.console.visit import Visit
from gateway.web.files import approve_file, path_number
from thresholds.coverage import Cover, Duty
from thresholds.difference import ChangeKind
from thresholds.instant import parse_instant

ONE: Final = f"{FILES}/{{number:[0-9]{{1,10}}}}"
SHOWN_RECORDS: Final = 40
"""Audit records that are shown: the first and the last of them where there are more."""


class Did(msgspec.Struct, frozen=True):
    """Something that was done to the file, as it is shown."""

    number: int
    at: int
    actor: str
    what: str
    detail: tuple[tuple[str, str], ...]


async def one(visit: Visit) -> web.StreamResponse:
    """Show a file; one that decides on quarantined requests has a page of its own."""
    file = await visit.services.files.get(visit.person, path_number(visit.request))
    if file.kind is FileKind.EXIT_QUARANTINE:
        return visit.go(f"/quarantine/decisions/{file.id}")
    return await _shown(visit)


async def _shown(visit: Visit, *faults: Fault, status: int = 200) -> web.Response:
    """Show a file, and above it what kept a step from being taken."""
    services, number = visit.services, path_number(visit.request)
    review = await services.reviews.read(visit.person, number)
    here = visit.request.query.get("change", "")
    if here and here not in set(ChangeKind):
        raise NotFound("change_unknown", "there is no such kind of change", "Choose one on the file's page.")
    path = f"{FILES}/{number}"
    rows, pages = change_page(review, path, here, page_number(visit), services.rules.current)
    strangers = await strangers_to(services.database, visit.person, [review.file])
    return visit.show(
        "file.html",
        status,
        title=f"ADT file {number}: {review.file.name}",
        faults=faults,
        sent=visit.form,
        review=review,
        file=review.file,
        tags=TAGS,
        rows=rows,
        pages=pages,
        filters=change_filters(review, path, here),
        passkey=services.files.passkey,
        by_hand=services.delivery.channel == "by_hand",
        choices={choice.step: choice.obstacle for choice in choices(review.file, visit.person, strangers)},
        duties=tuple(Duty),
        covers=tuple(Cover),
        done_by=_shown_records(review),
        left_out=max(0, len(review.records) - SHOWN_RECORDS) + review.left_out,
        unreadable=review.records.count(None),
    )


def _shown_records(review: Review) -> list[Did]:
    records, half = review.records, SHOWN_RECORDS // 2
    shown = records if len(records) <= SHOWN_RECORDS else (*records[:half], *records[-half:])
    return [_did(record) for record in shown if record is not None]


def _did(record: Content) -> Did:
    what = record.action.removeprefix("adt_file.").replace("_", " ")
    detail = tuple(
        (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in record.detail.items()
    )
    return Did(record.number, _seconds(record.at), record.actor, what, detail)


def _seconds(at: str) -> int:
    return parse_instant(at.partition(".")[0].rstrip("Z") + "Z")


async def approve(visit: Visit) -> web.StreamResponse:
    """Approve the file; it is signed and delivered at once where that can be done."""
    number, person = path_number(visit.request), visit.person
    seen = visit.form.raw("in_force")
    if seen and seen != str((await visit.services.reviews.read(person, number)).in_force):
        fault = "What is in force has changed since you looked. The difference below is the one of now: look again"
        return await _shown(visit, Fault("difference", fault), status=Conflict.status)

    async def take() -> str:
        try:
            file = await approve_file(visit.services, person, number)
        except (TokenUnavailable, Unavailable) as error:
            return f"You approved it. {error.message[:1].upper()}{error.message[1:]}. {error.remedy}"
        if file.approved_by != person.name:
            raise Conflict("adt_file_state", f"{file.approved_by} approved it", "")
        return f"You approved it. It is {file.state} now."

    return await _stepped(visit, take)


async def reject(visit: Visit) -> web.StreamResponse:
    """Reject the file, with a reason."""
    return await _with_reason(visit, visit.services.files.reject, "You rejected it.")


async def withdraw(visit: Visit) -> web.StreamResponse:
    """Withdraw one's own file, with a reason."""
    return await _with_reason(visit, visit.services.files.withdraw, "You withdrew it.")


async def _with_reason(
    visit: Visit, step: Callable[..., Awaitable[StoredFile]], done: str
) -> web.StreamResponse:
    async def take() -> str:
        await step(visit.person, path_number(visit.request), visit.form.raw("reason"))
        return done

    return await _stepped(visit, take)


async def deliver(visit: Visit) -> web.StreamResponse:
    """Deliver the signed file, again where it was delivered before."""

    async def take() -> str:
        await visit.services.delivery.ask(visit.person, path_number(visit.request))
        return "It is delivered."

    return await _stepped(visit, take)


async def hand_over(visit: Visit) -> web.StreamResponse:
    """Record that one handed the signed file over oneself."""

    async def take() -> str:
        receipt = visit.form.raw("receipt")
        await visit.services.delivery.confirm(visit.person, path_number(visit.request), receipt)
        return "It is on record that you handed it over."

    return await _stepped(visit, take)


async def acknowledge(visit: Visit) -> web.StreamResponse:
    """Record what the DCC answered; the file comes into force at its time."""

    async def take() -> str:
        services, reference = visit.services, visit.form.raw("reference")
        await services.files.acknowledge(visit.person, path_number(visit.request), reference)
        services.in_force.ring()
        return "It is on record that the DCC acknowledged it. It comes into force at its time."

    return await _stepped(visit, take)


async def _stepped(visit: Visit, take: Callable[[], Awaitable[str]]) -> web.StreamResponse:
    """Take a step; where that cannot be, show the file as it is now and why, with what was typed."""
    number = path_number(visit.request)
    try:
        done = await take()
    except Conflict as error:
        fault = await _overtaken(visit, number, error)
        return await _shown(visit, Fault("state", fault), status=error.status)
    except InvalidInput as error:
        fields = {Step.ACKNOWLEDGE: "reference", Step.HAND_OVER: "receipt"}
        step = visit.request.path.rpartition("/")[2]
        name = fields.get(Step(step), f"reason-{step}")
        return await _shown(visit, Fault(name, _sentence(error)), status=error.status)
    return visit.go(f"{FILES}/{number}", done)


def _sentence(error: GatewayError) -> str:
    return f"{error.message[:1].upper()}{error.message[1:]}. {error.remedy}"


async def _overtaken(visit: Visit, number: int, error: Conflict) -> str:
    """Tell what became of the file meanwhile, and by whom."""
    file = await visit.services.files.get(visit.person, number)
    what = error.message
    if file.state is FileState.WITHDRAWN:
        what = f"{file.submitted_by} withdrew it ({file.reason})"
    elif file.state is FileState.REJECTED:
        what = f"somebody rejected it ({file.reason})"
    elif file.approved_by is not None and file.approved_at is not None:
        who = "you" if file.approved_by == visit.person.name else file.approved_by
        what = f"{who} approved it at {plain_time(file.approved_at)}, and it is {file.state} now"
    return f"Nothing was done: {what}."


def _step(step: Step, handler: Handler, action: Action, kept_field: str = "") -> Page:
    return Page("POST", f"{ONE}/{step}", handler, action, "ADT file", parent=FILES, kept_field=kept_field)


PAGES: Final = (
    Page("GET", ONE, one, Action.READ_FILES, "ADT file", parent=FILES),
    _step(Step.APPROVE, approve, Action.APPROVE_FILE),
    _step(Step.REJECT, reject, Action.APPROVE_FILE, "reason"),
    _step(Step.WITHDRAW, withdraw, Action.WITHDRAW_FILE, "reason"),
    _step(Step.DELIVER, deliver, Action.DELIVER_FILE),
    _step(Step.HAND_OVER, hand_over, Action.DELIVER_FILE, "receipt"),
    _step(Step.ACKNOWLEDGE, acknowledge, Action.ACKNOWLEDGE_FILE, "reference"),
)
