"""Tells viewers what moves by itself: rates each second, and that the gateway is there."""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.clock import Clock, to_text
from gateway.health import Health
from gateway.live import HeartbeatEvent, Kind, Live, framed
from gateway.operations.rates import Rates, ShownRate
from thresholds.model import ThresholdKey

TURN_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0
"""How often viewers hear of the gateway, whatever happens: proxies close what is silent for long."""


class RatesEvent(msgspec.Struct, frozen=True):
    """Counts that changed, each whole."""

    at: str
    complete: bool
    """Whether these are all counts: forget others."""
    rates: list[ShownRate]


class _Every(msgspec.Struct, frozen=True):
    """A `RatesEvent` whose counts are encoded already."""

    at: str
    complete: bool
    rates: msgspec.Raw


class Broadcast:
    """Looks at the counts for everybody at once: computed once, encoded once, and not at all for nobody."""

    def __init__(self, live: Live, rates: Rates, health: Health, instance: str, clock: Clock) -> None:
        self._live = live
        self._rates = rates
        self._health = health
        self._instance = instance
        self._clock = clock
        self._looked_at = 0
        self._every: msgspec.Raw | None = None
        """Every count, encoded, while none changes."""
        self._complete: tuple[int, bytes] = (0, b"")

    async def run(self) -> None:
        """Tell for ever."""
        heartbeat = 0.0
        while True:
            if self._live.watched(Kind.RATES):
                self.look()
            loop_time = asyncio.get_running_loop().time()
            if loop_time - heartbeat >= HEARTBEAT_SECONDS:
                heartbeat = loop_time
                at = to_text(self._clock())
                self._live.tell(HeartbeatEvent(at, self._instance, self._health.ready))
            await asyncio.sleep(TURN_SECONDS)

    def look(self) -> None:
        """Look at the counts where this second was not looked at, and tell viewers what changed."""
        now = int(self._clock())
        if now == self._looked_at:
            return
        self._looked_at = now
        look = self._rates.look(now)
        if look.rates or look.complete:
            self._every = None
            if self._live.watched(Kind.RATES):
                self._live.send(Kind.RATES, self._event(look.rates, complete=look.complete))

    def current(self) -> Mapping[ThresholdKey, ShownRate]:
        """Return every count as of now."""
        self.look()
        return self._rates.shown

    def complete(self) -> bytes:
        """Return the event with every count as of now, and the time of now where no count has changed for long."""
        self.look()
        if self._every is None:
            self._every = msgspec.Raw(msgspec.json.encode(list(self._rates.shown.values())))
            self._complete = (0, b"")
        if self._complete[0] != self._looked_at:
            event = _Every(to_text(self._clock()), True, self._every)
            self._complete = self._looked_at, framed(Kind.RATES, msgspec.json.encode(event))
        return self._complete[1]

    def _event(self, rates: list[ShownRate], *, complete: bool) -> bytes:
        event = RatesEvent(to_text(self._clock()), complete, rates)
        return framed(Kind.RATES, msgspec.json.encode(event))
