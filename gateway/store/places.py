"""Where communications counted: of which kind, and at which second; packed for a digest."""

import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from gateway.store.journal import Observation
from thresholds.cells import narrowed
from thresholds.kind import Kind
from thresholds.window import LATENESS

LEVEL: Final = 1
"""How hard zlib tries: what a restart reads and a minute writes has to be quick."""

Place = tuple[Kind, int, int]
"""What a communication touches, the second at which the monitor counted it, and how many devices it names."""

_Column = tuple[str, bytes]


def place(observation: Observation) -> Place:
    """Return where the monitor counted *observation*."""
    sent = observation.communication
    observed, received = observation.observed_at_ms // 1000, observation.received_at_ms // 1000
    kind = (
        sent.originator,
        sent.communication_class,
        sent.service_reference,
        sent.service_reference_variant,
    )
    second = observed if received - LATENESS <= observed <= received else received
    return kind, second, sent.devices


def not_before(second: int, counts: Counter[Place]) -> Iterator[tuple[Place, int]]:
    """Yield *counts*, none placed before *second*: that minute is in the history, because a clock was set back."""
    for (kind, placed, devices), n in counts.items():
        yield (kind, max(second, placed), devices), n


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """Columns: one entry of *kinds* and *runs* for each kind, `runs[i]` entries of the others in turn."""

    first_second: int
    kinds: _Column
    runs: _Column
    offsets: _Column
    """Seconds after *first_second*."""
    counts: _Column
    devices: _Column
    """How many devices each of them names."""


class Places(msgspec.Struct, frozen=True):
    """The columns of `Packed` as arrays."""

    first_second: int
    kinds: "array[int]"
    runs: "array[int]"
    offsets: "array[int]"
    counts: "array[int]"
    devices: "array[int]"


_decode = msgspec.msgpack.Decoder(Packed).decode


def pack(counts: Counter[Place], number: Callable[[Kind], int]) -> bytes:
    """Return *counts*, which are not empty, as one value; *number* gives each kind its number."""
    first = min(second for _, second, _ in counts)
    entries: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for (kind, second, devices), n in counts.items():
        entries[number(kind)].append((second - first, n, devices))
    flat = [entry for found in entries.values() for entry in found]
    packed = Packed(
        first,
        _column(entries),
        _column(len(found) for found in entries.values()),
        *(_column(entry[index] for entry in flat) for index in range(3)),
    )
    return zlib.compress(msgspec.msgpack.encode(packed), LEVEL)


def unpack(content: bytes) -> Places:
    """Return what `pack` packed."""
    packed = _decode(zlib.decompress(content))
    return Places(
        packed.first_second,
        kinds=_array(packed.kinds),
        runs=_array(packed.runs),
        offsets=_array(packed.offsets),
        counts=_array(packed.counts),
        devices=_array(packed.devices),
    )


def _column(values: Iterable[int]) -> _Column:
    narrow = narrowed(array("Q", values))
    return narrow.typecode, narrow.tobytes()


def _array(column: _Column) -> "array[int]":
    values = array(column[0])
    values.frombytes(column[1])
    return values
