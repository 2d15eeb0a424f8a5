"""Somebody who follows `/api/v1/events`, as a browser's EventSource would."""

import contextlib
import http.client
import json
import socket
import threading
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tests.support.api import Person, wait_for

EVENTS: Final = "/api/v1/events"


class Viewer:
    """Collects events as a context; with *reads* false it connects and never reads a byte."""

    def __init__(self, person: Person, query: str = "", *, reads: bool = True) -> None:
        self.events: list[tuple[str, Any]] = []
        self.lines: list[str] = []
        self.ended = threading.Event()
        host, port = urlsplit(person.url).hostname or "", urlsplit(person.url).port or 0
        self._socket = socket.socket()
        if not reads:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(60)
        self._socket.connect((host, port))
        self._connection = http.client.HTTPConnection(host, port)
        self._connection.sock = self._socket
        self._connection.request(
            "GET", EVENTS + query, headers={"Authorization": f"Bearer {person.access_token}"}
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._reads = reads

    def __enter__(self) -> Self:
        if self._reads:
            self.read()
            wait_for("the stream", lambda: self.of("resync") or self.ended.is_set())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(10)
        self._socket.close()

    def read(self) -> None:
        """Begin to read."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        self._thread.start()

    def of(self, kind: str) -> list[Any]:
        """Return the data of the events of this kind so far."""
        return [data for name, data in list(self.events) if name == kind]

    def rates(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the counts as this viewer knows them, by service and period."""
        held: dict[tuple[str, str], dict[str, Any]] = {}
        for event in self.of("rates"):
            if event["complete"]:
                held.clear()
            held.update({(rate["service"], rate["period"]): rate for rate in event["rates"]})
        return held

    def _read(self) -> None:
        # Where the connection is cut, what came counts.
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            self._connection.getresponse() as answer,
        ):
            kind = ""
            while line := answer.readline().decode():
                self.lines.append(line)
                name, _, value = line.rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data" and line.endswith("\n"):
                    self.events.append((kind, json.loads(value)))
        self.ended.set()
