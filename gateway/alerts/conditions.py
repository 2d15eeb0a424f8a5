"""What is wrong other than a count, on record as candidate incidents: one open for each kind and subject.

Whoever watches says what holds and what is over, as often as it likes; that is remembered here at once, and put on
record as soon as the store takes it. What lasts or comes back adds to the incident that is open.
"""

import asyncio
import contextlib
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.candidate import UPDATE_SECONDS, Candidate, Candidates
from gateway.alerts.condition import Key, News, combined, merged, news_facts
from gateway.alerts.facts import (
    Condition,
    ConditionFacts,
    DccQuarantine,
    kind_of,
    known_facts,
)
from gateway.clock import Clock
from gateway.errors import GatewayError, StoreRefused
from gateway.store.database import Database
from gateway.store.incidents import (
    StoredIncident,
    due_to_be_told,
    find_open,
    of_subject,
    open_with_subject,
)

log = structlog.get_logger(__name__)

WAITING: Final = 2000
"""Conditions that wait for the store at the most; what comes beyond is in the log alone."""

LOOK_SECONDS: Final = 5.0
"""How often it is looked whether something kept is to be told."""

FIGURES_SECONDS: Final = 60.0
"""How long mere figures wait to be put on record; a beginning or an end does not."""


class Conditions:
    """The one place to which everything that can be wrong is told."""

    def __init__(self, database: Database, candidates: Candidates, clock: Clock) -> None:
        self._database = database
        self._candidates = candidates
        self._clock = clock
        self._lasting: set[Key] = set()
        self._waiting: dict[Key, News] = {}
        self._written_at = clock()
        self._rung = asyncio.Event()
        self._writing = asyncio.Lock()

    async def recover(self) -> None:
        """Learn what lasted when the gateway stopped: whoever watches says whether it still does."""
        async with self._database.read() as connection:
            for incident in await open_with_subject(connection):
                facts = known_facts(incident.detail)
                if isinstance(facts, ConditionFacts) and facts.until is None:
                    self._lasting.add(Key(incident.kind, incident.subject_key or ""))

    def lasting(self, kind: type[Condition]) -> list[str]:
        """Return the subjects of which something of this kind lasts."""
        return sorted(key.subject for key in self._lasting if key.kind == kind_of(kind))

    def holds(self, news: News) -> None:
        """Say that a condition holds; that it began is told once."""
        if news.key not in self._lasting:
            self._lasting.add(news.key)
            log.warning("condition_began", kind=news.key.kind, subject=news.key.subject, detail=news.detail)
            self._note(msgspec.structs.replace(news, begins=1), urgent=True)
        elif news.figures or news.more:
            self._note(msgspec.structs.replace(news, begins=0), urgent=False)

    def over(self, kind: type[Condition], subject: str, detail: str) -> None:
        """Say that a condition does not hold; that it ended is told once."""
        key = Key(kind_of(kind), subject)
        if key in self._lasting:
            self._lasting.remove(key)
            log.info("condition_ended", kind=key.kind, subject=key.subject, detail=detail)
            now = self._clock()
            self._note(News(kind, subject, detail, now, begins=0, until=now), urgent=True)

    def happened(self, news: News) -> None:
        """Say that something was wrong and has no end to wait for."""
        log.warning("condition_met", kind=news.key.kind, subject=news.key.subject, detail=news.detail)
        self._note(msgspec.structs.replace(news, until=news.at), urgent=True)

    def _note(self, news: News, *, urgent: bool) -> None:
        earlier = self._waiting.get(news.key)
        if earlier is None and len(self._waiting) >= WAITING:
            log.error("condition_not_kept", kind=news.key.kind, subject=news.key.subject)
            return
        self._waiting[news.key] = combined(earlier, news) if earlier else news
        if urgent:
            self._rung.set()

    async def run(self) -> None:
        """Put on record what waits, for ever; raise `Unavailable` where the store is away, and be run again."""
        while True:
            await self._wait()
            if self._rung.is_set() or not 0 <= self._clock() - self._written_at < FIGURES_SECONDS:
                self._rung.clear()
                await self.write()
            await self._tell_due()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._rung.wait()

    async def write(self) -> None:
        """Put on record what waits, each condition in a transaction of its own: no sender waits for long.

        One that the store refuses waits on and holds none of the others up.
        """
        self._written_at = self._clock()
        async with self._writing:  # at the end what is under way is waited for
            told = bool(self._waiting)
            for key in tuple(self._waiting):
                try:
                    await self._write_one(key)
                except StoreRefused as error:
                    log.error("condition_refused", kind=key.kind, subject=key.subject, error=error.message)  # noqa: TRY400 - the error says it all
        if told:
            self._candidates.ring()

    async def _write_one(self, key: Key) -> None:
        news = self._waiting.pop(key)
        try:
            async with self._database.write() as connection:
                await self.put(connection, news)
        except BaseException as error:
            later = self._waiting.get(key)
            self._waiting[key] = combined(news, later) if later else news
            if not isinstance(error, StoreRefused):  # which a repeat at once would not help
                self._rung.set()
            raise

    async def finish(self) -> None:
        """Put on record what is left, at the end; the log has it even where the store does not take it."""
        try:
            await self.write()
        except GatewayError as error:
            left = [f"{key.kind} {key.subject}" for key in self._waiting]
            log.error("conditions_not_recorded", code=error.code, error=error.message, conditions=left)  # noqa: TRY400 - the error says it all

    async def _tell_due(self) -> None:
        now = self._clock()
        async with self._database.read() as connection:
            due = await due_to_be_told(connection, int(now), UPDATE_SECONDS)
        if due:
            async with self._database.write() as connection:
                await self._candidates.tell_due(connection, now)
            self._candidates.ring()

    async def put(self, connection: AsyncConnection, news: News) -> None:
        """Put *news* on record within the transaction of *connection*; `ring` after its commit."""
        now = self._clock()
        incident = await find_open(connection, news.key.kind, news.key.subject)
        if incident is not None:
            facts = known_facts(incident.detail)
            if facts is None:  # what a later version wrote is left as it is, and the others go on
                log.warning("incident_unreadable", incident=incident.id)
            if isinstance(facts, ConditionFacts) and (changed := merged(facts, news)) != facts:
                await self._candidates.update(connection, incident, changed, changed.detail, now)
        elif news.begins:  # otherwise a person has closed it, and it is over or goes on as it was
            follows = await _followed(connection, news)
            candidate = Candidate(news_facts(news), news.detail, news.at, news.user_id, news.subject, follows)
            await self._candidates.open(connection, candidate, now)

    def ring(self) -> None:
        """Wake the channels, after the commit of what was `put`."""
        self._candidates.ring()


async def _followed(connection: AsyncConnection, news: News) -> StoredIncident | None:
    """Return the closed incident that *news* takes up again: of one quarantine event it is the same matter.

    What it was marked keeps holding: whoever may not know of the event would read it in the next incident.
    """
    if news.kind is not DccQuarantine:
        return None
    earlier = await of_subject(connection, news.key.kind, news.key.subject, 1)
    return earlier[0] if earlier else None
