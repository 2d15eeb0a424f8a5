"""The way to a syslog receiver: a TLS or TCP connection, or datagrams.

Syslog has no receipt. Over TLS and TCP the nearest to one is that the receiver's host has acknowledged every byte (its
system, not its program) and the connection has not ended since; over UDP, that nobody said that the port is closed.
"""

import asyncio
import fcntl
import math
import socket
import ssl
import struct
import termios
from collections.abc import Sequence
from typing import Any, Final, Protocol

from gateway.alerts.channels.tls import Trust
from gateway.alerts.rfc5424 import line_framed, octet_counted
from gateway.errors import Unavailable
from gateway.syslog_settings import SyslogSettings

QUIET_SECONDS: Final = 0.05
"""So long nothing may be unacknowledged and the connection may not end before alerts count as handed over."""
NEW_TLS_SECONDS: Final = 1.0
"""How old a TLS connection has to be for that: with TLS 1.3 a receiver that does not want our certificate says so
only after we may send."""
LOOK_SECONDS: Final = 0.01
GOODBYE_SECONDS: Final = 1.0
KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
"""A receiver that vanished without a word is found within a minute, whether something is sent or not."""


class Wire(Protocol):
    """One connection, or a socket for datagrams."""

    ended: asyncio.Event
    """Set when it can be used no more."""
    ended_at: float
    """When that was, by the loop's clock; infinite before."""

    @property
    def words(self) -> str:
        """What is known of the other side."""
        ...

    async def write(self, messages: Sequence[bytes]) -> None:
        """Hand over; raises `Unavailable` where it ends meanwhile. To be called in a time limit."""
        ...

    async def close(self) -> None:
        """End it in order."""
        ...

    def abort(self) -> None:
        """End it at once."""
        ...


class _Ending(asyncio.BaseProtocol):
    """What both kinds share: whether and why it ended."""

    def __init__(self, settings: SyslogSettings) -> None:
        self.ended = asyncio.Event()
        self.ended_at = math.inf
        self._gone = asyncio.Event()
        self.why = ""
        self._settings = settings
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Keep why."""
        self._gone.set()
        self._end(error or ConnectionError("the receiver closed the connection"))

    def _end(self, error: Exception) -> None:
        if not self.ended.is_set():
            self.why = described(error)
            self.ended_at = asyncio.get_running_loop().time()
            self.ended.set()

    async def _quiet(self, seconds: float) -> None:
        """Wait until nothing has been unacknowledged for *seconds*; raise where it ends before."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            if self.ended.is_set():
                raise unavailable(self._settings, ConnectionError(self.why))
            now = loop.time()
            if self._unacknowledged():
                since = now
            elif now - since >= seconds:
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _unacknowledged(self) -> int:
        return 0

    async def close(self) -> None:
        """End it in order; where the other side does not answer that, at once."""
        self._transport.close()
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._gone.wait()
        except TimeoutError:
            self._transport.abort()
            await self._gone.wait()

    def abort(self) -> None:
        """End it at once."""
        self._transport.abort()


class _Stream(_Ending, asyncio.Protocol):
    """A TLS or TCP connection."""

    _since = 0.0
    """When it was made, by the loop's clock."""

    @property
    def words(self) -> str:
        """Protocol version and the name in the receiver's certificate."""
        tls: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        return f"{tls.version()} with {_name(tls.getpeercert() or {})}" if tls else "TCP without TLS"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the system look whether the other side is still there."""
        super().connection_made(transport)
        self._since = asyncio.get_running_loop().time()
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            if hasattr(socket, option):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

    def data_received(self, data: bytes) -> None:
        """Take no notice: a receiver has nothing to say."""

    def eof_received(self) -> bool:
        """Take an end of its side as the end: it reads no more, or soon will not."""
        self._end(ConnectionError("the receiver closed the connection"))
        return False

    async def write(self, messages: Sequence[bytes]) -> None:
        """Write, and wait until the receiver's host has acknowledged every byte."""
        if self.ended.is_set():
            raise unavailable(self._settings, ConnectionError(self.why))
        framed = line_framed if self._settings.framing == "newline" else octet_counted
        self._transport.write(b"".join(map(framed, messages)))
        trial = NEW_TLS_SECONDS if self._settings.transport == "tls" else 0.0
        age = asyncio.get_running_loop().time() - self._since
        await self._quiet(max(QUIET_SECONDS, trial - age))

    def _unacknowledged(self) -> int:
        """Return how many bytes wait here, or in the system for the other side's acknowledgement (tcp(7), SIOCOUTQ)."""
        waiting = int(self._transport.get_write_buffer_size())
        number = self._transport.get_extra_info("socket").fileno()
        if number < 0:
            return waiting
        queue: int = struct.unpack("i", fcntl.ioctl(number, termios.TIOCOUTQ, bytes(4)))[0]
        return waiting + queue


class _Datagrams(_Ending, asyncio.DatagramProtocol):
    """A socket for datagrams to one address."""

    words = "UDP, which nobody acknowledges"

    def error_received(self, error: Exception) -> None:
        """Take what the network says of an earlier datagram, such as that nobody listens."""
        self._end(error)

    async def write(self, messages: Sequence[bytes]) -> None:
        """Send a datagram each (RFC 5426 3.1)."""
        for message in messages:
            self._transport.sendto(message)
        await self._quiet(QUIET_SECONDS)


async def open_wire(settings: SyslogSettings, trust: Trust) -> Wire:
    """Connect; raises `Unavailable` with the reason in words. To be called in a time limit."""
    loop = asyncio.get_running_loop()
    host, port = settings.address
    try:
        if settings.transport == "udp":
            return (
                await loop.create_datagram_endpoint(lambda: _Datagrams(settings), remote_addr=(host, port))
            )[1]
        tls = await trust.context() if settings.transport == "tls" else None
        name = (settings.server_name or host) if tls else None
        return (
            await loop.create_connection(lambda: _Stream(settings), host, port, ssl=tls, server_hostname=name)
        )[1]
    except (OSError, UnicodeError) as error:  # a name that cannot be one is the second
        raise unavailable(settings, error) from error


def _name(certificate: dict[str, Any]) -> str:
    names = [value for parts in certificate.get("subject", ()) for key, value in parts if key == "commonName"]
    names += [value for _, value in certificate.get("subjectAltName", ())]
    return str(names[0]) if names else "a certificate without a name"


def described(error: BaseException) -> str:
    """Return why in words that a person at the receiver understands too."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"TLS failed: {error.reason.lower().replace('_', ' ')}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def unavailable(settings: SyslogSettings, error: BaseException) -> Unavailable:
    """Say what cannot be reached, why, and what to look at."""
    host, port = settings.address
    if isinstance(error, ssl.SSLCertVerificationError):
        code, remedy = "syslog_certificate_wrong", "Look at ca_file and server_name, and at its certificate."
    elif isinstance(error, ssl.SSLError):
        code, remedy = (
            "syslog_tls_failed",
            "Look at certificate_file and key_file, and at the receiver's log.",
        )
    else:
        code, remedy = "syslog_unavailable", "Look at the receiver; it is tried again."
    return Unavailable(code, f"syslog at {host}:{port}: {described(error)}", remedy)
