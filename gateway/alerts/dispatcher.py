"""Takes alerts from the outbox to their channel, each channel for itself."""

import asyncio
import contextlib
import math
import random
from typing import Final

import structlog

from gateway.alerts.channels.channel import Channel
from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.metrics import ALERTS_FAILED, ALERTS_SENT
from gateway.store.database import Database
from gateway.store.outbox import WaitingAlert, mark_failed, mark_sent, next_alert

log = structlog.get_logger(__name__)

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
SPREAD: Final = 0.2
"""Pauses are longer or shorter by up to this part of them: many gateways do not come back at once."""
LONGEST_WAIT: Final = LONGEST_PAUSE * (1 + SPREAD) + 1
"""No pause that we set is longer (it ends on a whole second): a later time is from a clock since set back."""
MOST_DOUBLINGS: Final = 6
"""After so many the longest pause is reached."""
IDLE_SECONDS: Final = 5.0
"""The outbox is looked at this often even when nobody rings: what a crash left behind is sent."""
SEND_SECONDS: Final = 10.0
"""A channel that does not answer within this has failed."""


class Dispatcher:
    """Sends what waits for one channel, oldest first; `ring` tells it that something came."""

    def __init__(self, database: Database, channel: Channel, clock: Clock) -> None:
        self._database = database
        self._channel = channel
        self._clock = clock
        self._rung = asyncio.Event()
        self._retry = False

    def ring(self) -> None:
        """Say that the outbox has something new."""
        self._rung.set()

    def retry(self) -> None:
        """Say that the other side is back: what failed is sent at once."""
        self._retry = True
        self._rung.set()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            self._rung.clear()
            async with self._database.read() as connection:
                alert = await next_alert(connection, self._channel.name)
            pause = IDLE_SECONDS if alert is None else alert.next_attempt_at - self._clock()
            if alert is not None and (not 0 < pause <= LONGEST_WAIT or self._retry):
                self._retry = False
                await self._send(alert)
            else:
                await self._wait(min(max(pause, 0.05), IDLE_SECONDS))

    async def _wait(self, seconds: float) -> None:
        # `wait_for` of Python 3.11 loses a cancellation that comes in the same turn as the ring.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()

    async def _send(self, alert: WaitingAlert) -> None:
        """Send one alert. It is on record before: where we die in between, it is sent again, not lost."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._channel.send([alert.message])
        except (Unavailable, OSError, TimeoutError) as error:
            doublings = min(alert.attempts, MOST_DOUBLINGS)
            spread = random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - no secret
            pause = min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE) * spread
            log.warning("alert_not_sent", channel=self._channel.name, alert=alert.id, error=str(error))
            ALERTS_FAILED.labels(self._channel.name).inc()
            async with self._database.write() as connection:
                await mark_failed(
                    connection, alert, str(error) or type(error).__name__, math.ceil(self._clock() + pause)
                )
            return
        async with self._database.write() as connection:
            await mark_sent(connection, alert.id, int(self._clock()))
        ALERTS_SENT.labels(self._channel.name).inc()
