"""People who use a running daemon: over HTTP as they are, and by the command line in a process."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

COMMAND: Final = Path(sys.executable).with_name("adt-gateway")
REQUESTS: Final = "/api/v1/service-requests"
FILES: Final = "/api/v1/adt-files"
XML: Final = "application/xml"
NDJSON: Final = "application/x-ndjson"

Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found], seconds: float = 20.0) -> Found:
    """Look again and again until there is something, and return it."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            message = f"waited in vain for {what}; the last look gave {found!r}"
            raise AssertionError(message)
        time.sleep(0.05)
    return found


def side_by_side(*calls: Callable[[], Found]) -> list[Found]:
    """Make calls at the same time, each in a thread; return their results in order."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


class Answer(msgspec.Struct, frozen=True):
    """What the daemon answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the problem; it is checked to be one (RFC 9457)."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self.body
        problem = self.json
        assert problem["status"] == self.status
        assert problem["title"]
        assert problem["detail"]
        return str(problem["code"])


class Person(msgspec.Struct, frozen=True):
    """Somebody with an access token (empty: without one)."""

    url: str
    access_token: str

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        content_type: str = "",
        timeout: float = 60.0,
    ) -> Answer:
        """Send one request on a connection of its own; an iterable *body* is sent in chunks.

        Of an answer without end the head alone is returned.
        """
        headers = {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        if content_type:
            headers["Content-Type"] = content_type
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=timeout)
        try:
            # Where it is refused before the body was sent whole, the answer is there all the same.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers, encode_chunked=not isinstance(body, bytes))
            answer = connection.getresponse()
            endless = answer.headers.get_content_type() == "text/event-stream"
            return Answer(answer.status, dict(answer.getheaders()), b"" if endless else answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, note: dict[str, str] | None = None) -> Answer:
        return self.ask("POST", path, json.dumps(note or {}).encode())

    def send(self, request: bytes | Iterable[bytes], content_type: str = XML) -> Answer:
        """Send service requests to be counted."""
        return self.ask("POST", REQUESTS, request, content_type)

    def send_lines(self, lines: Iterable[dict[str, Any]]) -> Answer:
        """Send header lines as one NDJSON body."""
        return self.send(b"\n".join(json.dumps(line).encode() for line in lines), NDJSON)

    def submit(self, data: bytes, name: str = "adt.csv") -> Answer:
        return self.ask("POST", f"{FILES}?name={quote(name, safe='')}", data, "text/csv")

    def file(self, number: int) -> Any:
        return self.get(f"{FILES}/{number}").json

    def step(self, number: int, verb: str, **note: str) -> Answer:
        """Take a step in the life of a file."""
        return self.post(f"{FILES}/{number}/{verb}", note)

    def part(self, number: int, part: str) -> Answer:
        return self.get(f"{FILES}/{number}/{part}")

    def cli(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the command line as this person."""
        environment = {"ADT_GATEWAY_URL": self.url, "ADT_GATEWAY_TOKEN": self.access_token}
        return subprocess.run(
            [COMMAND, *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def header_line(counter: int, variant: str = "7.4", cv: int = 1, **more: Any) -> dict[str, Any]:
    """Return the header line of a service request of `SUPPLIER`."""
    request_id = f"90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-AB:{counter}"
    header = {"request_id": request_id, "command_variant": cv, "service_reference_variant": variant}
    return header | more
