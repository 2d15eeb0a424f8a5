"""What just happened, told to whoever watches now: one bounded queue for each viewer, events encoded once.

Publishers tell of what is on record; nothing is kept for those who come later. A viewer that falls behind loses
its queue and is told to read anew, so that a slow one costs no memory and no time of anybody else's.
"""

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import msgspec

from gateway.errors import Unavailable

MOST_VIEWERS: Final = 200
"""Viewers at the same time; above it they get 503."""
MOST_OF_ONE: Final = 60
"""Of them those of one person: nobody alone keeps everybody else from looking."""
QUEUE_EVENTS: Final = 64
"""Events that wait for one viewer at the most; they are shared, a queue holds no copy."""


class Kind(enum.StrEnum):
    """What an event tells of."""

    RATES = "rates"
    INCIDENT = "incident"
    FILE = "file"
    THRESHOLDS = "thresholds"
    HEARTBEAT = "heartbeat"
    RESYNC = "resync"


CHOOSABLE: Final = (Kind.RATES, Kind.INCIDENT, Kind.FILE, Kind.THRESHOLDS)
"""What a viewer may leave out; `heartbeat` and `resync` come to everybody."""


class IncidentEvent(msgspec.Struct, frozen=True):
    """A candidate incident was opened, updated or closed."""

    change: str
    """`opened`, `updated` or `closed`."""
    id: int
    kind: str
    level: str
    title: str
    state: str


class FileEvent(msgspec.Struct, frozen=True):
    """An ADT file has come to another state."""

    id: int
    name: str
    state: str


class ThresholdsEvent(msgspec.Struct, frozen=True):
    """Another set of thresholds is in force: read `/api/v1/thresholds` anew."""

    count: int
    """Thresholds in force, exceptions included."""


class HeartbeatEvent(msgspec.Struct, frozen=True):
    """The gateway is there."""

    at: str
    instance: str
    ready: bool


class ResyncEvent(msgspec.Struct, frozen=True):
    """What you hold may be incomplete: read anew what you show. A `rates` event with every count comes next."""

    reason: str
    """`connected`, or `slow` where events were dropped because they were not read."""


Event = IncidentEvent | FileEvent | ThresholdsEvent | HeartbeatEvent | ResyncEvent

_KINDS: Final = {
    IncidentEvent: Kind.INCIDENT,
    FileEvent: Kind.FILE,
    ThresholdsEvent: Kind.THRESHOLDS,
    HeartbeatEvent: Kind.HEARTBEAT,
    ResyncEvent: Kind.RESYNC,
}


def encode(event: Event) -> bytes:
    """Return *event* as one server-sent event."""
    return framed(_KINDS[type(event)], msgspec.json.encode(event))


def framed(kind: Kind, data: bytes) -> bytes:
    """Return *data*, which holds no line break, as one server-sent event (HTML standard, 9.2.6)."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)


class Named(Protocol):
    """What an ADT file shows of itself here."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def name(self) -> str:
        """As it was submitted."""
        ...

    @property
    def state(self) -> str:
        """Where it is in its life."""
        ...


class Viewer:
    """One client's queue; `next` waits for what comes."""

    def __init__(self, wanted: Collection[Kind], who: str = "") -> None:
        self.wanted = frozenset(wanted) | {Kind.HEARTBEAT, Kind.RESYNC}
        self.who = who
        self.lost = False
        """Whether events were dropped since this was last set to false."""
        self.ended = False
        self.hang_up: Callable[[], None] | None = None
        """Ends a write that is under way."""
        self._waiting: deque[bytes] = deque()
        self._rung = asyncio.Event()

    def put(self, kind: Kind, encoded: bytes) -> None:
        """Queue an event where it is wanted; where there is no room, drop all and note the loss."""
        if kind not in self.wanted or self.lost:
            return
        if len(self._waiting) >= QUEUE_EVENTS:
            self._waiting.clear()
            self.lost = True
        else:
            self._waiting.append(encoded)
        self._rung.set()

    def end(self) -> None:
        """Wake the viewer for the last time."""
        self.ended = True
        if self.hang_up:
            self.hang_up()
        self._rung.set()

    async def next(self) -> bytes:
        """Return the next event; nothing where events were lost or the end has come."""
        while not (self._waiting or self.lost or self.ended):
            self._rung.clear()
            await self._rung.wait()
        return self._waiting.popleft() if self._waiting and not self.ended else b""

    def take(self) -> list[bytes]:
        """Return all that waits."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class Live:
    """Tells every viewer; without any, nothing is encoded."""

    def __init__(self) -> None:
        self._viewers: set[Viewer] = set()
        self._closed = False

    def watched(self, kind: Kind) -> bool:
        """Tell whether anybody wants events of *kind*."""
        return any(kind in viewer.wanted for viewer in self._viewers)

    @contextmanager
    def watching(self, wanted: Collection[Kind], who: str = "") -> Iterator[Viewer]:
        """Add a viewer for the time of the context, one of *who*.

        Raises `Unavailable` (`too_many_viewers`) where there is no place, or none for one person more.
        """
        of_one = sum(viewer.who == who for viewer in self._viewers)
        if len(self._viewers) >= MOST_VIEWERS or of_one >= MOST_OF_ONE:
            msg = f"{of_one} viewers of one person, of {len(self._viewers)}, follow the events already"
            raise Unavailable("too_many_viewers", msg, "Close pages that nobody looks at, or ask later.")
        viewer = Viewer(wanted, who)
        if self._closed:
            viewer.end()
        self._viewers.add(viewer)
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)

    def tell(self, event: Event) -> None:
        """Send *event* to everybody who wants it. Call it when what it tells of is on record."""
        if self._viewers:
            self.send(_KINDS[type(event)], encode(event))

    def file(self, file: Named) -> None:
        """Tell of the state that *file* has come to."""
        self.tell(FileEvent(file.id, file.name, file.state))

    def send(self, kind: Kind, encoded: bytes) -> None:
        """Send one encoded event."""
        for viewer in self._viewers:
            viewer.put(kind, encoded)

    def close(self) -> None:
        """End every viewer, and whoever still comes."""
        self._closed = True
        for viewer in self._viewers:
            viewer.end()
