"""The history: how much of each kind counted in each minute, a row for a day of a kind."""

import zlib
from array import array
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.places import LEVEL
from gateway.store.schema import history
from thresholds.cells import narrowed, of

DAY: Final = 86_400
MINUTES: Final = 1440

Minutes = tuple[int, "array[int]", "array[int]"]
"""The number of a kind, its counts and the devices that they name, for each minute."""


def encode_minutes(values: "array[int]") -> bytes:
    """Return *values* as they are kept: the type of the array, then its bytes, compressed."""
    narrow = narrowed(values)
    return narrow.typecode.encode() + zlib.compress(narrow.tobytes(), LEVEL)


def decode_minutes(content: bytes) -> "array[int]":
    """Return what `encode_minutes` made of it."""
    values = array(chr(content[0]))
    values.frombytes(zlib.decompress(memoryview(content)[1:], bufsize=MINUTES * values.itemsize))
    return values


async def read_day(
    connection: AsyncConnection, day: int, kinds: Sequence[int] | None = None
) -> list[tuple[int, bytes, bytes]]:
    """Return number, counts and devices of each kind (or of *kinds*) that counted on *day*, encoded."""
    query = select(history.c.kind_id, history.c.messages, history.c.devices).where(history.c.day == day)
    if kinds is not None:
        query = query.where(history.c.kind_id.in_(kinds))
    return [(row[0], row[1], row[2]) for row in await connection.execute(query)]


async def first_day(connection: AsyncConnection) -> int:
    """Return the first day of which there is something; 0 where there is nothing."""
    return int((await connection.execute(select(func.min(history.c.day)))).scalar_one() or 0)


def decode_day(row: tuple[int, bytes, bytes]) -> Minutes:
    """Return a row of a day; where devices are the same as messages, they are the same array."""
    number, messages, devices = row
    values = decode_minutes(messages)
    return number, values, decode_minutes(devices) if devices else values


async def set_minutes(connection: AsyncConnection, first_second: int, found: Sequence[Minutes]) -> None:
    """Set the minutes from *first_second* on, whatever stood there; they may run over several days.

    To set them again changes nothing.
    """
    length = max((len(messages) for _, messages, _ in found), default=0)
    done = 0
    while done < length:
        day, minute = divmod((first_second // 60) + done, MINUTES)
        end = min(length, done + MINUTES - minute)
        parts = [(number, a[done:end], b[done:end]) for number, a, b in found]
        await _set_day(connection, day, minute, parts)
        done = end


async def _set_day(connection: AsyncConnection, day: int, minute: int, parts: Sequence[Minutes]) -> None:
    old = {row[0]: row for row in await read_day(connection, day, [number for number, *_ in parts])}
    rows = []
    for number, messages, devices in parts:
        if number in old:
            _, counts, named = decode_day(old[number])
        elif any(messages) or any(devices):
            counts = named = array("B", bytes(MINUTES))
        else:
            continue
        new_counts, new_named = _replaced(counts, minute, messages), _replaced(named, minute, devices)
        same = new_counts == new_named
        content = {
            "messages": encode_minutes(new_counts),
            "devices": b"" if same else encode_minutes(new_named),
        }
        rows.append({"day": day, "kind_id": number} | content)
    if rows:
        await connection.execute(_upsert(connection), rows)


def _replaced(values: "array[int]", minute: int, part: "array[int]") -> "array[int]":
    return of([*values[:minute], *part, *values[minute + len(part) :]])


def _upsert(connection: AsyncConnection) -> Any:
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(history)
    new = {name: statement.excluded[name] for name in ("messages", "devices")}
    return statement.on_conflict_do_update(index_elements=["day", "kind_id"], set_=new)


async def cut_history(connection: AsyncConnection, second: int) -> None:
    """Remove every minute from *second* on: a clock that was ahead set them."""
    day, minute = divmod(second // 60, MINUTES)
    await connection.execute(delete(history).where(history.c.day > day))
    zeros = array("B", bytes(MINUTES - minute))
    rows = [decode_day(row) for row in await read_day(connection, day)]
    await set_minutes(connection, second - second % 60, [(number, zeros, zeros) for number, *_ in rows])


async def prune_history(database: Database, before_day: int, limit: int) -> int:
    """Delete at most *limit* rows of the oldest day, if that is before *before_day*; return how many."""
    async with database.write() as connection:
        oldest = (await connection.execute(select(func.min(history.c.day)))).scalar_one()
        if oldest is None or oldest >= before_day:
            return 0
        chosen = select(history.c.kind_id).where(history.c.day == oldest).limit(limit)
        old = delete(history).where(history.c.day == oldest, history.c.kind_id.in_(chosen))
        return int((await connection.execute(old)).rowcount)
