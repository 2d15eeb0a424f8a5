"""Remembers which communications were counted, for a limited time."""

import math
from collections import deque
from collections.abc import Iterable
from typing import Final

from thresholds.model import Communication

GENERATIONS: Final = 8
"""The horizon is kept in so many sets, each dropped as a whole: memory is held for an eighth longer at most."""

_WORD: Final = 2**64 - 1


def fingerprint(communication: Communication) -> int:
    """Return what makes two deliveries the same communication: RequestID and class, in 128 bits.

    A critical request is counted once as TRANSFORM and once as SPC. The lower 64 bits are the counter of the
    RequestID itself, exact; the upper are Python's keyed hash (SipHash) of RequestID and class. Two different
    requests would have to share both, so a false duplicate is out of the question in practice. It holds
    within one process only.
    """
    identity = f"{communication.communication_class._value_}{communication.request_id}"
    return (hash(identity) & _WORD) << 64 | communication.counter


class Deduplication:
    """The fingerprints counted within at least the last *horizon* seconds; a repeat within them is known."""

    def __init__(self, horizon: int) -> None:
        self._span = math.ceil(horizon / GENERATIONS)
        self._current: set[int] = set()
        self._started = 0
        self._earlier: deque[set[int]] = deque(maxlen=GENERATIONS)

    def __contains__(self, key: int) -> bool:
        return key in self._current or any(key in generation for generation in self._earlier)

    def __len__(self) -> int:
        return len(self._current) + sum(map(len, self._earlier))

    def remember(self, keys: Iterable[int], now: int) -> None:
        """Remember *keys* from *now* (seconds) on, and forget what is older than the horizon."""
        while now - self._started >= self._span:
            if now - self._started >= self._span * (GENERATIONS + 1):
                self._earlier.clear()
                self._current = set()
                self._started = now
                break
            self._earlier.append(self._current)
            self._current = set()
            self._started += self._span
        self._current.update(keys)
