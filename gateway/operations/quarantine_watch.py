"""Tells the SOC how long requests wait in quarantine, and when the last of an incident has ended."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import DccQuarantine, kind_of, known_facts
from gateway.clock import Clock, to_text
from gateway.errors import GatewayError
from gateway.ingest.dcc.news import Late, ended_news, overdue_news
from gateway.store.database import Database
from gateway.store.incidents import of_subject, open_with_subject
from gateway.store.quarantine_waits import Waits, waits_by_subject

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 10.0
KIND: Final = kind_of(DccQuarantine)


class QuarantineWatch:
    """Adds to the incidents of quarantine what only time brings."""

    def __init__(self, database: Database, conditions: Conditions, wait_seconds: int, clock: Clock) -> None:
        self._database = database
        self._conditions = conditions
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._told: dict[str, int] = {}
        """Overdue requests by subject, as they were told last."""

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            try:
                await self.look()
            except GatewayError as error:
                log.warning("quarantine_not_watched", code=error.code, error=error.message)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Put on record what changed since it was looked last."""
        now = self._clock()
        async with self._database.read() as connection:
            waits = await waits_by_subject(connection, int((now - self._wait_seconds) * 1000))
            found = await open_with_subject(connection)
        is_open = {each.subject_key or "": known_facts(each.detail) for each in found if each.kind == KIND}
        changed = False
        for subject, facts in is_open.items():
            if not isinstance(facts, DccQuarantine):
                continue
            if known := _overdue_of(facts):
                self._told.setdefault(subject, known)
            if subject not in waits and facts.until is None:
                changed |= await self._put(ended_news(facts, now))
                self._told.pop(subject, None)
        for subject, overdue in self._changes(waits).items():
            changed |= await self._overdue(subject, overdue, waits.get(subject), now)
            self._told[subject] = overdue
        self._told = {subject: count for subject, count in self._told.items() if count}
        if changed:
            self._conditions.ring()

    def _changes(self, waits: Mapping[str, Waits]) -> dict[str, int]:
        gone = dict.fromkeys(self._told.keys() - waits.keys(), 0)
        now = gone | {subject: each.overdue for subject, each in waits.items()}
        return {subject: count for subject, count in now.items() if count != self._told.get(subject, 0)}

    async def _overdue(self, subject: str, overdue: int, waits: Waits | None, now: float) -> bool:
        """Add it to the incident that is open; where a person has closed it not knowing that, to another one."""
        async with self._database.read() as connection:
            newest = await of_subject(connection, KIND, subject, 1)
        facts = known_facts(newest[0].detail) if newest else None
        if not isinstance(facts, DccQuarantine):
            return False
        begins, known = not newest[0].is_open, _overdue_of(facts)
        if overdue == known or (begins and overdue < known):
            return False
        since = to_text(waits.first_ms / 1000) if waits else ""
        late = Late(overdue, since, self._wait_seconds)
        return await self._put(overdue_news(facts, newest[0].user_id, late, now, begins=begins))

    async def _put(self, news: News) -> bool:
        async with self._database.write() as connection:
            await self._conditions.put(connection, news)
        return True


def _overdue_of(facts: DccQuarantine) -> int:
    """Return how many requests were told to be overdue."""
    known = facts.figures.get("overdue", 0)
    return known if isinstance(known, int) else 0
