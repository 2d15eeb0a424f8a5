"""Arrays of counts, one for each second or minute: narrow where they rest, added many at a time.

What loops here are slices of bytes and single additions of long integers, not Python. Arrays are little-endian.
"""

from array import array
from collections.abc import Iterable
from typing import Final

WIDTHS: Final = "BHIQ"
"""Type codes of an array of counts, from 8 to 64 bits."""

_LANE: Final = 4
"""Bytes of one count within a sum: room for 2^32 - 1."""

_ROOM: Final = 256**_LANE - 1


def wider(one: str, other: str) -> str:
    """Return the wider one of two type codes."""
    return max(one, other, key=WIDTHS.index)


def narrowed(values: "array[int]") -> "array[int]":
    """Return *values* in the narrowest type that holds them all."""
    raw, size, zeros = values.tobytes(), values.itemsize, bytes(len(values))
    used = next((byte + 1 for byte in range(size - 1, 0, -1) if raw[byte::size] != zeros), 1)
    for code in WIDTHS:
        narrow = array(code)
        if narrow.itemsize >= used:
            narrow.frombytes(_laid(raw, size, narrow.itemsize))
            return narrow
    raise AssertionError  # the widest type holds what any array does


def added(one: "array[int]", other: "array[int]") -> "array[int]":
    """Return the sums of two arrays of one length, each at its place."""
    if not any_in(one):
        return other
    values = [left + right for left, right in zip(one, other, strict=True)]
    return of(values, wider(one.typecode, other.typecode))


def of(values: Iterable[int], code: str = WIDTHS[0]) -> "array[int]":
    """Return *values* as an array, of the type *code* or a wider one where it takes that."""
    values = list(values)
    for each in WIDTHS[WIDTHS.index(code) :]:
        try:
            return array(each, values)
        except OverflowError:
            continue
    msg = "a bucket cannot hold that many events"
    raise OverflowError(msg)


def any_in(values: "array[int]") -> bool:
    """Tell whether one of *values* is not zero."""
    return values.tobytes() != bytes(len(values) * values.itemsize)


def _laid(raw: bytes, size: int, width: int) -> bytes:
    """Return numbers of *size* bytes as numbers of *width* bytes; what does not fit was zero."""
    if size == width:
        return raw
    laid = bytearray(len(raw) // size * width)
    for byte in range(min(size, width)):
        laid[byte::width] = raw[byte::size]
    return bytes(laid)


class Sum:
    """The sum of many arrays of one length: each is taken as one long number, whose lanes never overflow."""

    __slots__ = ("_bound", "_lanes", "_single", "_spilled")

    def __init__(self) -> None:
        self._single = array(WIDTHS[0])
        self._spilled = array(WIDTHS[0])
        self._lanes = self._bound = 0

    def add(self, values: "array[int]") -> None:
        """Add *values*, each at its place."""
        bound = _bound(values)
        if self._bound + bound > _ROOM and self._bound:
            self._spilled = self.values()
            self._bound = 0
        if not self._bound:
            self._single, self._lanes = values, 0
        else:
            self._lanes = (self._lanes or _number(self._single)) + _number(values)
        self._bound += bound

    def values(self) -> "array[int]":
        """Return the sums, in a narrow type."""
        values = self._single
        if self._lanes:
            lanes = array("I")
            lanes.frombytes(self._lanes.to_bytes(len(values) * _LANE, "little"))
            values = narrowed(lanes)
        return added(self._spilled, values)


def _bound(values: "array[int]") -> int:
    """Return what no count in an array of that type is above."""
    return int(256**values.itemsize - 1)


def _number(values: "array[int]") -> int:
    return int.from_bytes(_laid(values.tobytes(), values.itemsize, _LANE), "little")
