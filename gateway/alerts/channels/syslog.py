"""Alerts at a syslog receiver."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.alerts.channels.syslog_wire import Wire, open_wire, unavailable
from gateway.alerts.channels.tls import Trust
from gateway.alerts.message import decode
from gateway.alerts.syslog_message import Origin, encode
from gateway.errors import AlertUnreadable
from gateway.syslog_settings import SyslogSettings

MOST_KEPT: Final = 1000
"""Messages that are kept to be sent again, at the most."""
MOST_REPEATS: Final = 5
"""A message is sent again on so many new connections at the most: a receiver that takes and closes gets no flood."""


class _Sent(msgspec.Struct):
    """A message that was handed over, and may be lost with the connection."""

    message: bytes
    at: float
    repeats: int = 0


class SyslogChannel:
    """Sends over one connection that is kept open; what may have been lost with it is sent again on the next.

    `run` does that at once, also when no alert comes; without it, the next `send` does.
    """

    batch: Final = 100

    def __init__(self, settings: SyslogSettings) -> None:
        self.name = settings.name
        self._settings = settings
        self._origin = Origin(
            facility=settings.facility,
            host=socket.gethostname(),
            process=str(os.getpid()),
            enterprise=settings.enterprise_number,
            format=settings.format,
            longest=settings.longest,
        )
        self._trust = Trust(settings)
        self._lock = asyncio.Lock()
        self._wire: Wire | None = None
        self._recent: deque[_Sent] = deque(maxlen=MOST_KEPT)
        self._again: list[_Sent] = []

    async def send(self, messages: Sequence[bytes]) -> str:
        """Hand over; raises `Unavailable` where that fails or lasts, `AlertUnreadable` for what is no alert."""
        ready = [self._encoded(message) for message in messages]
        async with self._lock:
            wire = await self._hand_over(ready)
            now = asyncio.get_running_loop().time()
            self._recent.extend(_Sent(message, now) for message in ready)
        host, port = self._settings.address
        return f"handed over to {host}:{port}, {wire.words}; syslog has no receipt"

    async def run(self) -> None:
        """Connect, and wait for the end of the connection; to be supervised, which comes back.

        So trouble is in the log before the first alert, and what may be lost is sent again without waiting for one.
        """
        async with self._lock:
            wire = await self._hand_over([])
        await wire.ended.wait()
        raise unavailable(self._settings, ConnectionError("the connection ended; it is opened again"))

    async def close(self) -> None:
        """End the connection in order."""
        async with self._lock:
            if self._wire is not None:
                await self._wire.close()
            self._wire = None

    def _encoded(self, message: bytes) -> bytes:
        try:
            return encode(decode(message), self._origin)
        except ValueError as error:
            remedy = "It is a fault of the gateway: tell who maintains it."
            raise AlertUnreadable("alert_unreadable", f"the alert cannot be read: {error}", remedy) from error

    async def _hand_over(self, ready: Sequence[bytes]) -> Wire:
        """Connect where that is needed, and write; leave no half of a message behind whatever happens."""
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                wire = await self._connected()
                if ready:
                    await wire.write(ready)
                return wire
        except TimeoutError as error:
            self._drop()
            why = TimeoutError(f"it did not take the alerts within {self._settings.timeout_seconds:g} s")
            raise unavailable(self._settings, why) from error
        except BaseException:
            self._drop()
            raise

    async def _connected(self) -> Wire:
        """Return an open connection, on which what may have been lost was sent again."""
        self._look()
        if self._wire is not None:
            return self._wire
        self._wire = await open_wire(self._settings, self._trust)
        if self._again:
            await self._wire.write([sent.message for sent in self._again])
            now = asyncio.get_running_loop().time()
            self._recent.extend(_Sent(sent.message, now, sent.repeats + 1) for sent in self._again)
            self._again = []
        return self._wire

    def _look(self) -> None:
        """Forget what is old enough to have been read; where the connection has ended, keep the rest for the next."""
        if self._wire is not None and self._wire.ended.is_set():
            self._drop()
        else:
            self._forget(asyncio.get_running_loop().time())

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0].at < now - self._settings.repeat_seconds:
            self._recent.popleft()

    def _drop(self) -> None:
        """End the connection, and keep for the next one what may be lost with it."""
        if self._wire is not None:
            self._forget(min(self._wire.ended_at, asyncio.get_running_loop().time()))
            self._wire.abort()
            self._wire = None
        self._again += [sent for sent in self._recent if sent.repeats < MOST_REPEATS]
        self._again = self._again[-MOST_KEPT:]
        self._recent.clear()
