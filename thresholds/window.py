"""Exact counts over a moving or calendar window, in a ring of buckets.

Periods up to an hour are counted by the second: the rolling window at *t* is `(t - period, t]`. Longer ones
are counted by the minute: the window starts on the minute at or before `t - period`, so a count may cover up
to 59 s more, never less. A past second of a minute window counts the whole minute that holds it. Calendar
windows run from the start of the UTC period that holds *t* through *t*.
"""

from array import array
from collections.abc import Iterable
from typing import Final

from thresholds.cells import WIDTHS, added, any_in, wider
from thresholds.model import Alignment

LATENESS: Final = 300
"""Seconds by which an event may be late and still count where it belongs."""

SECOND_RESOLUTION_LIMIT: Final = 3600
"""Longest period, in seconds, that is counted by the second."""

CALENDAR_ORIGIN: Final = 4 * 86_400
"""Monday 1970-01-05T00:00:00Z: from here hours, days and weeks all start where people expect them."""


class Window:
    """The count of one threshold.

    Its ring starts with narrow buckets and widens when one is full. It keeps the buckets of the period and of the lateness before it, which makes the count at any of the last
    `LATENESS` seconds exact too. Adding and reading take constant time on average. Time only moves forward.
    `resolution` is the length of a bucket in seconds.
    """

    __slots__ = (
        "_back",
        "_buckets",
        "_calendar",
        "_fall",
        "_head",
        "_next",
        "_period",
        "_size",
        "_start",
        "_total",
        "resolution",
    )

    def __init__(self, period: int, alignment: Alignment, now: int) -> None:
        self._period = period
        self._calendar = alignment is Alignment.CALENDAR
        self.resolution = 1 if period <= SECOND_RESOLUTION_LIMIT else 60
        # A window by the second leaves out the second at `t - period`; one by the minute holds its minute.
        self._back = period - 1 if self.resolution == 1 else period
        self._size = (period + LATENESS) // self.resolution + 2
        self._buckets = array(WIDTHS[0])  # empty until the first event: most thresholds never see one
        self._total = 0
        self._head = now // self.resolution
        self._start, self._fall = self._bounds(now)
        self._next = min(self._fall, (self._head + 1) * self.resolution)

    def add(self, second: int, n: int, now: int) -> int:
        """Count *n* events at *second* (at most *now*) and return the count at *now*.

        Events older than what the ring holds change no count that can still be asked for and are left out.
        """
        if now >= self._next:
            self._advance(now)
        bucket = second // self.resolution
        if bucket >= self._start:
            self._total += n
        elif bucket <= self._head - self._size:
            return self._total
        slot = bucket % self._size
        try:
            self._buckets[slot] += n
        except (IndexError, OverflowError):
            self._widen(slot, n)
        return self._total

    def load(self, first_second: int, values: "array[int]", now: int) -> None:
        """Count what *values* say of the buckets from *first_second* on, as `add` would.

        What lies after *now* counts at *now*; what the ring holds no longer is left out.
        """
        self.count(now)
        bucket = first_second // self.resolution
        low, high = max(bucket, self._head - self._size + 1), self._head + 1
        if future := sum(values[max(0, high - bucket) :]):
            self.add(now, future, now)
        values = values[max(0, low - bucket) : max(0, high - bucket)]
        if not any_in(values):
            return
        self._total += sum(values[max(0, self._start - low) :])
        done = 0
        for first, end in self._slots(low, low + len(values)):
            self._put(first, values[done : done + end - first])
            done += end - first

    def holds(self, second: int) -> bool:
        """Tell whether the ring holds *second*, as of the last call, or a later one."""
        return second // self.resolution > self._head - self._size

    def count(self, now: int) -> int:
        """Return the count at *now*, which is the time of the last call or later."""
        if now >= self._next:
            self._advance(now)
        return self._total

    def history(self, since: int, now: int) -> list[int]:
        """Return the counts at each second from *since* to *now*; `now - since` is at most `LATENESS`."""
        count, start, head = self.count(now), self._start, self._head
        counts = [count]
        for second in range(now - 1, since - 1, -1):
            first, last = self.first_second(second) // self.resolution, second // self.resolution
            count += self._sum(first, start) - self._sum(last + 1, head + 1)
            start, head = first, last
            counts.append(count)
        counts.reverse()
        return counts

    def ceiling(self, since: int, now: int) -> int:
        """Return a number that no count from *since* to *now* is above, for less work than `history`."""
        return self.count(now) + self._sum(self.first_second(since) // self.resolution, self._start)

    def first_second(self, second: int) -> int:
        """Return the first second that the count at *second* covers."""
        back = (second - CALENDAR_ORIGIN) % self._period if self._calendar else self._back
        first = second - back
        return first - first % self.resolution

    def arrivals(self, since: int, until: int, step: int) -> list[int]:
        """Return how many events lie in each *step* seconds from *since* to before *until*.

        They begin and end on buckets, at most the period ago. A calendar window tells of the time before its
        start too.
        """
        width = step // self.resolution
        first, end = since // self.resolution, until // self.resolution
        if not self._buckets:
            return [0] * ((end - first) // width)
        values = self._values(first, end)
        return [sum(values[low : low + width]) for low in range(0, end - first, width)]

    def expiring(self, seconds: Iterable[int]) -> list[int]:
        """Return how many of the events counted now will have left the window at each of *seconds*.

        They rise, from the time of the last call on.
        """
        if not self._buckets:
            return [0 for _ in seconds]
        start, end = self._start, self._head + 1
        values = self._values(start, end)
        gone: list[int] = []
        total = low = 0
        for second in seconds:
            high = min(self.first_second(second) // self.resolution, end) - start
            total += sum(values[low:high])
            low = high
            gone.append(total)
        return gone

    def last_second(self, now: int) -> int:
        """Return the last second at which what happens at *now* is still counted."""
        if self._calendar:
            following = now - (now - CALENDAR_ORIGIN) % self._period + self._period
            # A period that begins within a minute counts the whole of it, so the bucket may be in both.
            shared = self.first_second(following) <= now
            return following - 1 + self._period * shared
        return now - now % self.resolution + self.resolution - 1 + self._back

    def next_fall(self) -> int:
        """Return the next second at which the count may fall: until then it is constant without events."""
        return self._fall

    def _bounds(self, now: int) -> tuple[int, int]:
        """Return the first bucket counted at *now* and the second at which the next one takes its place."""
        start = self.first_second(now) // self.resolution
        if self._calendar:
            return start, now - (now - CALENDAR_ORIGIN) % self._period + self._period
        return start, (start + 1) * self.resolution + self._back

    def _advance(self, now: int) -> None:
        if now >= self._fall:
            start, self._fall = self._bounds(now)
            if self._total:
                self._total -= self._sum(self._start, min(start, self._head + 1))
            self._start = start
        head = now // self.resolution
        if head > self._head:
            self._clear(head)
        self._next = min(self._fall, (head + 1) * self.resolution)

    def _clear(self, head: int) -> None:
        """Empty the buckets after the old head up to the new one; they held what is now too old."""
        if head - self._head >= self._size:
            self._buckets = array(WIDTHS[0])
        elif self._buckets:
            for low, high in self._slots(self._head + 1, head + 1):
                self._buckets[low:high] = array(
                    self._buckets.typecode, bytes((high - low) * self._buckets.itemsize)
                )
        self._head = head

    def _sum(self, first: int, end: int) -> int:
        """Return what the buckets from *first* to before *end* hold."""
        if end - first == 1 and self._buckets:
            return self._buckets[first % self._size]
        return sum(sum(self._buckets[low:high]) for low, high in self._slots(first, end))

    def _slots(self, first: int, end: int) -> tuple[tuple[int, int], ...]:
        """Return the slices of the ring for the buckets from *first* to before *end*."""
        low = first % self._size
        high = low + max(0, end - first)
        if high <= self._size:
            return ((low, high),)
        return (low, self._size), (0, high - self._size)

    def _values(self, first: int, end: int) -> "array[int]":
        """Return a copy of the buckets from *first* to before *end*."""
        slices = [self._buckets[low:high] for low, high in self._slots(first, end)]
        return slices[0] if len(slices) == 1 else slices[0] + slices[1]

    def _put(self, slot: int, values: "array[int]") -> None:
        """Add *values* to the buckets from *slot* on; they do not pass the end of the ring."""
        ring = self._buckets or array(WIDTHS[0], bytes(self._size))
        values = added(ring[slot : slot + len(values)], values)
        code = wider(ring.typecode, values.typecode)
        if ring.typecode != code:
            ring = array(code, ring)
        ring[slot : slot + len(values)] = values if values.typecode == code else array(code, values)
        self._buckets = ring

    def _widen(self, slot: int, n: int) -> None:
        """Make room for *n* more in *slot*: allocate the ring, or copy it to wider buckets."""
        values = self._buckets or array(WIDTHS[0], bytes(self._size))
        for code in WIDTHS[WIDTHS.index(values.typecode) :]:
            wider = array(code, values)
            try:
                wider[slot] += n
            except OverflowError:
                continue
            self._buckets = wider
            return
        msg = f"a bucket cannot hold {n} more events"
        raise OverflowError(msg)
