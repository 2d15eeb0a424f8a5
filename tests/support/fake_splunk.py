"""An HTTP Event Collector as Splunk documents it (Get data in, HTTP Event Collector), strict in what it takes."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web

from tests.support.http_receiver import Receiver, Request

TOKEN: Final = "12345678-1234-1234-1234-123456789012"
CODES: Final = {
    0: (200, "Success"),
    1: (403, "Token disabled"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    7: (400, "Incorrect index"),
    8: (500, "Internal server error"),
    9: (503, "Server is busy"),
    10: (400, "Data channel is missing"),
    11: (400, "Invalid data channel"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    14: (400, "ACK is disabled"),
    15: (400, "Error in handling indexed fields"),
}
"""HTTP status and text by HEC code."""

KEYS: Final = {"time", "host", "source", "sourcetype", "index", "event", "fields"}
CHANNEL: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Malformed(Exception):
    """What was posted is refused with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(CODES[code][1])
        self.code = code


class FakeSplunk(Receiver):
    """Takes events; `code` makes it refuse all, `indexed` says which are acknowledged."""

    def __init__(self, *, acknowledges: bool = False, indexes: tuple[str, ...] = ("main",)) -> None:
        super().__init__()
        self.code = 0
        self.events: list[dict[str, Any]] = []
        self.posts = 0
        self.polled = asyncio.Event()
        self.indexed: set[int] = set()
        self.answering = self._answer
        self._acknowledges = acknowledges
        self._indexes = indexes

    def _answer(self, request: Request) -> web.Response:
        try:
            self._check(request)
            path, _, query = request.path.partition("?")
            if path == "/services/collector/event":
                return self._store(request)
            if path == "/services/collector/ack":
                return self._acknowledge(request, query)
        except Malformed as refused:
            return said(refused.code)
        return web.Response(status=404, text="<!doctype html><html>The requested URL was not found</html>")

    def _check(self, request: Request) -> None:
        if self.code:
            raise Malformed(self.code)
        authorization = request.headers.get("authorization")
        if authorization is None:
            raise Malformed(2)
        scheme, _, token = authorization.partition(" ")
        if scheme != "Splunk":
            raise Malformed(3)
        if token != TOKEN:
            raise Malformed(4)

    def _store(self, request: Request) -> web.Response:
        channel = request.headers.get("x-splunk-request-channel", "")
        if self._acknowledges and not channel:
            raise Malformed(10)
        if channel and not CHANNEL.fullmatch(channel):
            raise Malformed(11)
        events = list(concatenated(request.body.decode()))
        if not events:
            raise Malformed(5)
        for event in events:
            check_event(event, self._indexes)
        self.events += events
        self.posts += 1
        return said(0, **({"ackId": self.posts - 1} if self._acknowledges else {}))

    def _acknowledge(self, request: Request, query: str) -> web.Response:
        if not self._acknowledges:
            raise Malformed(14)
        if not re.fullmatch("channel=" + CHANNEL.pattern, query):
            raise Malformed(10)
        body = json.loads(request.body)
        assert set(body) == {"acks"}
        self.polled.set()
        answer = {str(number): number in self.indexed for number in body["acks"]}
        self.indexed -= set(body["acks"])  # Splunk forgets what it has told
        return web.json_response({"acks": answer})


def said(code: int, **more: int) -> web.Response:
    status, text = CODES[code]
    return web.json_response({"text": text, "code": code, **more}, status=status)


def concatenated(text: str) -> Iterator[Any]:
    """Yield the JSON objects of a batch: one after the other, with at most white space between."""
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        try:
            found, at = decoder.raw_decode(text, at)
        except ValueError:
            raise Malformed(6) from None
        yield found


def check_event(event: Any, indexes: tuple[str, ...]) -> None:
    if not isinstance(event, dict) or not set(event) <= KEYS:
        raise Malformed(6)
    if "event" not in event:
        raise Malformed(12)
    if event["event"] in ("", None, {}):
        raise Malformed(13)
    if isinstance(event.get("time"), bool) or not isinstance(event.get("time", 0), int | float):
        raise Malformed(6)
    if not all(isinstance(event.get(key, ""), str) for key in ("host", "source", "sourcetype", "index")):
        raise Malformed(6)
    if event.get("index", indexes[0]) not in indexes:
        raise Malformed(7)
    for name, value in event.get("fields", {}).items():
        flat = isinstance(value, str) or (
            isinstance(value, list) and all(isinstance(each, str) for each in value)
        )
        if not name or name.startswith("_") or not flat:
            raise Malformed(15)
