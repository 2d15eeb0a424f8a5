"""Requests that the DCC holds, to decide on."""

from typing import Final

from sqlalchemy import insert, update

from gateway.access import Person, Role
from gateway.operations.decisions import Decisions
from gateway.operations.exit_rules import ExitRules, load_exit_rules
from gateway.operations.files import Files
from gateway.operations.rules import FileRules, Rulebook
from gateway.store.database import Database, inserted_id
from gateway.store.dcc_schema import dcc_alerts, quarantined
from gateway.store.people import find_person, insert_person
from tests.support.adt import PROFILE, PROFILE_TEXT, ROOT, USERS
from thresholds.catalogue import load_catalogue

RULES: Final[ExitRules] = load_exit_rules(ROOT / "config/profiles/exit-quarantine-1.toml")
US: Final = "90-B3-D5-1F-30-01-00-00"
METER: Final = "00-DB-12-34-56-78-90-A0"
ANALYST: Final = Person("ana", frozenset({Role.ANALYST}))
OTHER_ANALYST: Final = Person("axel", frozenset({Role.ANALYST}))
APPROVER: Final = Person("bob", frozenset({Role.APPROVER}))


def request_id(number: int) -> str:
    """Return the RequestID of the request with this counter."""
    return f"{US}:{METER}:{number}"


async def hold(
    database: Database, count: int, event_ref: str = "77", first: int = 1, at: int = 1000
) -> list[int]:
    """Let the DCC hold *count* requests since *at* (seconds); return their numbers. Whoever decides is on record."""
    async with database.write() as connection:
        for person in (ANALYST, OTHER_ANALYST, APPROVER):
            if await find_person(connection, person.name) is None:
                await insert_person(connection, person.name, tuple(person.roles), 0)
        alert = {
            "received_at_ms": at * 1000,
            "source": "http",
            "trust": "verified",
            "why": "",
            "alert_code": "N46",
            "breach": "user_threshold",
            "request_id": request_id(first),
            "event_ref": event_ref,
            "sha256": f"{first:064x}",
            "content": b"<x/>",
        }
        alert_id = inserted_id(await connection.execute(insert(dcc_alerts).values(**alert)))
        numbers = []
        for number in range(first, first + count):
            row = {
                "alert_id": alert_id,
                "user_id": US,
                "device": METER,
                "request_id": request_id(number),
                "event_ref": event_ref,
                "breach": "user_threshold",
                "alerts": 1,
                "notified_at_ms": at * 1000,
                "received_at_ms": at * 1000 + number,
                "matched": "in_excess",
                "service_reference_variant": "7.2",
                "state": "held",
            }
            numbers.append(inserted_id(await connection.execute(insert(quarantined).values(**row))))
    return numbers


async def answer(database: Database, number: int, at: int, code: str = "I0") -> None:
    """Let the DCC answer the request with this counter *at* a second."""
    async with database.write() as connection:
        change = update(quarantined).where(quarantined.c.request_id == request_id(number))
        await connection.execute(change.values(answered_at_ms=at * 1000, answer_code=code))


def files_of(database: Database, now: float = 2000.0) -> Files:
    """Return what approves."""
    rules = FileRules(PROFILE, PROFILE_TEXT.encode(), load_catalogue(), USERS)
    return Files(database, Rulebook(rules), lambda: now)


def decisions_on(database: Database, now: float = 2000.0) -> Decisions:
    """Return what decides, with the rules of the shipped profile."""
    return Decisions(database, files_of(database, now), RULES, lambda: now)
