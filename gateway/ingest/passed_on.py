"""Counts requests that were passed on to the adaptor: beside their way, never in it."""

import asyncio
import zlib
from typing import Final

import stamina
import structlog

from gateway import tasks
from gateway.errors import GatewayError, Unavailable
from gateway.ingest.document import DOCUMENT_MAX_BYTES, too_large
from gateway.ingest.errors import IngestError, shown
from gateway.ingest.not_counted import NotCounted
from gateway.ingest.receive import Receiver
from gateway.section import Forward
from gateway.settings import Ingest
from gateway.store.journal import Observation

log = structlog.get_logger(__name__)

COPIES_BYTES: Final = 128 * 1024 * 1024
"""Memory for copies of bodies on their way at the most; beyond it bodies pass and are not counted."""

INFLATING: Final = 4
"""Compressed bodies that are read at the same time: each may become 16 MiB."""

LONGEST_PAUSE: Final = 2.0
"""Seconds between attempts to count while the store is away, at the most."""

ATTEMPT_SECONDS: Final = 15.0
"""How long an attempt to count may take at the end: a pause, the commit before its own, and that, with SQLite."""

_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32


class _Stopped(GatewayError):
    """The store took it at no attempt before the stop."""


class PassedOn:
    """Counts each request that was passed on once, in tasks of its own."""

    def __init__(self, receiver: Receiver, not_counted: NotCounted, forward: Forward, ingest: Ingest) -> None:
        self._receiver = receiver
        self._not_counted = not_counted
        self._patience = forward.counting_seconds
        self._limit = ingest.queue_limit
        self._copied = 0
        self._inflating = asyncio.Semaphore(INFLATING)
        self._group: asyncio.TaskGroup | None = None
        self._counting: set[asyncio.Task[None]] = set()
        self._stopping = False
        """Whether what the store does not take is given up instead of tried again."""

    def reserve(self, size: int) -> bool:
        """Take *size* bytes for a copy; False where there is no room."""
        if self._copied + size > COPIES_BYTES:
            return False
        self._copied += size
        return True

    def release(self, size: int) -> None:
        """Give *size* bytes back."""
        self._copied -= size

    def count(self, data: bytes, encoding: str) -> None:
        """Count a body that went out whole and was reserved for; *encoding* is its Content-Encoding."""
        if self._group is None or len(self._counting) >= self._limit:
            self.release(len(data))
            self._not_counted.add("queue_full")
            return
        task = tasks.start(self._group, "count-forwarded", self._count(data, encoding))
        self._counting.add(task)
        task.add_done_callback(self._counting.discard)

    def cannot_count(self, code: str) -> None:
        """Say that a body went out of which there is no copy to count."""
        self._not_counted.add(code)

    async def run(self) -> None:
        """Own the tasks that count, for ever."""
        try:
            async with asyncio.TaskGroup() as self._group:
                await asyncio.Event().wait()
        finally:
            self._group = None

    async def finish(self, seconds: float) -> None:
        """Wait until what was passed on is counted, *seconds* at the most; say what was not.

        What is said not to be counted is not counted after that: an attempt that is under way is waited for.
        """
        await self._ended(seconds)
        self._stopping = True
        for _ in await self._ended(ATTEMPT_SECONDS):
            self._not_counted.add("stopped")
        await self._not_counted.finish()

    async def _ended(self, seconds: float) -> set[asyncio.Task[None]]:
        """Return which of those that count have not ended after *seconds*."""
        if not self._counting:
            return set()
        return (await asyncio.wait(self._counting, timeout=seconds))[1]

    async def _count(self, data: bytes, encoding: str) -> None:
        request_id = ""
        size = len(data)
        try:
            try:
                observation = await self._read(data, encoding)
            finally:
                del data
                self.release(size)
            request_id = observation.communication.request_id
            async for attempt in stamina.retry_context(
                Unavailable, attempts=None, timeout=self._patience, wait_max=LONGEST_PAUSE
            ):
                with attempt:
                    await self._take(observation)
        except (IngestError, Unavailable, _Stopped) as error:
            self._not_counted.add(error.code, request_id)
        except Exception:
            log.exception("count_failed", request_id=request_id)
            self._not_counted.add("internal_error", request_id)

    async def _take(self, observation: Observation) -> None:
        if self._stopping:
            raise _Stopped("stopped", "the gateway is being stopped", "")
        await self._receiver.take(observation)

    async def _read(self, data: bytes, encoding: str) -> Observation:
        if not encoding:
            return await self._receiver.read(data)
        async with self._inflating:
            return await self._receiver.read(await asyncio.to_thread(plain, data, encoding))


def plain(data: bytes, encoding: str, limit: int = DOCUMENT_MAX_BYTES) -> bytes:
    """Return *data* without its Content-Encoding (gzip or deflate).

    Raises `IngestError`: `content_encoding`, and `too_large` before more than *limit* bytes are kept.
    """
    if encoding.lower() in {"", "identity"}:
        return data
    if encoding.lower() not in {"gzip", "x-gzip", "deflate"}:
        msg = f"the Content-Encoding {shown(encoding)!r} is not read"
        raise IngestError("content_encoding", msg, "Send it plain, or as gzip or deflate.")
    inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        found = inflate.decompress(data, limit + 1)
    except zlib.error:
        found = b""
    if len(found) > limit:
        raise too_large(len(found), limit)
    if not inflate.eof or inflate.unused_data:
        msg = f"the body is not whole or is no {encoding.lower()}"
        raise IngestError("content_encoding", msg, "Send it plain, or as gzip or deflate.")
    return found
