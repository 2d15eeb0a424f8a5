"""The audit chain: searched, read record by record, verified and downloaded."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.audit.record import GENESIS, record_hash
from gateway.errors import InvalidInput
from gateway.store.audit_search import RecordFilter
from gateway.web.console.form import Fault
from gateway.web.console.page import Page
from gateway.web.console.paging import HIGHEST, ROWS, address, asked_number, asked_text
from gateway.web.console.records import read_content, shown_record, shown_records
from gateway.web.console.visit import Visit
from gateway.web.files import path_number

AUDIT: Final = "/audit"
ONE: Final = f"{AUDIT}/{{number:[0-9]{{1,10}}}}"
DATE_AND_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?)?(?: ?(?:UTC|Z))?")
CONDITIONS: Final = ("subject", "action", "actor", "first", "last", "since", "until")


async def searched(visit: Visit) -> web.StreamResponse:
    """List the records that match the conditions of the address, the newest first."""
    request, services = visit.request, visit.services
    sent = {name: asked_text(request, name) for name in CONDITIONS}
    wanted, faults = _wanted(request, sent)
    before = asked_number(request, "before", 0)
    found = [] if faults else await services.looks.audit.find(visit.person, wanted, ROWS + 1, before or None)
    older = address(AUDIT, sent | {"before": str(found[ROWS - 1].number)}) if len(found) > ROWS else ""
    return visit.show(
        "audit.html",
        422 if faults else 200,
        faults=faults,
        records=shown_records(found[:ROWS], visit.person),
        wanted=sent,
        newest=address(AUDIT, sent) if before else "",
        older=older,
        searched=any(sent.values()),
        progress=services.looks.verification.progress,
        running=services.looks.verification.running,
        outcome=await services.looks.verification.last(visit.person),
    )


def _wanted(request: web.Request, sent: Mapping[str, str]) -> tuple[RecordFilter, list[Fault]]:
    """Return what is asked for, and what is wrong with it at its field."""
    faults: list[Fault] = []
    numbers, times = {"first": 1, "last": HIGHEST}, {"since": "", "until": ""}
    for name, usual in tuple(numbers.items()):
        try:
            numbers[name] = asked_number(request, name, usual, lowest=1)
        except InvalidInput:
            faults.append(Fault(name, "Write the number of a record, from 1 on"))
    for name in times:
        second = _second(sent[name])
        times[name] = second or ""
        if second is None:
            faults.append(Fault(name, "Write the time such as 2026-12-01 or 2026-12-01 12:00"))
    return RecordFilter(
        sent["subject"],
        sent["action"],
        sent["actor"],
        numbers["first"],
        numbers["last"],
        times["since"],
        times["until"],
    ), faults


def _second(text: str) -> str | None:
    """Return a date, with or without a time, as records are compared by; empty for nothing, None for what is none."""
    if not text:
        return ""
    matched = DATE_AND_TIME.fullmatch(text)
    if not matched:
        return None
    written = f"{matched[1]}T{matched[2] or '00:00'}{matched[3] or ':00'}"
    try:
        datetime.fromisoformat(written).replace(tzinfo=UTC)
    except ValueError:
        return None
    return written


async def record(visit: Visit) -> web.StreamResponse:
    """Show one record: its bytes, its hash, and the hash of the one before."""
    number = path_number(visit.request)
    found = await visit.services.looks.audit.get(visit.person, number)
    content = read_content(found)
    return visit.show(
        "record.html",
        title=f"Audit record {number}",
        record=found,
        shown=shown_record(found, visit.person),
        content=content,
        body=found.body.decode(errors="replace"),
        own_hash=record_hash(found.body),
        genesis=GENESIS,
    )


async def verify(visit: Visit) -> web.StreamResponse:
    """Begin to verify the whole chain."""
    await visit.services.looks.verification.start(visit.person)
    return visit.go(f"{AUDIT}#verification")


async def download(visit: Visit) -> web.StreamResponse:
    """Send the whole chain."""
    headers = {
        "Content-Type": "application/x-ndjson",
        "Content-Disposition": 'attachment; filename="audit-chain.jsonl"',
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(visit.request)
    async for line in visit.services.looks.audit.export(visit.person):
        await response.write(line)
    await response.write_eof()
    return response


_READ: Final = Action.READ_AUDIT

PAGES: Final = (
    Page("GET", AUDIT, searched, _READ, "Audit", navigation=True),
    Page("GET", ONE, record, _READ, "Audit record", parent=AUDIT),
    Page("GET", f"{AUDIT}/chain.jsonl", download, _READ, "The whole chain", parent=AUDIT),
    Page("POST", f"{AUDIT}/verify", verify, _READ, "Audit", parent=AUDIT),
)
