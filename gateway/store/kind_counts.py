"""Counts of the past by the minute for each kind of a User ID, or of all: from history, digests and journal."""

import asyncio
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.digests import (
    Folded,
    digest_numbers,
    placed_within,
    read_folded,
    read_kinds,
    read_places,
)
from gateway.store.history import DAY, decode_minutes, first_day
from gateway.store.journal import read_page
from gateway.store.places import Place, not_before, place
from gateway.store.schema import digests, history, journal, kinds
from gateway.store.tallies import Tallies
from thresholds.kind import Kind
from thresholds.window import LATENESS

MINUTE: Final = 60

KindMinutes = dict[Kind, list[int]]
"""What each kind counted in each minute of a span."""


class _Of(msgspec.Struct, frozen=True):
    """Whose counts are read."""

    user_id: str
    names: dict[int, Kind]
    folded: Folded
    last: int


async def read_kind_minutes(
    database: Database, user_id: str, spans: Sequence[tuple[int, int]], last: int
) -> tuple[int, list[KindMinutes]]:
    """Return the first second of which a count is on record, and the counts of each of *spans*, in one state.

    A span is its first second and the first one after it, whole minutes both. An empty *user_id* stands for all.
    Counted is what stands in the journal up to row *last*.
    """
    async with database.read() as connection:
        numbers = await read_kinds(connection)
        names = {number: kind for kind, number in numbers.items() if user_id in {"", kind[0]}}
        of = _Of(user_id, names, await read_folded(connection), last)
        return await counted_since(connection), [await _read(connection, of, *span) for span in spans]


async def counted_since(connection: AsyncConnection) -> int:
    """Return the first second of which a count can be on record; 0 where nothing is on record at all.

    To the day where that lies in the history, else by when the first communication arrived.
    """
    if day := await first_day(connection):
        return day * DAY
    firsts = (select(func.min(digests.c.placed_from)), select(func.min(journal.c.received_at) - LATENESS))
    found = [(await connection.execute(query)).scalar_one() for query in firsts]
    return min((int(first) // MINUTE * MINUTE for first in found if first is not None), default=0)


async def _read(connection: AsyncConnection, of: _Of, first: int, end: int) -> KindMinutes:
    minutes: KindMinutes = {}
    until = min(end, of.folded.history_until)
    for day in range(first // DAY, -(-until // DAY)):
        rows = await _read_day(connection, day, of.user_id)
        span = max(first, day * DAY), min(until, (day + 1) * DAY)
        for kind, values in await asyncio.to_thread(_decoded, rows, of.names, day, span):
            _add(minutes, kind, (first, end), span[0], values)
    if end > of.folded.history_until:
        start = max(first, of.folded.history_until)
        for kind, values, _ in (await _recent(connection, of, start, end)).items():
            _add(minutes, kind, (first, end), start, values)
    return minutes


async def _read_day(connection: AsyncConnection, day: int, user_id: str) -> list[tuple[int, bytes]]:
    query = select(history.c.kind_id, history.c.messages).where(history.c.day == day)
    if user_id:
        query = query.join(kinds, kinds.c.id == history.c.kind_id).where(kinds.c.user_id == user_id)
    return [(row[0], row[1]) for row in await connection.execute(query)]


def _decoded(
    rows: Sequence[tuple[int, bytes]], names: dict[int, Kind], day: int, span: tuple[int, int]
) -> list[tuple[Kind, "array[int]"]]:
    """Return the minutes of *span* of each kind that counted in it."""
    low, high = ((second - day * DAY) // MINUTE for second in span)
    found = (
        (names[number], decode_minutes(content)[low:high]) for number, content in rows if number in names
    )
    return [(kind, values) for kind, values in found if any(values)]


async def _recent(connection: AsyncConnection, of: _Of, start: int, end: int) -> Tallies[Kind]:
    """Return what is in no history yet."""
    minutes: Tallies[Kind] = Tallies(start, end, MINUTE)
    numbers = await digest_numbers(connection, placed_within(start, end))
    async for places in read_places(connection, numbers):
        await asyncio.to_thread(minutes.add_places, places, of.names)
    after, fresh = of.folded.journal_id, Counter[Place]()
    while page := await read_page(connection, after, of.last):
        after = page[-1].id
        for row in page:
            fresh.update(place(each) for each in row.observations)
        await asyncio.sleep(0)
    placed = list(not_before(of.folded.history_until, fresh))
    own = {kind: kind for (kind, _, _), _ in placed if of.user_id in {"", kind[0]}}
    minutes.add_counts(placed, own)
    return minutes


def _add(minutes: KindMinutes, kind: Kind, span: tuple[int, int], second: int, values: "array[int]") -> None:
    """Add *values* of the minutes from *second* on, as far as they lie in *span*."""
    kept = minutes.setdefault(kind, [0] * ((span[1] - span[0]) // MINUTE))
    for slot, n in enumerate(values, (second - span[0]) // MINUTE):
        if 0 <= slot < len(kept):
            kept[slot] += n
