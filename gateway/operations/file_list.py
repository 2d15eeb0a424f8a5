"""The list of ADT files as somebody sees it: a page of it, by state, and what waits for them."""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.store.adt_files import (
    FileState,
    StoredFile,
    Waiting,
    count_files,
    count_waiting,
    page_of_files,
)
from gateway.store.database import Database

PAGE_SIZE: Final = 50
"""Files on one page."""

Wanted = FileState | Waiting | None
"""Files in a state, those that wait for somebody, or all."""


class FileList(msgspec.Struct, frozen=True):
    """One page of the list."""

    files: list[StoredFile]
    """Newest first."""
    total: int
    """How many there are on all pages."""
    by_state: Mapping[str, int]
    """How many files there are, by state."""
    waiting: int
    """How many wait for the person."""


def waiting_for(person: Person) -> Waiting:
    """Return which files wait for *person*."""
    approver = person.name if person.may(Action.APPROVE_FILE) else None
    return Waiting(approver, person.may(Action.ACKNOWLEDGE_FILE))


async def list_page(database: Database, person: Person, wanted: Wanted, page: int) -> FileList:
    """Return page *page* (the first is 1) of the files that are *wanted*."""
    person.require(Action.READ_FILES)
    async with database.read() as connection:
        files = await page_of_files(connection, wanted, (page - 1) * PAGE_SIZE, PAGE_SIZE)
        by_state = await count_files(connection)
        waiting = await count_waiting(connection, waiting_for(person))
        if isinstance(wanted, Waiting):
            total = await count_waiting(connection, wanted)
        else:
            total = sum(by_state.values()) if wanted is None else by_state.get(wanted, 0)
    return FileList(files, total, by_state, waiting)
