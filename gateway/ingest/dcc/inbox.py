"""The way in for the DCC's messages: a bounded queue, checked in a thread, group commits, answered after them."""

import asyncio
from collections.abc import Sequence
from typing import Final

import stamina
import structlog
from cryptography import x509

from gateway.clock import Clock
from gateway.errors import GatewayError, Unavailable
from gateway.ingest.dcc.certificates import Certificates
from gateway.ingest.dcc.checked import Checked, Message, read_and_check
from gateway.ingest.dcc.recorder import DccRecorder
from gateway.ingest.dcc.records import Recognised
from gateway.ingest.dcc.response import RESPONSE_MAX_BYTES
from gateway.ingest.errors import IngestError, MessageTooLarge
from gateway.metrics import DCC_ALERTS, DCC_MESSAGES, DCC_REFUSED

log = structlog.get_logger(__name__)

GROUP_LIMIT: Final = 500
"""Messages in one commit at the most: bounds how long it holds other writers up."""
GROUP_BYTES: Final = 8 * 1024 * 1024
QUEUED_BYTES: Final = 64 * 1024 * 1024
"""Bytes that may wait, beside the number of messages."""
PIECE: Final = 10
"""Messages that one turn of the thread checks, about ten milliseconds: between two of them others may work."""
ALERT_CODES: Final = frozenset({"AD1", "N999", *(f"N{number}" for number in range(1, 66))})
"""DUIS 5.4; others share one label in the metrics, for an unsigned message may name any."""

Outcome = Checked | IngestError
_Waiting = tuple[Message, "asyncio.Future[Recognised]"]


class DccInbox:
    """Takes messages of the DCC from every source; `take` returns when they are on record."""

    def __init__(
        self, recorder: DccRecorder, certificates: Certificates, queue_limit: int, clock: Clock
    ) -> None:
        self._recorder = recorder
        self._certificates = certificates
        self._limit = queue_limit
        self._clock = clock
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._waiting = 0
        self._bytes = 0

    async def take(self, data: bytes, source: str, received_at_ms: int | None = None) -> Recognised:
        """Record one message, received now unless it is said when; return after the commit.

        Raises `IngestError` where it cannot be read, and `Unavailable` where the queue is full or the store is
        away: then nothing was recorded.
        """
        if len(data) > RESPONSE_MAX_BYTES:
            DCC_REFUSED.labels("too_large").inc()
            msg = f"{len(data)} bytes, at most {RESPONSE_MAX_BYTES} are read"
            raise MessageTooLarge("too_large", msg, "Send one message of the DCC; none is larger.")
        if self._waiting >= self._limit or self._bytes + len(data) > QUEUED_BYTES:
            msg = f"{self._waiting} messages of the DCC wait already (limit {self._limit})"
            raise Unavailable("queue_full", msg, "Send it again a little later.")
        done: asyncio.Future[Recognised] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        self._bytes += len(data)
        at_ms = int(self._clock() * 1000) if received_at_ms is None else received_at_ms
        self._queue.put_nowait((Message(data, source, at_ms), done))
        return await done

    async def message(self, payload: bytes) -> None:
        """Take one message of the broker; return when it may be acknowledged.

        While the gateway cannot take it, it is tried again. What cannot be read is acknowledged too, or the broker
        would send it for ever; the log and a metric tell of it.
        """
        first_ms = int(self._clock() * 1000)  # however often it is tried again: the DCC told us then
        try:
            async for attempt in stamina.retry_context(
                Unavailable, attempts=None, timeout=None, wait_max=5.0
            ):
                with attempt:
                    await self.take(payload, "mqtt", first_ms)
        except IngestError as error:
            log.warning("dcc_message_refused", code=error.code, error=error.message, bytes=len(payload))

    async def run(self) -> None:
        """Check and record for ever: what arrives during one commit shares the next."""
        while True:
            group = [await self._queue.get()]
            size = len(group[0][0].data)
            while not self._queue.empty() and len(group) < GROUP_LIMIT and size < GROUP_BYTES:
                group.append(self._queue.get_nowait())
                size += len(group[-1][0].data)
            try:
                await self._work(group)
            finally:
                self._waiting -= len(group)
                self._bytes -= size
                _give_up(group)

    async def _work(self, group: Sequence[_Waiting]) -> None:
        certificates = self._certificates()
        outcomes: list[Outcome] = []
        for start in range(0, len(group), PIECE):
            messages = [message for message, _ in group[start : start + PIECE]]
            outcomes += await asyncio.to_thread(_check_all, messages, certificates)
        checked = []
        for (_, done), outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, IngestError):
                DCC_REFUSED.labels(outcome.code).inc()
                _answer(done, outcome)
            else:
                checked.append((done, outcome))
        if not checked:
            return
        try:
            found = await self._recorder.record([outcome for _, outcome in checked])
        except GatewayError as error:
            log.warning(
                "dcc_messages_not_recorded", code=error.code, error=error.message, messages=len(checked)
            )
            for done, _ in checked:
                _answer(done, Unavailable(error.code, error.message, error.remedy))
            return
        for (done, outcome), recognised in zip(checked, found, strict=True):
            if not recognised.repeated:
                _count(outcome)
            _answer(done, recognised)


def _check_all(messages: Sequence[Message], certificates: Sequence[x509.Certificate]) -> list[Outcome]:
    return [_check(message, certificates) for message in messages]


def _check(message: Message, certificates: Sequence[x509.Certificate]) -> Outcome:
    try:
        return read_and_check(message, certificates)
    except IngestError as error:
        return error
    except Exception:
        # Raised again, it would stop those beside it, and the broker would send the message for ever.
        log.exception("dcc_message_not_understood")
        return IngestError("not_understood", "the message cannot be read; the log says why", "Keep it.")


def _count(checked: Checked) -> None:
    response = checked.response
    DCC_MESSAGES.labels(response.kind, str(checked.verdict.trust)).inc()
    if checked.is_believed and response.alert_code:
        code = response.alert_code if response.alert_code in ALERT_CODES else "other"
        DCC_ALERTS.labels(code).inc(response.stands_for)


def _answer(done: "asyncio.Future[Recognised]", answer: Recognised | Exception) -> None:
    if done.done():
        return
    if isinstance(answer, Exception):
        done.set_exception(answer)
    else:
        done.set_result(answer)


def _give_up(group: Sequence[_Waiting]) -> None:
    """Answer whoever is left after a failure that nobody foresaw; the task itself is started anew."""
    for _, done in group:
        msg = "the message could not be recorded; the log says why"
        _answer(done, Unavailable("not_recorded", msg, "Send it again a little later."))
