"""Remembers which communications were counted, for a limited time."""

import math
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from itertools import compress, repeat
from operator import lshift, or_
from typing import Final

from xxhash import xxh3_64_intdigest

from thresholds.model import Communication

GENERATIONS: Final = 8
"""The horizon is kept in so many sets, each dropped as a whole: memory is held for an eighth longer at most."""

_HALF: Final = 64
"""Bits of each half of a fingerprint."""
_LOWER: Final = 2**_HALF - 1
_BYTES: Final = 16
"""Of a fingerprint."""
_BUCKET_BITS: Final = 8
_ORDERED: Final = b"\x01"
"""Ends fingerprints that are in order; earlier versions kept them in the order of arrival, without it."""

SLICE: Final = 4096
"""Fingerprints without an order that are looked through at once: in between, other threads have their turn."""


def fingerprint(communication: Communication, seed: int) -> int:
    """Return what makes two deliveries the same communication: RequestID and class, in 128 bits.

    A critical request is counted once as TRANSFORM and once as SPC. The lower 64 bits are the counter of the
    RequestID itself, exact; the upper are XXH3 of RequestID and class, keyed with a secret *seed*. Two different
    requests would have to share both, so a false duplicate is out of the question in practice.
    """
    name = communication.communication_class._value_
    return fingerprint_of(name, communication.request_id, communication.counter, seed)


def fingerprint_of(communication_class: str, request_id: str, counter: int, seed: int) -> int:
    """Return the fingerprint of the communication that would have this class and RequestID."""
    return xxh3_64_intdigest(f"{communication_class}{request_id}".encode(), seed) << _HALF | counter


def found_in(content: bytes, wanted: Collection[int]) -> set[int]:
    """Return which of *wanted* are among the fingerprints that were `packed`."""
    halves = _halves(content)
    middle = len(halves) // 2
    if content.endswith(_ORDERED) and len(content) % _BYTES == len(_ORDERED):
        return {key for key in wanted if _is_in(halves, middle, key)}
    found: set[int] = set()
    upper = {key >> _HALF for key in wanted}
    for start in range(0, middle, SLICE):
        kept = halves[start : min(start + SLICE, middle)]
        if not upper.isdisjoint(kept):
            places = compress(range(start, middle), map(upper.__contains__, kept))
            found |= {halves[at] << _HALF | halves[middle + at] for at in places}
    return found & set(wanted)


def _is_in(halves: "memoryview[int]", middle: int, key: int) -> bool:
    """Look *key* up among ordered halves: the hash decides, for counters are alike in every digest."""
    upper, lower = key >> _HALF, key & _LOWER
    at = bisect_left(halves, upper, 0, middle)
    while at < middle and halves[at] == upper:
        if halves[middle + at] == lower:
            return True
        at += 1
    return False


def packed(keys: Iterable[int]) -> bytes:
    """Return fingerprints as they are kept: all upper halves in their order, then all lower ones, and a mark of it.

    They are put into order a few at a time: one sort of them all would hold every other thread up.
    """
    buckets: list[list[int]] = [[] for _ in range(2**_BUCKET_BITS)]
    for key in keys:
        buckets[key >> 2 * _HALF - _BUCKET_BITS].append(key)
    upper, lower = array("Q"), array("Q")
    for bucket in buckets:
        bucket.sort()
        upper.extend([key >> _HALF for key in bucket])
        lower.extend([key & _LOWER for key in bucket])
    return upper.tobytes() + lower.tobytes() + _ORDERED


def unpacked(content: bytes) -> Iterator[int]:
    """Return the fingerprints that were `packed`, in any order."""
    halves = _halves(content)
    middle = len(halves) // 2
    return map(or_, map(lshift, halves[:middle], repeat(_HALF)), halves[middle:])


def _halves(content: bytes) -> "memoryview[int]":
    return memoryview(content)[: len(content) // _BYTES * _BYTES].cast("Q")


class Deduplication:
    """The fingerprints counted within at least the last *horizon* seconds; a repeat within them is known."""

    def __init__(self, horizon: int, seed: int) -> None:
        self._seed = seed
        self._span = math.ceil(horizon / GENERATIONS)
        self._current: set[int] = set()
        self._started = 0
        self._earlier: deque[set[int]] = deque(maxlen=GENERATIONS)

    def __contains__(self, key: int) -> bool:
        if key in self._current:
            return True
        for generation in self._earlier:  # noqa: SIM110 - `any` of a generator takes twice as long
            if key in generation:
                return True
        return False

    def __len__(self) -> int:
        return len(self._current) + sum(map(len, self._earlier))

    def fingerprint(self, communication: Communication) -> int:
        """Return the key of *communication*."""
        return fingerprint(communication, self._seed)

    def remember(self, keys: Iterable[int], now: int) -> None:
        """Remember *keys* from *now* (seconds) on, and forget what is older than the horizon."""
        self.forget(now)
        self._current.update(keys)

    def forget(self, now: int) -> None:
        """Forget what is older than the horizon at *now*; before each look, as nothing may have come meanwhile."""
        while now - self._started >= self._span:
            if now - self._started >= self._span * (GENERATIONS + 1):
                self._earlier.clear()
                self._current = set()
                self._started = now
                break
            self._earlier.append(self._current)
            self._current = set()
            self._started += self._span


def kept_seconds(horizon: int) -> int:
    """Return how long a fingerprint may be remembered: the horizon and the rest of its generation."""
    return math.ceil(horizon / GENERATIONS) * (GENERATIONS + 1)
