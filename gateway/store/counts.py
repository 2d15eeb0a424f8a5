"""Counts of the past for a chart: from the history, the digests and what is only in the journal yet."""

import asyncio
from array import array
from collections import Counter
from collections.abc import Container, Sequence
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.digests import (
    Folded,
    digest_numbers,
    placed_span,
    placed_within,
    read_folded,
    read_kinds,
    read_places,
)
from gateway.store.history import DAY, decode_day, first_day, read_day
from gateway.store.journal import read_page
from gateway.store.places import Place, not_before, place
from gateway.store.tallies import Tallies
from thresholds.cells import Sum
from thresholds.kind import Kind
from thresholds.model import ALL, ANY_SERVICE, DEVICES, UserId

NAMED: Final = 2000
"""So many kinds a query names; where there are more, it reads those of the whole day."""


class Stretch(msgspec.Struct, frozen=True):
    """Which counts of which time: those of every kind that a threshold of these three would count."""

    user_id: UserId
    communication: str
    """A class, `ALL` or `DEVICES`."""
    service: str
    """A service reference variant, a service reference or `*`."""
    first: int
    end: int
    """The first second after it."""
    step: int
    """60, 3 600 or 86 400 seconds; *first* and *end* are multiples of it."""

    def holds(self, kind: Kind) -> bool:
        """Tell whether *kind* is one of those."""
        user_id, name, reference, variant = kind
        return (
            user_id == self.user_id
            and self.communication in {name, ALL, DEVICES}
            and self.service in {variant, reference, ANY_SERVICE}
        )


async def read_counts(database: Database, stretch: Stretch, last: int) -> list[int]:
    """Return the counts of each step of *stretch*, up to journal row *last*."""
    counts = [0] * ((stretch.end - stretch.first) // stretch.step)
    async with (
        database.read() as connection
    ):  # one consistent state: what is folded moves from one to the next
        folded = await read_folded(connection)
        numbers = [number for kind, number in (await read_kinds(connection)).items() if stretch.holds(kind)]
        wanted = frozenset(numbers)
        until = min(stretch.end, folded.history_until)
        oldest = max(stretch.first // DAY, await first_day(connection))
        for day in range(oldest, -(-until // DAY)):
            rows = await read_day(connection, day, numbers if len(numbers) <= NAMED else None)
            await asyncio.to_thread(_add_day, counts, stretch, (day, until), rows, wanted)
        first = max(stretch.first, folded.history_until)
        if first < stretch.end:
            await _add_recent(connection, counts, stretch, folded, last, numbers)
    return counts


def _add_day(
    counts: list[int],
    stretch: Stretch,
    span: tuple[int, int],
    rows: Sequence[tuple[int, bytes, bytes]],
    wanted: Container[int],
) -> None:
    day, until = span
    total = Sum()
    for row in rows:
        if row[0] not in wanted:
            continue
        _, messages, devices = decode_day(row)
        total.add(devices if stretch.communication == DEVICES else messages)
    _add(counts, stretch, day * DAY, total.values(), until)


def _add(counts: list[int], stretch: Stretch, second: int, values: "array[int]", until: int) -> None:
    """Add minutes that begin at *second*, as far as they lie in *stretch* and before *until*."""
    for n in values:
        if n and stretch.first <= second < until:
            counts[(second - stretch.first) // stretch.step] += n
        second += 60


async def _add_recent(
    connection: AsyncConnection,
    counts: list[int],
    stretch: Stretch,
    folded: Folded,
    last: int,
    numbers: Sequence[int],
) -> None:
    first = max(stretch.first, folded.history_until)
    after, fresh = folded.journal_id, Counter[Place]()
    while page := await read_page(connection, after, last):
        after = page[-1].id
        for row in page:
            fresh.update(place(each) for each in row.observations)
        await asyncio.sleep(0)
    recent = [each for each in not_before(folded.history_until, fresh) if stretch.holds(each[0][0])]
    within = placed_within(first, stretch.end)
    # Room is made for when something counted: what is asked for may be a century.
    placed = [second for (_, second, _), _ in recent] + await placed_span(connection, within)
    first = max(first, min(placed, default=0) // 60 * 60)
    end = min(stretch.end, max(placed, default=0) // 60 * 60 + 60)
    if first >= end:
        return
    minutes: Tallies[int] = Tallies(first, end, 60)
    names = dict.fromkeys(numbers, 0)
    async for places in read_places(connection, await digest_numbers(connection, within)):
        await asyncio.to_thread(minutes.add_places, places, names)
    minutes.add_counts(recent, {kind: 0 for (kind, _, _), _ in recent})
    for _, messages, devices in minutes.items():
        values = devices if stretch.communication == DEVICES else messages
        _add(counts, stretch, first, values, end)
