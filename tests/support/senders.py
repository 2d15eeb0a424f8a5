"""Senders who go on while the daemon comes and goes: each repeats a delivery until it was acknowledged."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any, Final

from tests.support.api import XML, Answer, header_line, wait_for
from tests.support.daemon import Daemon
from tests.support.duis_messages import service_request
from tests.support.mosquitto import Client

PAUSE: Final = 0.03
"""Seconds between two deliveries of one sender: a few hundred requests a second in all."""


class Senders:
    """What was sent, and how often it took more than one attempt.

    As a context (`sending`) they run; leaving it waits until the last delivery of each was acknowledged.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._counters = itertools.count(1)
        self._stopped = threading.Event()
        self.acknowledged: list[dict[str, Any]] = []
        self.repeated = 0
        self.refusals: set[tuple[int, str]] = set()
        self.committed = threading.Event()
        """Set at each acknowledgement: somebody who waits for it knows that a commit has just been done."""

    @contextmanager
    def sending(self, *work: Callable[[], None]) -> Iterator[None]:
        """Run each of *work* (methods of this class) in a thread of its own."""
        self._stopped.clear()
        with ThreadPoolExecutor(len(work)) as pool:
            running: list[Future[None]] = [pool.submit(self._repeat, one) for one in work]
            try:
                yield
            finally:
                self._stopped.set()
        for done in running:
            done.result()

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._stopped.is_set():
            work()
            time.sleep(PAUSE)

    def lines(self, count: int, variant: str = "7.4", **more: Any) -> list[dict[str, Any]]:
        """Return header lines of their own."""
        return [header_line(next(self._counters), variant, **more) for _ in range(count)]

    def one(self) -> None:
        """Send one request as XML."""
        (line,) = self.lines(1)
        body = service_request(line["request_id"], 1, "7.4", "7.4")
        self.insist([line], lambda: self._daemon.as_("adaptor").send(body, XML))

    def many(self) -> None:
        """Send lines as NDJSON."""
        lines = self.lines(13)
        self.insist(lines, lambda: self._daemon.as_("adaptor").send_lines(lines))

    def by(self, client: Client) -> Callable[[], None]:
        """Return what publishes one message; the broker keeps it from its own acknowledgement on."""

        def publish() -> None:
            lines = self.lines(3)
            client.publish(b"\n".join(json.dumps(line).encode() for line in lines))
            self.acknowledged += lines

        return publish

    def insist(self, lines: list[dict[str, Any]], send: Callable[[], Answer], seconds: float = 60.0) -> None:
        """Send until it was acknowledged, with the same RequestIDs."""
        wait_for("an acknowledgement", lambda: self._sent(send), seconds)
        self.acknowledged += lines

    def _sent(self, send: Callable[[], Answer]) -> bool:
        try:
            answer = send()
        except (OSError, HTTPException):
            self.repeated += 1
            return False
        if answer.status == 202:
            self.committed.set()
            return True
        self.repeated += 1
        self.refusals.add((answer.status, answer.code))
        assert answer.status == 503, answer
        assert int(answer.headers["Retry-After"]) > 0
        return False
