"""The list of ADT files, and the inbox of those that wait for approval."""

from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from gateway.access import Action
from gateway.errors import NotFound
from gateway.operations.file_list import PAGE_SIZE, FileList, Wanted, list_page, waiting_for
from gateway.operations.file_steps import choices
from gateway.operations.second_person import strangers_to
from gateway.store.adt_files import FileState
from gateway.web.console.page import Page
from gateway.web.console.visit import Visit
from gateway.web.console.wait_clock import clock_of

FILES: Final = "/files"
APPROVE: Final = "/approve"
WAITING: Final = "waiting"
"""Stands in the address for the files that wait for who asks."""

TAGS: Final = {
    FileState.SUBMITTED: "warning",
    FileState.APPROVED: "busy",
    FileState.SIGNED: "busy",
    FileState.DELIVERED: "busy",
    FileState.ACKNOWLEDGED: "busy",
    FileState.IN_FORCE: "good",
    FileState.REJECTED: "bad",
    FileState.FAILED: "bad",
}
"""How the tag of each state looks; the others are plain."""


class Filter(msgspec.Struct, frozen=True):
    """A link that shows a part of the list."""

    text: str
    path: str
    count: int
    is_here: bool


async def files(visit: Visit) -> web.StreamResponse:
    """List the ADT files: `?state=` and `?page=`."""
    state, number = visit.request.query.get("state", ""), page_number(visit)
    wanted = _wanted(visit, state)
    found = await list_page(visit.services.database, visit.person, wanted, number)
    return visit.show(
        "files.html",
        files=found.files,
        filters=_filters(found, state),
        state=state,
        tags=TAGS,
        pages=Pages(FILES, {"state": state} if state else {}, number, found.total, PAGE_SIZE),
        may_submit=visit.person.may(Action.SUBMIT_FILE),
    )


def _wanted(visit: Visit, state: str) -> Wanted:
    if not state:
        return None
    if state == WAITING:
        return waiting_for(visit.person)
    if state not in set(FileState):
        raise NotFound("state_unknown", f"there is no state {state!r:.40} of ADT files", "Choose one above.")
    return FileState(state)


def _filters(found: FileList, state: str) -> list[Filter]:
    def link(text: str, value: str, count: int) -> Filter:
        query = f"?{urlencode({'state': value})}" if value else ""
        return Filter(text, FILES + query, count, value == state)

    by_state = [
        link(each.capitalize(), each, found.by_state.get(each, 0))
        for each in FileState
        if found.by_state.get(each) or each == state
    ]
    everything = sum(found.by_state.values())
    return [link("All", "", everything), link("Waiting for you", WAITING, found.waiting), *by_state]


async def inbox(visit: Visit) -> web.StreamResponse:
    """List the files and decisions that wait for approval, one's own apart: somebody else approves those."""
    number = page_number(visit)
    found = await list_page(visit.services.database, visit.person, FileState.SUBMITTED, number)
    waiting = await visit.services.decisions.submitted(visit.person)
    all_files = [*found.files, *(each.file for each in waiting)]
    strangers = await strangers_to(visit.services.database, visit.person, all_files)
    rows = [(file, choices(file, visit.person, strangers)[0].obstacle) for file in found.files]
    pages = Pages(APPROVE, {}, number, found.total, PAGE_SIZE)
    decisions = [(each, choices(each.file, visit.person, strangers)[0].obstacle) for each in waiting]
    return visit.show("approve.html", rows=rows, pages=pages, decisions=decisions, clock=clock_of(visit))


class Pages(msgspec.Struct, frozen=True):
    """Where one is in a long list, and the way through it."""

    path: str
    query: dict[str, str]
    number: int
    """The first is 1."""
    total: int
    """Rows in all."""
    size: int
    """Rows on a page."""

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // self.size))

    @property
    def first_row(self) -> int:
        """The number of the first row on this page."""
        return min(self.total, (self.number - 1) * self.size + 1)

    @property
    def last_row(self) -> int:
        """The number of the last row on this page."""
        return min(self.total, self.number * self.size)

    def link(self, number: int) -> str:
        """Return where page *number* is."""
        query = self.query | ({"page": str(number)} if number > 1 else {})
        return self.path + (f"?{urlencode(query)}" if query else "")


LAST_PAGE: Final = 1_000_000


def page_number(visit: Visit) -> int:
    """Return the page that is asked for; raise `NotFound` for what is no number of a page."""
    text = visit.request.query.get("page", "1")
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(LAST_PAGE)) and int(text)):
        raise NotFound("page_unknown", "there is no such page of the list", "Go to its first page.")
    return int(text)


PAGES: Final = (
    Page("GET", FILES, files, Action.READ_FILES, "ADT files", navigation=True),
    Page("GET", APPROVE, inbox, Action.APPROVE_FILE, "Approve", navigation=True),
)
