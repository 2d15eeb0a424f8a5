"""The database, the end of the audit chain, and the clock against the last audit record."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.audit.record import GENESIS, AuditRecord, record_hash
from gateway.clock import to_text
from gateway.doctor.finding import Check, Finding, failed, ok, warning
from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.audit_log import last_record, read_records
from gateway.store.database import Database, open_database
from gateway.store.migrate import is_current

DATABASE = "database"
CHAIN = "audit chain"
CLOCK = "clock"

TAIL: Final = 1000
"""Audit records that are verified; `adt-gateway audit verify` verifies all."""
TOLERANCE_SECONDS: Final = 1.0
"""How far the clock may be behind the last audit record: clocks are stepped back by less."""


def sqlite_file(settings: Settings) -> Path | None:
    """Return the database file, or None where the database is no file."""
    url = make_url(settings.store_url)
    return Path(url.database or "").absolute() if url.get_backend_name() == "sqlite" else None


@asynccontextmanager
async def reading(settings: Settings, file: Path | None) -> AsyncIterator[Database]:
    """Open the store; a database that is a *file* is opened so that nothing can be written to it."""
    if file is None:
        database = open_database(settings)
    else:
        options = {"mode": "ro", "uri": "true"}
        url = make_url(settings.store_url).set(database=file.as_uri(), query=options)
        database = Database(_read_only(url))
    try:
        yield database
    finally:
        await database.close()


def _read_only(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")  # all that one transaction reads is of one moment

    return engine


async def _store(settings: Settings, now: float) -> AsyncIterator[Finding]:
    file = sqlite_file(settings)
    if file and not file.exists():
        remedy = "Start the daemon or add a person: it is made then."
        yield warning(DATABASE, f"{file} is not there yet", remedy)
        return
    try:
        async with reading(settings, file) as database:
            yield await _tables(database)
            tail = await _tail(database)
    except GatewayError as error:
        yield failed(DATABASE, error.message, error.remedy)
        return
    yield judge_chain(tail)
    yield judge_clock(tail[-1] if tail else None, now)


async def _tables(database: Database) -> Finding:
    if await is_current(database):
        return ok(DATABASE, "it opens and its tables are current")
    remedy = "Start the daemon, which brings them up to date; if it cannot, install a newer adt-gateway."
    return warning(DATABASE, "its tables are of another version", remedy)


async def _tail(database: Database) -> list[AuditRecord]:
    """Return the last audit records and the one before them, if there are more."""
    async with database.read() as connection:
        last = await last_record(connection)
    return await read_records(database, max(0, last.number - TAIL - 1), TAIL + 1) if last else []


def judge_chain(tail: list[AuditRecord]) -> Finding:
    """Tell whether the end of the chain holds together; the first of *tail* starts at any number."""
    if not tail:
        return ok(CHAIN, "there are no audit records yet")
    wrong = _wrong_record(tail)
    if wrong is None:
        return ok(CHAIN, f"records {tail[0].number} to {tail[-1].number} follow from each other")
    what = f"record {wrong} was changed, or does not follow from the one before"
    remedy = "Keep a copy of the database as evidence, then run: adt-gateway audit verify"
    return failed(CHAIN, what, remedy)


def _wrong_record(tail: list[AuditRecord]) -> int | None:
    """Return the number of the first record that is not what it was, or does not follow."""
    for record in tail:
        if record_hash(record.body) != record.hash or _says(record)[0] != record.number:
            return record.number
    if tail[0].number == 1 and _says(tail[0])[1] != GENESIS:
        return 1
    for before, after in pairwise(tail):
        if after.number != before.number + 1 or _says(after)[1] != before.hash:
            return after.number
    return None


def _says(record: AuditRecord) -> tuple[Any, Any]:
    """Return the number and the hash of the record before, as the *record* itself says them."""
    try:
        content = json.loads(record.body)
        return content["number"], content["previous"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, None


def judge_clock(last: AuditRecord | None, now: float) -> Finding:
    """Tell whether the clock is behind the time of the *last* audit record."""
    if last is None:
        return ok(CLOCK, f"it says {to_text(now)}; there is no audit record to compare it with")
    recorded = datetime.fromisoformat(json.loads(last.body)["at"]).timestamp()
    if now < recorded - TOLERANCE_SECONDS:
        what = f"it says {to_text(now)}, before the last audit record of {to_text(recorded)}"
        return failed(CLOCK, what, "Correct the clock before anything more is recorded or signed.")
    return ok(CLOCK, f"it says {to_text(now)}, after the last audit record")


CHECKS = (Check((DATABASE, CHAIN, CLOCK), _store),)
