"""The whole chain is verified by a process of its own; the outcome is on record, and trouble is no verdict."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import psutil
import pytest
from sqlalchemy import update

from gateway.access import Person, Role
from gateway.audit.record import AuditRecord, Entry
from gateway.audit.verify import ChainVerdict, verify_chain
from gateway.operations import verification
from gateway.operations.verification import Outcome, Verification
from gateway.operations.verify_parts import LENGTH_OCTETS, frame, work
from gateway.store.audit_log import append_record, read_records
from gateway.store.database import Database
from gateway.store.schema import audit_records

ADAM = Person("adam", frozenset({Role.AUDITOR}))


async def _fill(database: Database, records: int) -> None:
    async with database.write() as connection:
        for number in range(records):
            await append_record(connection, Entry("system", "x.done", f"x/{number}", {"é": number}), 1.0)


@asynccontextmanager
async def _running(database: Database) -> AsyncIterator[Verification]:
    found = Verification(database, time.time)
    task = asyncio.get_running_loop().create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _outcome(found: Verification) -> Outcome:
    await found.start(ADAM)
    async with asyncio.timeout(60):
        while found.running:  # noqa: ASYNC110 - what a page does
            await asyncio.sleep(0.01)
    outcome = await found.last(ADAM)
    assert outcome is not None
    return outcome


async def test_an_intact_chain_is_found_so_and_that_is_on_record(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "PART_RECORDS", 7)
    await _fill(database, 40)
    async with _running(database) as found:
        assert await found.last(ADAM) is None
        outcome = await _outcome(found)
        assert (outcome.intact, outcome.last_number, outcome.by) == (True, 40, "adam")
        assert (await _outcome(found)).last_number == 41
    records = await read_records(database)
    assert verify_chain(records).intact
    assert records[39].hash == outcome.last_hash


async def test_a_broken_chain_is_found_so_across_the_seams(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "PART_RECORDS", 7)
    await _fill(database, 30)
    before = await read_records(database)
    async with database.write() as connection:
        changed = {"hash": before[20].hash, "body": before[20].body}
        await connection.execute(update(audit_records).where(audit_records.c.number == 22).values(**changed))
    async with _running(database) as found:
        outcome = await _outcome(found)
    assert (outcome.intact, outcome.last_number) == (False, 21)
    assert "22" in outcome.reason


async def test_what_is_appended_meanwhile_is_verified_too_and_one_runs_at_a_time(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "PART_RECORDS", 5)
    await _fill(sqlite, 60)
    async with _running(sqlite) as found:
        await found.start(ADAM)
        begun = found.progress
        assert begun is not None
        await _fill(sqlite, 3)
        await found.start(Person("ana", frozenset({Role.ANALYST})))
        outcome = await _outcome(found)
    assert outcome.by == "adam"
    assert outcome.last_number >= 63
    assert begun.records == 60


async def test_a_process_that_is_killed_gives_no_verdict(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "PART_RECORDS", 1)
    await _fill(sqlite, 3000)
    async with _running(sqlite) as found:
        await found.start(ADAM)
        async with asyncio.timeout(60):
            while not (found.progress and found.progress.done):  # noqa: ASYNC110 - nothing rings
                await asyncio.sleep(0.005)
        [worker] = [
            each for each in psutil.Process().children() if "verify_parts" in " ".join(each.cmdline())
        ]
        worker.kill()
        async with asyncio.timeout(60):
            while found.running:  # noqa: ASYNC110 - nothing rings
                await asyncio.sleep(0.01)
        assert found.progress is not None
        assert found.progress.trouble
        assert await found.last(ADAM) is None
        assert (await _outcome(found)).intact  # and it may be asked for again


def test_the_parts_answer_as_the_whole_does() -> None:
    """Also where the columns hold something else than they should."""
    good = AuditRecord(1, b"{}", "0" * 64)
    for rows in ([(1, b"{}", "0" * 64)], [("1", b"{}", None)], [(1, "text", 5)]):
        answers = io.BytesIO()
        work(io.BytesIO(frame(rows)), answers)
        body = answers.getvalue()[LENGTH_OCTETS:]
        verdict = msgspec.msgpack.decode(body, type=ChainVerdict)
        whole = [AuditRecord(*row) for row in rows]
        assert verdict == verify_chain(whole)
        assert not verdict.intact
    assert not verify_chain([good]).intact
