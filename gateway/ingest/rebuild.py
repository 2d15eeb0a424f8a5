"""Loads a monitor with what was counted: history by the minute, digests by the second, the rest from the journal."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from gateway.store.database import Database
from gateway.store.digests import (
    Folded,
    digest_numbers,
    keep_history_until,
    placed_within,
    read_folded,
    read_kinds,
    read_places,
)
from gateway.store.history import DAY, cut_history, decode_day, read_day
from gateway.store.journal import JournalRow, read_journal
from gateway.store.places import Place, not_before, place
from gateway.store.tallies import Tallies
from thresholds.kind import Counts, Kind
from thresholds.monitor import Monitor
from thresholds.window import LATENESS, SECOND_RESOLUTION_LIMIT

LONGEST_PERIOD: Final = 31 * 86_400
"""P31D: no window looks further back."""

MARGIN: Final = LATENESS + 120
"""What a ring holds beyond its period, and more."""


class Rebuild:
    """Reads the store once into *monitor*, which nobody else may use meanwhile.

    Nothing of what it reads may be pruned before it is done; folding may go on.
    """

    def __init__(self, database: Database, monitor: Monitor, now: int) -> None:
        self._database = database
        self._monitor = monitor
        self._now = now
        self._by_second: dict[Kind, Kind] = {}
        self._by_minute: dict[Kind, Kind] = {}
        self._reach: dict[Kind, int] = {}

    async def load(self, last: int, seen: Callable[[JournalRow], None] = lambda _: None) -> None:
        """Load what was counted up to group *last*; each group that is in no digest yet is *seen*."""
        async with self._database.read() as connection:
            folded = await read_folded(connection)
            numbers = await read_kinds(connection)
        kinds = {number: kind for kind, number in numbers.items()}
        for kind in numbers:
            self._note(kind)
        now, until = self._now, folded.history_until
        seconds: Tallies[Kind] = Tallies(now - SECOND_RESOLUTION_LIMIT - MARGIN, now + 1, 1, kept=True)
        oldest = max(min(until, now), now - LONGEST_PERIOD - MARGIN) // 60 * 60
        minutes: Tallies[Kind] = Tallies(oldest, now + 1, 60, since=until, kept=True)
        await self._load_history(until, kinds)
        await self._add_digests(folded, seconds, minutes, kinds)
        await self._add_journal(folded, last, seconds, minutes, seen)
        for tallies in (seconds, minutes):
            await asyncio.to_thread(self._monitor.load, tallies.first, tallies.step, tallies.items())

    def _note(self, kind: Kind) -> None:
        """Note by which resolutions *kind* is counted: what no threshold counts is not read."""
        self._reach[kind] = self._monitor.reach(kind, 60)
        if self._reach[kind]:
            self._by_minute[kind] = kind
        if self._monitor.reach(kind, 1):
            self._by_second[kind] = kind

    async def _load_history(self, until: int, kinds: dict[int, Kind]) -> None:
        longest = max(self._reach.values(), default=0)
        if not longest:
            return
        for day in range((self._now - longest - MARGIN) // DAY, until // DAY + 1):
            async with self._database.read() as connection:
                rows = await read_day(connection, day)
            await asyncio.to_thread(self._load_day, day, rows, until, kinds)

    def _load_day(
        self, day: int, rows: list[tuple[int, bytes, bytes]], until: int, kinds: dict[int, Kind]
    ) -> None:
        wanted = self._now - (day + 1) * DAY - MARGIN
        end = (until - day * DAY) // 60
        counts: list[Counts] = []
        for row in rows:
            kind = kinds.get(row[0])  # none for one that was folded since: its minutes come from the journal
            if kind is not None and self._reach[kind] > wanted and self._reach[kind]:
                _, messages, devices = decode_day(row)
                if end < len(messages):
                    messages, devices = messages[:end], devices[:end]
                counts.append((kind, messages, devices))
        self._monitor.load(day * DAY, 60, counts)

    async def _add_digests(
        self, folded: Folded, seconds: Tallies[Kind], minutes: Tallies[Kind], kinds: dict[int, Kind]
    ) -> None:
        for tallies, wanted, since in (
            (seconds, self._by_second, seconds.first),
            (minutes, self._by_minute, folded.history_until),
        ):
            names = {number: kind for number, kind in kinds.items() if kind in wanted}
            if not names:
                continue
            where = placed_within(since, 2**62)
            async with self._database.read() as connection:
                found = [n for n in await digest_numbers(connection, where) if n <= folded.journal_id]
                async for places in read_places(connection, found):
                    await asyncio.to_thread(tallies.add_places, places, names)

    async def _add_journal(
        self,
        folded: Folded,
        last: int,
        seconds: Tallies[Kind],
        minutes: Tallies[Kind],
        seen: Callable[[JournalRow], None],
    ) -> None:
        counts: Counter[Place] = Counter()
        async for row in read_journal(self._database, folded.journal_id, last):
            seen(row)
            counts.update(map(place, row.observations))
        for kind in {kind for kind, _, _ in counts} - self._reach.keys():
            self._note(kind)
        seconds.add_counts(counts.items(), self._by_second)
        minutes.add_counts(not_before(folded.history_until, counts), self._by_minute)


async def forget_future(database: Database, now: int) -> None:
    """Let the history end *now*: a clock that was ahead took it further, and what is counted from now on is next."""
    async with database.write() as connection:
        folded = await read_folded(connection)
        if folded.history_until > now:
            await cut_history(connection, now)
            await keep_history_until(connection, now - now % 60)


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python's garbage collector from millions of new values, none of them garbage.

    To look at them again and again would take a fifth of the time; what is there at the end stays out of its way.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
