"""A file moves once from each state, and never without a second person."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, update

from gateway.errors import Conflict, NotFound, StoreRefused
from gateway.store.adt_files import (
    LIVE,
    FileState,
    StoredFile,
    find_live_copy,
    get_file,
    get_part,
    list_files,
    move_file,
)
from gateway.store.database import Database
from gateway.store.schema import adt_files
from tests.support.rows import file_values, submitted


async def move(database: Database, file: StoredFile, to: FileState, **values: Any) -> StoredFile:
    async with database.write() as connection:
        return await move_file(connection, file, to, **values)


async def test_a_file_comes_back_as_it_was_submitted(database: Database) -> None:
    content = bytes(range(256))
    file = await submitted(database, content=content)
    assert (file.state, file.submitted_by, file.approved_by) == (FileState.SUBMITTED, "ann", None)
    assert file.subject == f"adt-file/{file.id}"
    async with database.read() as connection:
        assert await get_part(connection, file.id, "content") == content
        assert await get_part(connection, file.id, "signature") is None
        assert await get_file(connection, file.id) == file


async def test_an_unknown_file_is_not_found(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(NotFound, match="there is no ADT file 7"):
            await get_file(connection, 7)
        assert await get_part(connection, 7, "content") is None


async def test_files_are_listed_newest_first_and_by_state(database: Database) -> None:
    first, second = await submitted(database), await submitted(database)
    moved = await move(database, first, FileState.REJECTED, reason="too high")
    async with database.read() as connection:
        assert await list_files(connection) == [second, moved]
        assert await list_files(connection, FileState.REJECTED, FileState.SIGNED) == [moved]


@pytest.mark.parametrize("state", FileState)
async def test_a_copy_is_live_while_it_is_on_its_way_or_in_force(sqlite: Database, state: FileState) -> None:
    file = await move(sqlite, await submitted(sqlite), state, approved_by="bob")
    async with sqlite.read() as connection:
        assert await find_live_copy(connection, "0" * 64) == (file if state in LIVE else None)
        assert await find_live_copy(connection, "1" * 64) is None


async def test_of_two_movers_one_wins(database: Database) -> None:
    file = await submitted(database)
    results = await asyncio.gather(
        move(database, file, FileState.APPROVED, approved_by="bob"),
        move(database, file, FileState.WITHDRAWN),
        return_exceptions=True,
    )
    lost = [result for result in results if isinstance(result, Conflict)]
    assert [error.code for error in lost] == ["adt_file_moved"]
    async with database.read() as connection:
        assert await get_file(connection, file.id) in results


SECOND_PERSON = [
    {"state": FileState.APPROVED, "approved_by": "ann"},
    {"state": FileState.SUBMITTED, "approved_by": "ann"},
    *(
        {"state": state, "approved_by": None}
        for state in FileState
        if state not in {FileState.SUBMITTED, FileState.REJECTED, FileState.WITHDRAWN}
    ),
]


@pytest.mark.parametrize(
    "values", SECOND_PERSON, ids=lambda values: f"{values['state']}-{values['approved_by']}"
)
async def test_no_row_says_approved_without_a_second_person(
    database: Database, values: dict[str, Any]
) -> None:
    """The database itself refuses, whatever the code above it does."""
    with pytest.raises(StoreRefused, match=r"(?i)check constraint"):
        async with database.write() as connection:
            await connection.execute(insert(adt_files).values(file_values(**values)))
    file = await submitted(database)
    with pytest.raises(StoreRefused, match=r"(?i)check constraint"):
        async with database.write() as connection:
            await connection.execute(update(adt_files).values(values))
    async with database.read() as connection:
        assert await list_files(connection) == [file]


async def test_the_submitter_cannot_be_changed_into_the_approver(database: Database) -> None:
    file = await submitted(database)
    await move(database, file, FileState.APPROVED, approved_by="bob")
    with pytest.raises(StoreRefused, match=r"(?i)check constraint"):
        async with database.write() as connection:
            await connection.execute(update(adt_files).values(submitted_by="bob"))
