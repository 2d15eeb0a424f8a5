"""The way in: a bounded queue, group commits to the journal, acknowledgement after them, then the count."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import structlog

from gateway.clock import Clock
from gateway.errors import GatewayError, Unavailable
from gateway.ingest.counting import Counting
from gateway.ingest.deduplication import Deduplication, kept_seconds, unpacked
from gateway.metrics import COMMIT_FAILURES, COMMIT_SECONDS, COMMUNICATIONS, DUPLICATES, QUEUE_LIMIT, QUEUED
from gateway.settings import Ingest
from gateway.store.database import Database
from gateway.store.digests import read_fingerprints, read_folded, received_from
from gateway.store.journal import JournalRow, Observation
from gateway.store.journal_writer import JournalWriter
from thresholds.model import CommunicationClass

log = structlog.get_logger(__name__)

GROUP_LIMIT: Final = 5000
"""Communications in one journal row at the most: bounds how long one commit holds the others up."""

GATHER_SECONDS: Final = 0.003
"""How long a commit lets others join at the most, while they keep coming."""
TROUBLE_SECONDS: Final = 30.0
"""A failed commit is shown for so long unless another succeeds: where nothing comes to try it with, it is not known
to fail any more, and somebody who waits for `/readyz` before sending again would wait for ever."""

_COMMUNICATIONS: Final = {name.value: COMMUNICATIONS.labels(name) for name in CommunicationClass}


class Taken(msgspec.Struct, frozen=True):
    """What became of a delivery, once it is durable."""

    accepted: int
    duplicate: int


class Refused(msgspec.Struct, frozen=True):
    """What found no room in the queue."""

    deliveries: int = 0
    communications: int = 0


class Intake:
    """Takes deliveries from every source; `take` returns when they are on disk."""

    def __init__(
        self, database: Database, journal: JournalWriter, counting: Counting, settings: Ingest, clock: Clock
    ) -> None:
        self._database = database
        self._journal = journal
        self._counting = counting
        self._settings = settings
        self._clock = clock
        self._queue: asyncio.Queue[tuple[Sequence[Observation], asyncio.Future[Taken]]] = asyncio.Queue()
        self._queued = 0
        self._deduplication = Deduplication(settings.deduplication_seconds, 0)
        self.counted = 0
        """Communications counted since the start."""
        self.failed = 0
        """Groups that the journal did not take since the start."""
        self.refused = Refused()
        """What this process has refused because the queue was full."""
        self._trouble, self._failed_at = "", -math.inf
        counting.on_stuck = self._refuse_waiting
        QUEUE_LIMIT.set(settings.queue_limit)

    async def take(self, observations: Sequence[Observation]) -> Taken:
        """Count *observations* once each; return after the commit.

        Raises `Unavailable` where the queue is full or the journal cannot commit: then nothing was counted.
        """
        if not observations:
            return Taken(0, 0)
        if self._queued + len(observations) > self._settings.queue_limit:
            self.refused = Refused(
                self.refused.deliveries + 1, self.refused.communications + len(observations)
            )
            msg = f"{self._queued} communications wait already (limit {self._settings.queue_limit})"
            raise Unavailable("queue_full", msg, "Send it again a little later.")
        done: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._add(len(observations))
        self._queue.put_nowait((observations, done))
        return await done

    def ask(self) -> asyncio.Future[Taken]:
        """Return what is done once the queue has been worked through up to here."""
        done: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(((), done))
        return done

    @property
    def trouble(self) -> str:
        """Why the last commit failed; empty where it did not, or long ago."""
        return self._trouble if time.monotonic() - self._failed_at < TROUBLE_SECONDS else ""

    def _add(self, change: int) -> None:
        self._queued += change
        QUEUED.set(self._queued)

    async def recover(self, unfinished_since: float = math.inf) -> None:
        """Rebuild the windows and the memory of what was counted from the store; call once, before `run`.

        What was counted since *unfinished_since* (seconds) is remembered from now on: it will be handed in
        again, however long the gateway was away.
        """
        await self._database.settle()
        now, horizon = int(self._clock()), self._settings.deduplication_seconds
        async with self._database.read() as connection:
            known = Deduplication(horizon, (await read_folded(connection)).seed)
            since = min(now - kept_seconds(horizon), unfinished_since)
            async for received_at, keys in read_fingerprints(connection, received_from(int(since))):
                at = received_at if received_at < unfinished_since else max(now, received_at)
                known.remember(unpacked(keys), at)
        self._deduplication = known

        def remember(row: JournalRow) -> None:
            keys = [known.fingerprint(observation.communication) for observation in row.observations]
            at = row.received_at if row.received_at < unfinished_since else max(now, row.received_at)
            known.remember(keys, at)

        await self._counting.recover(remember)

    async def run(self) -> None:
        """Commit and count for ever: what arrives during one commit shares the next."""
        while True:
            deliveries = [await self._queue.get()]
            await self._gather()
            size = len(deliveries[0][0])
            while not self._queue.empty() and size < GROUP_LIMIT:
                deliveries.append(self._queue.get_nowait())
                size += len(deliveries[-1][0])
            try:
                await self._commit(deliveries)
            finally:
                self._add(-size)

    async def _gather(self) -> None:
        """Let those join who are at the door: senders that were just answered come back together.

        It ends once nobody came during a turn of the event loop, which costs a lone sender microseconds.
        """
        await asyncio.sleep(self._settings.group_milliseconds / 1000)
        end = time.perf_counter() + GATHER_SECONDS
        before = -1
        while before < self._queue.qsize() and time.perf_counter() < end:
            before = self._queue.qsize()
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # a request that is read in one turn is handed in at the next

    async def _commit(self, deliveries: list[tuple[Sequence[Observation], asyncio.Future[Taken]]]) -> None:
        fresh: dict[int, Observation] = {}
        answers: list[tuple[asyncio.Future[Taken], Taken]] = []
        self._deduplication.forget(int(self._clock()))
        for observations, done in deliveries:
            before = len(fresh)
            for observation in observations:
                key = self._deduplication.fingerprint(observation.communication)
                if key not in fresh and key not in self._deduplication:
                    fresh[key] = observation
            accepted = len(fresh) - before
            answers.append((done, Taken(accepted, len(observations) - accepted)))
        group = list(fresh.values())
        row_id = 0
        if group:
            try:
                row_id = await self._write(group, fresh)
            except GatewayError as error:
                self._note_failure(error, len(group))
                _answer_all(answers, error)
                return
        for done, taken in answers:
            if not done.done():
                done.set_result(taken)
            if taken.duplicate:
                DUPLICATES.inc(taken.duplicate)
        if group:
            self.counted += len(group)
            _report(group)
            await self._counting.count(group, row_id)

    def _refuse_waiting(self, why: str) -> None:
        """Let nobody wait for a store that takes nothing: what is still in the queue was not counted."""
        waiting = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        error = Unavailable("store_unavailable", f"nothing can be counted: {why}", "Send it again later.")
        refused = 0
        for delivery in waiting:
            observations, done = delivery
            if not observations:  # somebody asks how far the queue is: that waits
                self._queue.put_nowait(delivery)
                continue
            refused += len(observations)
            if not done.done():
                done.set_exception(error)
        if refused:
            self._add(-refused)
            self._note_failure(error, refused)

    def _note_failure(self, error: GatewayError, not_counted: int) -> None:
        log.warning("journal_failed", code=error.code, error=error.message, not_counted=not_counted)
        COMMIT_FAILURES.inc()
        self.failed += 1
        self._trouble, self._failed_at = error.message, time.monotonic()

    async def _write(self, group: list[Observation], keys: Iterable[int]) -> int:
        started, now = time.perf_counter(), int(self._clock())
        row_id = await self._journal.append(group, now)
        COMMIT_SECONDS.observe(time.perf_counter() - started)
        self._trouble = ""
        self._deduplication.remember(keys, now)
        return row_id


def _answer_all(answers: list[tuple[asyncio.Future[Taken], Taken]], error: GatewayError) -> None:
    for done, _ in answers:
        if not done.done():
            done.set_exception(Unavailable(error.code, error.message, error.remedy))


def _report(group: list[Observation]) -> None:
    """Show what was counted in the metrics, and say aloud what the catalogue does not know."""
    classes = Counter([observation.communication.communication_class._value_ for observation in group])
    for name, count in classes.items():
        _COMMUNICATIONS[name].inc(count)
    if CommunicationClass.UNKNOWN._value_ in classes:
        _report_unknown(group)


def _report_unknown(group: list[Observation]) -> None:
    sent = [observation.communication for observation in group]
    unknown = [found for found in sent if found.communication_class is CommunicationClass.UNKNOWN]
    log.warning(
        "unknown_service",
        communications=len(unknown),
        service_reference_variant=unknown[0].service_reference_variant,
        command_variant=unknown[0].command_variant,
        user_id=unknown[0].originator,
    )
