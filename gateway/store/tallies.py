"""Counts of many kinds over one stretch of time, by the second or by the minute."""

from array import array
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
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
        slots = self._slots(places)
        plain = places.devices.count(1) == len(places.devices)
        start = 0
        for number, run in zip(places.kinds, places.runs, strict=True):
            end = start + run
            key = names.get(number)
            if key is not None:
                devices = None if plain else places.devices[start:end]
                self._add(key, slots[start:end], places.counts[start:end], devices)
            start = end

    def add_counts(self, counts: Iterable[tuple[Place, int]], names: Mapping[Kind, Key]) -> None:
        """Add *counts* of places whose kinds *names* has."""
        for (kind, second, devices), n in counts:
            key = names.get(kind)
            if key is not None:
                self._add(key, (self._slot(second),), (n,), None if devices == 1 else (devices,))

    def items(self) -> Iterator[tuple[Key, "array[int]", "array[int]"]]:
        """Yield the counts of each kind and the devices that they name (where it is the same, the same array)."""
        for key, messages in self._messages.items():
            narrow = narrowed(messages)
            yield key, narrow, narrowed(self._devices[key]) if key in self._devices else narrow

    def _slots(self, places: Places) -> list[int]:
        """Return the step of each entry, -1 for what is left out."""
        shift = places.first_second - self.first
        last = places.first_second + max(places.offsets, default=0)
        if self.step == 1 and places.first_second >= self._since and shift >= 0 and last < self.end:
            return [offset + shift for offset in places.offsets]
        found = {offset: self._slot(places.first_second + offset) for offset in set(places.offsets)}
        return [found[offset] for offset in places.offsets]

    def _slot(self, second: int) -> int:
        if second < self._since or (second >= self.end and not self._kept):
            return -1
        return max(0, min((second - self.first) // self.step, self._length - 1))

    def _add(
        self, key: Key, slots: Sequence[int], counts: Sequence[int], devices: Sequence[int] | None
    ) -> None:
        """Add *counts*, and so many *devices* of each; None where all name one."""
        messages = self._messages.get(key)
        if messages is None:
            messages = self._messages[key] = self._zeros[:]
        if devices is not None and key not in self._devices:
            self._devices[key] = messages[:]
        for slot, n in zip(slots, counts, strict=True):
            if slot >= 0:
                messages[slot] += n
        named = self._devices.get(key)
        if named is not None:
            for slot, n, each in zip(slots, counts, devices or repeat(1), strict=False):
                if slot >= 0:
                    named[slot] += n * each
