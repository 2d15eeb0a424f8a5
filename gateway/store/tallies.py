"""Counts of many kinds over one stretch of time, by the second or by the minute."""

from array import array
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from gateway.store.places import Place, Places
from thresholds.cells import narrowed
from thresholds.kind import Kind

Key = TypeVar("Key", bound=Hashable)


class Tallies(Generic[Key]):
    """Adds up what counted from second *first* to before *end*, for each *step* seconds.

    What lies before *since* is left out, and so is what lies after the end unless it is to be *kept*: then it
    counts in the last step. A key is a kind, or the number of one.
    """

    def __init__(
        self, first: int, end: int, step: int, *, since: int | None = None, kept: bool = False
    ) -> None:
        self.first = first
        self.end = end
        self.step = step
        self._since = first if since is None else since
        self._kept = kept
        self._length = max(1, -((first - end) // step))
        # No second holds 2^32 devices: a request of 16 MiB names a million.
        self._zeros = array("I" if step == 1 else "Q", [0] * self._length)
        self._messages: dict[Key, array[int]] = {}
        self._devices: dict[Key, array[int]] = {}  # of those alone for which it is not the same

    def __len__(self) -> int:
        return len(self._messages)

    def add_places(self, places: Places, names: Mapping[int, Key]) -> None:
        """Add what a digest holds of the kinds whose numbers *names* has."""
        slots = [self._slot(places.first_second + offset) for offset in places.offsets]
        start = 0
        for number, run in zip(places.kinds, places.runs, strict=True):
            end = start + run
            key = names.get(number)
            if key is not None:
                self._add(key, slots[start:end], places.counts[start:end], places.devices[start:end])
            start = end

    def add_counts(self, counts: Iterable[tuple[Place, int]], names: Mapping[Kind, Key]) -> None:
        """Add *counts* of places whose kinds *names* has."""
        for (kind, second, devices), n in counts:
            key = names.get(kind)
            if key is not None:
                self._add(key, (self._slot(second),), (n,), (devices,))

    def items(self) -> Iterator[tuple[Key, "array[int]", "array[int]"]]:
        """Yield the counts of each kind and the devices that they name (where it is the same, the same array)."""
        for key, messages in self._messages.items():
            narrow = narrowed(messages)
            yield key, narrow, narrowed(self._devices[key]) if key in self._devices else narrow

    def _slot(self, second: int) -> int:
        if second < self._since or (second >= self.end and not self._kept):
            return -1
        return max(0, min((second - self.first) // self.step, self._length - 1))

    def _add(self, key: Key, slots: Iterable[int], counts: Iterable[int], devices: Iterable[int]) -> None:
        messages = self._messages.get(key)
        if messages is None:
            messages = self._messages[key] = self._zeros[:]
        named = self._devices.get(key)
        if named is None and any(each != 1 for each in devices):
            named = self._devices[key] = messages[:]
        if named is None:
            for slot, n in zip(slots, counts, strict=True):
                if slot >= 0:
                    messages[slot] += n
            return
        for slot, n, each in zip(slots, counts, devices, strict=True):
            if slot >= 0:
                messages[slot] += n
                named[slot] += n * each
