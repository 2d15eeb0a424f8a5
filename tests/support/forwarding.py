"""What tests of forwarding send: requests with their own RequestID, exact headers, raw bytes."""

import contextlib
import http.client
import itertools
import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from tests.support.api import Answer, wait_for
from tests.support.daemon import Daemon, ids
from tests.support.duis_messages import request_id, service_request

MIB: Final = 1024 * 1024
_counters = itertools.count(1)


def fresh() -> tuple[str, bytes]:
    """Return a RequestID of its own, and a request with it."""
    identity = request_id(next(_counters))
    return identity, service_request(identity, 1, "4.1", "4.1.1")


def send(
    daemon: Daemon,
    body: bytes | Iterator[bytes],
    target: str = "/duis/service",
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send with exactly these headers."""
    connection = http.client.HTTPConnection(urlsplit(daemon.url).netloc, timeout=60)
    with contextlib.closing(connection):
        chunked = not isinstance(body, bytes)
        connection.putrequest("POST", target, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
        else:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(body, encode_chunked=chunked)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())


def connected(daemon: Daemon) -> socket.socket:
    address = urlsplit(daemon.url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=20)


def raw(daemon: Daemon, data: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    with connected(daemon) as connection:
        connection.sendall(data)
        found = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := connection.recv(65_536):
                found += part
        return found


def wait_counted(daemon: Daemon, identity: str, times: int = 1) -> None:
    wait_for(identity, lambda: ids(daemon.journal()).count(identity) == times)


def uncounted(daemon: Daemon, code: str) -> float:
    return daemon.metric("uncounted_total", code)


def wait_uncounted(daemon: Daemon, code: str, times: float) -> None:
    wait_for(code, lambda: uncounted(daemon, code) == times)
