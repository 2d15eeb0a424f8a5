"""Folds the journal into digests, the digests into the history, and deletes what is folded and old.

A digest is made of journal rows alone, and the minutes of the history are set and not added to: after a crash
anywhere it is simply done again. What takes time runs in a thread, a bounded amount at a time, so that no sender
waits for it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.ingest.counting import Counting
from gateway.ingest.deduplication import kept_seconds
from gateway.ingest.fold import Fold, KindNumbers
from gateway.metrics import HISTORY_UNTIL, LAST_FOLDING
from gateway.store.database import Database
from gateway.store.digests import (
    Folded,
    add_digest,
    digest_numbers,
    first_placed,
    keep_history_until,
    newest_received,
    placed_within,
    prune_digests,
    read_folded,
    read_kinds,
    read_places,
)
from gateway.store.history import DAY, Minutes, prune_history, set_minutes
from gateway.store.journal import JournalRow, newest_group, oldest_received, prune_journal, read_journal
from gateway.store.tallies import Tallies
from thresholds.window import LATENESS, SECOND_RESOLUTION_LIMIT

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 5.0
"""How often it is looked at what is due."""

FOLD_SECONDS: Final = 60
"""How old the oldest row that is in no digest may become."""

DIGEST_COMMUNICATIONS: Final = 100_000
"""In one digest at the most (the last group may go over it)."""

PIECE_COMMUNICATIONS: Final = 2000
"""What one turn of a thread works through."""

SETTLED_SECONDS: Final = LATENESS + 900
"""After so long nothing is placed in a minute any more: by a lateness, and by the longest that a hand-in may wait for
its commit, with room."""

HISTORY_SECONDS: Final = 600
"""How much of the history is written at once, if no more is due."""

HISTORY_KINDS: Final = 200
"""Kinds whose minutes are set in one transaction."""

JOURNAL_SECONDS: Final = 300
"""How long a row stays in the journal for who wants to look, though it is in a digest."""

PRUNED_AT_ONCE: Final = 2000
"""Rows of the journal or of the history that one transaction deletes."""


class Folding:
    """Keeps the journal short; one task runs it."""

    def __init__(
        self,
        database: Database,
        counting: Counting,
        deduplication_seconds: int,
        days: int,
        clock: Clock,
        unfinished_since: Callable[[], float] = lambda: math.inf,
        sent_seconds: int = 0,
    ) -> None:
        self._database = database
        self._counting = counting
        # The windows by the second need the seconds of an hour, the memory of what was counted its keys.
        windows = SECOND_RESOLUTION_LIMIT + 2 * LATENESS
        # What the DCC holds is looked up among what was seen leaving, by the same keys.
        known = kept_seconds(deduplication_seconds) + 2 * FOLD_SECONDS
        self._digest_seconds = max(windows, known, sent_seconds)
        self._days = days
        self._clock = clock
        self._unfinished_since = unfinished_since
        LAST_FOLDING.set_to_current_time()

    async def run(self) -> None:
        """Do what is due, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Do all that is due now."""
        while await self.fold():
            pass
        while await self.extend_history():
            pass
        if not self._counting.reading:
            await self.prune()
        LAST_FOLDING.set_to_current_time()

    async def fold(self, older_than: int = FOLD_SECONDS) -> bool:
        """Write one digest if a row is *older_than* so many seconds; tell whether there is more to do.

        The newest row that was counted stays out: a restart may have to count it once more.
        """
        last = self._counting.counted_row - 1
        async with self._database.read() as connection:
            folded = await read_folded(connection)
            oldest = await oldest_received(connection, folded.journal_id)
            # A row from the future was received by a clock that has been set back since: it waits for nothing.
            waits = oldest is not None and 0 <= self._clock() - oldest < older_than
            if last <= folded.journal_id or oldest is None or waits:
                return False
            covered = {threshold.user_id for threshold in self._counting.thresholds}
            numbers = KindNumbers(await read_kinds(connection), covered)
        fold, piece, size = Fold(folded.seed, folded.history_until), list[JournalRow](), 0
        async for row in read_journal(self._database, folded.journal_id, last):
            piece.append(row)
            size += len(row.observations)
            if size >= PIECE_COMMUNICATIONS:
                await asyncio.to_thread(fold.add, piece)
                piece, size = [], 0
                if fold.communications >= DIGEST_COMMUNICATIONS:
                    break
        await asyncio.to_thread(fold.add, piece)
        if not fold.rows:
            return False
        digest = await asyncio.to_thread(fold.digest, numbers)
        async with self._database.write() as connection:
            await add_digest(connection, digest, numbers.new)
        log.debug("folded", communications=digest.communications, until=digest.journal_id)
        return True

    async def extend_history(self, at_least: int = HISTORY_SECONDS) -> bool:
        """Write the minutes that are final if *at_least* so many seconds are; tell whether there is more to do."""
        async with self._database.read() as connection:
            folded = await read_folded(connection)
            HISTORY_UNTIL.set(folded.history_until)
            # A clock that was ahead takes the history no further than now.
            received = min(await newest_received(connection) or 0, int(self._clock()))
            first = folded.history_until or (await first_placed(connection) or 0) // 60 * 60
            end = min((received - SETTLED_SECONDS) // 60 * 60, (first // DAY + 1) * DAY)
            if not first or end - first < min(at_least, (first // DAY + 1) * DAY - first):
                return False
            minutes: Tallies[int] = Tallies(first, end, 60)
            names = {number: number for number in (await read_kinds(connection)).values()}
            numbers = await digest_numbers(connection, placed_within(first, end))
            async for places in read_places(connection, numbers):
                await asyncio.to_thread(minutes.add_places, places, names)
        found = list(minutes.items())
        for start in range(0, len(found), HISTORY_KINDS):
            await self._set(first, found[start : start + HISTORY_KINDS])
        async with self._database.write() as connection:
            await keep_history_until(connection, end)
        HISTORY_UNTIL.set(end)
        return True

    async def _set(self, first: int, found: list[Minutes]) -> None:
        async with self._database.write() as connection:
            await set_minutes(connection, first, found)

    async def prune(self) -> None:
        """Delete what is not needed any more, a little at a time.

        The age of a row is told by the newest: a clock that runs ahead deletes nothing. What was counted since
        *unfinished_since* stays: a restart has it handed in again.
        """
        async with self._database.read() as connection:
            folded = await read_folded(connection)
            newest = await newest_group(connection)
        if newest is None:
            return
        now = min(newest.received_at, int(self._clock()))
        await self._repeat(lambda: self._prune_journal(folded, now))
        unfinished = await asyncio.to_thread(self._unfinished_since)
        before = int(min(now - self._digest_seconds, unfinished))
        await self._repeat(lambda: prune_digests(self._database, before, 1))
        first_day = now // DAY - self._days
        await self._repeat(lambda: prune_history(self._database, first_day, PRUNED_AT_ONCE))

    async def _prune_journal(self, folded: Folded, now: int) -> int:
        async with self._database.write() as connection:
            before = now - JOURNAL_SECONDS
            return await prune_journal(connection, folded.journal_id, before, PRUNED_AT_ONCE)

    async def _repeat(self, prune: Callable[[], Awaitable[int]]) -> None:
        while not self._counting.reading and await prune():
            pass
