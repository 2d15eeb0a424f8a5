"""A receiver of syslog over TCP or TLS that behaves as it is told: reads slowly, not at all, or closes."""

import asyncio
import contextlib
import socket
import ssl
from types import TracebackType
from typing import Final, Self

HOST: Final = "127.0.0.1"
SMALL: Final = 4096
"""Bytes that the system takes for a receiver that does not read (it doubles what it is asked for)."""


class OddReceiver:
    """Listens on one port; as a context it is started, and stopped at the end.

    `reads` says whether it reads at all, `pause` how long it waits after each piece of `piece` bytes,
    `close_after` after how many bytes it closes.
    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port = port
        self._tls = tls
        self.reads = True
        self.piece = 65_536
        self.pause = 0.0
        self.close_after: int | None = None
        self.connections = 0
        self._streams: list[bytearray] = []
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the port of before where there was one."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        listener.bind((HOST, self.port))
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._serve, sock=listener, ssl=self._tls, limit=SMALL)

    async def stop(self) -> None:
        """Close the port and every connection, with a reset where something is unread."""
        if self._server is not None:
            self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        self._server = None

    @property
    def messages(self) -> list[bytes]:
        """The whole messages that came, one connection after the other, octet-counted."""
        return [message for stream in self._streams for message in _messages(bytes(stream))]

    def forget(self) -> None:
        """Forget what came until now, also what is still to be read of the connections of until now."""
        self._streams = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.connections += 1
        stream = bytearray()
        self._streams.append(stream)
        try:
            if not self.reads:
                writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport that reads
                await asyncio.Event().wait()
            while piece := await reader.read(self.piece):
                stream += piece
                if self.close_after is not None and len(stream) >= self.close_after:
                    break
                await asyncio.sleep(self.pause)
        except OSError:
            pass  # the other side gave up
        finally:
            self._handlers.discard(task)
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _messages(stream: bytes) -> list[bytes]:
    found: list[bytes] = []
    while (length := stream.partition(b" ")[0]).isdigit():
        begin = len(length) + 1
        if len(stream) < begin + int(length):
            break
        found.append(stream[begin : begin + int(length)])
        stream = stream[begin + int(length) :]
    return found
