"""`POST /duis/…`: a request goes on to the DCC adaptor unchanged and is counted on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import aiohttp
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.access import Action
from gateway.errors import NotFound, NotPermitted
from gateway.ingest.document import DOCUMENT_MAX_BYTES
from gateway.ingest.passed_on import PassedOn
from gateway.metrics import FORWARDED
from gateway.web.adaptor import Adaptor, adaptor_target, end_to_end
from gateway.web.auth import sender
from gateway.web.problems import problem
from gateway.web.services import SERVICES

log = structlog.get_logger(__name__)

ADAPTORS: Final = web.ResponseKey("adaptors", frozenset[str])
"""Marks an answer of the adaptor; holds the names of its headers in lower case."""

LINGER_SECONDS: Final = 10.0
"""How long the rest of a body is waited for when the adaptor answered, or failed, before it had come."""

PART: Final = "adaptor"
"""The part of `/readyz` that says whether the last connection to the adaptor could be opened."""

NO_CONNECTION: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""What is raised where none can be opened; what happens on one says nothing of the adaptor's address."""

BROKEN: Final = (aiohttp.ClientError, HttpProcessingError, OSError)
"""What a body raises whose sender is gone or writes no HTTP."""


class Body:
    """A body on its way, and a copy of it to count, where there is room for one."""

    def __init__(self, content: aiohttp.StreamReader, encoding: str, passed_on: PassedOn) -> None:
        self._content = content
        self._encoding = encoding
        self._passed_on = passed_on
        self._parts: list[bytes] = []
        self._size = 0
        self._lost = ""
        self.ended = False
        """Whether it came whole."""
        self.broken = False
        """Whether it will never come whole."""
        self._patience: asyncio.Timeout | None = None
        self._seconds = 0.0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, or what is left of it; at its end it is handed in to be counted."""
        try:
            async for part in self._content.iter_any():
                self._copy(part)
                if self._content.at_eof():
                    self._end()
                self._hurry(self._seconds)
                yield part
                self._hurry(None)
                if self.ended:
                    return  # a sender who leaves now sent it whole
        except BROKEN:
            self.broken = True
            raise
        if not self.ended:
            self._end()

    @asynccontextmanager
    async def patience(self, seconds: float) -> AsyncIterator[None]:
        """Raise `TimeoutError` where the adaptor takes longer than *seconds* to read a part, as long as this lasts.

        The library's own time-outs look at what is read alone. A sender may be as slow as it likes.
        """
        self._seconds = seconds
        try:
            async with asyncio.timeout(None) as self._patience:
                yield
        finally:
            self._patience = None

    def _hurry(self, seconds: float | None) -> None:
        if self._patience is not None and not self._patience.expired():
            loop = asyncio.get_running_loop()
            self._patience.reschedule(None if seconds is None else loop.time() + seconds)

    def _copy(self, part: bytes) -> None:
        if self._lost:
            return
        if self._size + len(part) > DOCUMENT_MAX_BYTES:
            self._lose("too_large")
        elif not self._passed_on.reserve(len(part)):
            self._lose("memory_full")
        else:
            self._size += len(part)
            self._parts.append(part)

    def _lose(self, code: str) -> None:
        self._lost = code
        self.drop()

    def drop(self) -> None:
        """Give the copy up."""
        self._passed_on.release(self._size)
        self._parts, self._size = [], 0

    def _end(self) -> None:
        self.ended = True
        if self._lost:
            self._passed_on.cannot_count(self._lost)
            return
        data, self._parts, self._size = b"".join(self._parts), [], 0
        self._passed_on.count(data, self._encoding)

    async def rest(self) -> None:
        """Read what was not passed on, so that the request is counted all the same; not for long."""
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                async for _ in self:
                    pass
        except (TimeoutError, *BROKEN):
            self.broken = True


async def forward(request: web.Request) -> web.StreamResponse:
    """Pass a request on to the DCC adaptor unchanged, count it on the way and return the adaptor's answer."""
    adaptor = request.app[SERVICES].adaptor
    await _admit(request, adaptor)
    if adaptor is None:
        msg = "no adaptor is set that requests are passed on to"
        raise NotFound("forwarding_off", msg, "Set forward.url.")
    target = adaptor_target(request.raw_path)
    body = Body(request.content, request.headers.get("Content-Encoding", ""), adaptor.passed_on)
    try:
        outcome, response = await _pass_on(request, adaptor, target, body)
        if not (body.ended or body.broken):
            await body.rest()
    finally:
        body.drop()
    if body.broken:
        outcome = "broken_off"
        if not response.prepared:
            remedy = "Send it again, whole."
            response = problem(400, "body_incomplete", "the body did not come whole", remedy)
    FORWARDED.labels(outcome).inc()
    return response


async def _admit(request: web.Request, adaptor: Adaptor | None) -> None:
    """Raise unless the sender may send; without access tokens, unless it is no page in a browser."""
    if adaptor is None or adaptor.authenticate:
        (await sender(request)).require(Action.SEND_COMMUNICATIONS)
    elif "Origin" in request.headers:
        msg = "a page in a browser may send no service request"
        raise NotPermitted("browser_refused", msg, "Send it from the software that makes service requests.")


async def _pass_on(
    request: web.Request, adaptor: Adaptor, target: str, body: Body
) -> tuple[str, web.StreamResponse]:
    """Return what became of the request, and the answer: the adaptor's, sent already, or a problem."""
    health = request.app[SERVICES].health
    try:
        headers = end_to_end(request.headers)
        async with AsyncExitStack() as stack:
            async with body.patience(adaptor.seconds):
                passed = body if request.body_exists else None
                answer = await stack.enter_async_context(adaptor.post(target, headers, passed))
            health.report(PART, works=True, needed=False)
            return await _answer(request, answer)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        if isinstance(error, NO_CONNECTION):
            detail = f"the DCC adaptor cannot be reached: {str(error) or type(error).__name__}"
            health.report(PART, works=False, detail=detail, needed=False)
        if not body.broken:
            log.warning("adaptor_failed", error=str(error) or type(error).__name__)
        return _failed(error)


def _failed(error: Exception) -> tuple[str, web.Response]:
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        msg = "the DCC adaptor did not answer in time; whether it took the request is not known"
        return "timeout", problem(504, "adaptor_timeout", msg, "Ask the adaptor before sending again.")
    msg = f"the DCC adaptor cannot be reached or broke off: {str(error) or type(error).__name__}"
    return "unreachable", problem(
        502, "adaptor_unreachable", msg, "Start the adaptor, or correct forward.url."
    )


async def _answer(request: web.Request, answer: aiohttp.ClientResponse) -> tuple[str, web.StreamResponse]:
    """Send the adaptor's answer on as it comes; break off where the adaptor does."""
    headers = end_to_end(answer.headers)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    response[ADAPTORS] = frozenset(map(str.lower, headers))
    outcome = "answered"
    try:
        await response.prepare(request)
        async for part in answer.content.iter_any():
            await response.write(part)
        await response.write_eof()
    except (aiohttp.ClientError, TimeoutError, OSError):
        outcome = "broken_off"
        if request.transport is not None:
            request.transport.close()  # the sender sees that the answer is not whole
    return outcome, response


def keep_adaptors(response: web.StreamResponse) -> None:
    """Take from an answer of the adaptor what the library added of itself."""
    for name in ("Content-Type", "Server"):
        if name.lower() not in response[ADAPTORS]:
            response.headers.pop(name, None)
