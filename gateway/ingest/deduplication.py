"""Remembers which communications were counted, for a limited time."""

import math
from array import array
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
    halves = array("Q", content)
    middle = len(halves) // 2
    # The hash decides: counters are alike in every digest.
    upper, kept = {key >> _HALF for key in wanted}, halves[:middle]
    if upper.isdisjoint(kept):
        return set()
    places = compress(range(middle), map(upper.__contains__, kept))
    return {key for at in places if (key := halves[at] << _HALF | halves[middle + at]) in wanted}


def packed(keys: Iterable[int]) -> bytes:
    """Return fingerprints as they are kept: all upper halves, then all lower ones."""
    keys = list(keys)
    upper = array("Q", [key >> _HALF for key in keys])
    lower = array("Q", [key & (2**_HALF - 1) for key in keys])
    return upper.tobytes() + lower.tobytes()


def unpacked(content: bytes) -> Iterator[int]:
    """Return the fingerprints that were `packed`."""
    halves = array("Q", content)
    middle = len(halves) // 2
    return map(or_, map(lshift, halves[:middle], repeat(_HALF)), halves[middle:])


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
