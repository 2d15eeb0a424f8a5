"""Bytes from any source become observations and are handed in; what cannot be read is refused and counted."""

import asyncio
from typing import Final

import msgspec
import stamina
import structlog

from gateway.clock import Clock
from gateway.errors import InvalidInput, TooLarge, Unavailable
from gateway.ingest.duis import Classify, read_service_request
from gateway.ingest.errors import IngestError
from gateway.ingest.header_line import HeaderLine, read_header_line
from gateway.ingest.intake import Intake, Taken
from gateway.metrics import REJECTED
from gateway.store.journal import Observation

log = structlog.get_logger(__name__)

LARGE_BYTES: Final = 256 * 1024
"""A larger document is read in a thread: it would hold everything else up for milliseconds."""

BATCH_LINES: Final = 10_000
"""Lines of one NDJSON body at the most; the intake's queue holds at least one such body."""

NDJSON_BYTES: Final = 32 * 1024 * 1024
"""Size of an NDJSON body at the most: 10 000 lines of whole requests of 3 kB."""


class RejectedLine(msgspec.Struct, frozen=True):
    """A line that was not counted, and why."""

    line: int
    code: str
    message: str


class TakenLines(msgspec.Struct, frozen=True):
    """What became of an NDJSON body."""

    accepted: int
    duplicate: int
    rejected: list[RejectedLine]


class Heard:
    """When a source last brought a communication, a repeated one too."""

    def __init__(self) -> None:
        self.at: float | None = None


class Receiver:
    """The sources' common way to the intake; each has its own, which says when it was last *heard*."""

    def __init__(self, intake: Intake, classify: Classify, clock: Clock) -> None:
        self._intake = intake
        self.heard = Heard()
        self._classify = classify
        self._clock = clock

    async def request(self, data: bytes) -> Taken:
        """Count one DUIS service request; return after the commit.

        Raises `IngestError` where it cannot be read (nothing is counted) and `Unavailable`.
        """
        return await self._intake.take([await self.read(data)])

    async def read(self, data: bytes) -> Observation:
        """Return one DUIS service request as observed now; raise `IngestError` where it cannot be read."""
        now_ms = int(self._clock() * 1000)
        try:
            if len(data) > LARGE_BYTES:
                communication = await asyncio.to_thread(read_service_request, data, self._classify)
            else:
                communication = read_service_request(data, self._classify)
        except IngestError as error:
            REJECTED.labels(error.code).inc()
            raise
        self.heard.at = now_ms / 1000
        return Observation(communication, now_ms, now_ms)

    async def take(self, observation: Observation) -> Taken:
        """Count what was read, now or long ago; return after the commit.

        It counts when it was read if that is not too late by now: the journal has to say when it came to the count,
        or a restart would place it elsewhere. Raises `Unavailable`: then nothing was counted.
        """
        now_ms = int(self._clock() * 1000)
        return await self._intake.take([msgspec.structs.replace(observation, received_at_ms=now_ms)])

    async def lines(self, data: bytes) -> TakenLines:
        """Count the header lines of an NDJSON body, all in one commit; name the lines that are refused.

        Raises `TooLarge` before it is taken apart, and `Unavailable`; then nothing was counted.
        """
        if len(data) > NDJSON_BYTES:
            msg = f"the body has {len(data)} bytes, the limit is {NDJSON_BYTES}"
            raise TooLarge("too_large", msg, "Send several smaller bodies.")
        now_ms = int(self._clock() * 1000)
        observations, rejected = await asyncio.to_thread(self._read_lines, data, now_ms)
        if observations:
            self.heard.at = now_ms / 1000
        taken = await self._intake.take(observations)
        return TakenLines(taken.accepted, taken.duplicate, rejected)

    def _read_lines(self, data: bytes, now_ms: int) -> tuple[list[Observation], list[RejectedLine]]:
        # Counted before they are taken apart: a list of short lines costs many times their bytes.
        count = data.count(b"\n") + (not data.endswith(b"\n"))
        if count > BATCH_LINES:
            msg = f"the body has {count} lines, the limit is {BATCH_LINES}"
            raise TooLarge("too_many_lines", msg, "Send several smaller bodies.")
        observations: list[Observation] = []
        rejected: list[RejectedLine] = []
        for number, line in enumerate(data.split(b"\n"), start=1):
            if not line.strip():
                continue
            try:
                read: HeaderLine = read_header_line(line, self._classify)
            except IngestError as error:
                REJECTED.labels(error.code).inc()
                rejected.append(RejectedLine(number, error.code, error.message))
                continue
            observed = now_ms if read.observed_at_ms is None else read.observed_at_ms
            observations.append(Observation(read.communication, observed, now_ms))
        return observations, rejected

    async def message(self, payload: bytes) -> None:
        """Count one message of the broker: a DUIS request or header lines; return when it may be acknowledged.

        While the gateway cannot take it, it is tried again: the broker holds the rest back meanwhile.
        What cannot be read is acknowledged too, or the broker would send it for ever; the log and a
        metric tell of it.
        """
        take = self.lines if payload.lstrip()[:1] == b"{" else self.request
        try:
            async for attempt in stamina.retry_context(
                Unavailable, attempts=None, timeout=None, wait_max=5.0
            ):
                with attempt:
                    await take(payload)
        except (IngestError, InvalidInput) as error:
            log.warning("message_refused", code=error.code, error=error.message, bytes=len(payload))
