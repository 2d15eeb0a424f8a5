"""A past for a daemon: counts by the minute in its history, as if they had been folded there long ago."""

import asyncio
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, insert, select

from gateway.store.database import Database, open_store
from gateway.store.digests import keep_history_until
from gateway.store.history import set_minutes
from gateway.store.schema import kinds
from tests.support.daemon import Daemon
from thresholds.kind import Kind
from thresholds.model import CommunicationClass, UserId


def kind(user: str, name: str = "SR", variant: str = "7.4") -> Kind:
    """Return a kind of communication; its reference is the variant where that has two parts."""
    reference = variant.rpartition(".")[0] if variant.count(".") > 1 else variant
    return UserId(user), CommunicationClass(name), reference, variant


async def write_past(database: Database, of: Kind, first: int, counts: Sequence[int]) -> None:
    """Set the minutes from second *first* on to *counts*; the history ends with them."""
    values = array("I", counts)
    names = ("user_id", "communication_class", "service_reference", "service_reference_variant")
    async with database.write() as connection:
        number = ((await connection.execute(select(func.max(kinds.c.id)))).scalar_one() or 0) + 1
        await connection.execute(insert(kinds), [{"id": number} | dict(zip(names, of, strict=True))])
        await set_minutes(connection, first, [(number, values, values)])
        await keep_history_until(connection, first + 60 * len(counts))


def give_past(daemon: Daemon, of: Kind, first: int, counts: Sequence[int]) -> None:
    """Write into the database of a daemon that runs."""

    async def write() -> None:
        database = open_store(f"sqlite+aiosqlite:///{daemon.database_file}", None)
        try:
            await write_past(database, of, first, counts)
        finally:
            await database.close()

    with ThreadPoolExecutor(1) as thread:  # a browser's loop may run in this one
        thread.submit(lambda: asyncio.run(write())).result()
