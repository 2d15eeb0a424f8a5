"""Requests that went out and could not be counted: said at once in a metric, each minute in log and record."""

import asyncio
from collections import Counter
from datetime import datetime
from typing import Final

import msgspec
import stamina
import structlog

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import NotCountable
from gateway.audit.record import Entry
from gateway.clock import Clock, to_text
from gateway.errors import GatewayError, StoreRefused, Unavailable
from gateway.metrics import UNCOUNTED
from gateway.store.audit_log import append_record
from gateway.store.database import Database

log = structlog.get_logger(__name__)

SUBJECT: Final = "forward"
"""What the audit record and the candidate incident are about."""

PAUSE_SECONDS: Final = 60.0
"""Between two records at least: what happens meanwhile is told together."""


class NotCountedReport(msgspec.Struct, frozen=True):
    """What was not counted between two records."""

    requests: int
    codes: dict[str, int]
    first_at: str
    last_at: str
    first_request_id: str
    """Of the first request whose header could be read; empty where none could."""


class NotCounted:
    """Tells of requests that were passed on uncounted."""

    def __init__(self, database: Database, conditions: Conditions, clock: Clock) -> None:
        self._database = database
        self._conditions = conditions
        self._clock = clock
        self._codes: Counter[str] = Counter()
        self._first_at = self._last_at = 0.0
        self._first_request_id = ""
        self._rung = asyncio.Event()
        self._taken: NotCountedReport | None = None
        """What was told in the log and is not on record yet."""
        self._telling = asyncio.Lock()

    def add(self, code: str, request_id: str = "") -> None:
        """Take note of one request; *code* says why it was not counted."""
        UNCOUNTED.labels(code).inc()
        self._last_at = self._clock()
        if not self._codes:
            self._first_at, self._first_request_id = self._last_at, ""
        self._first_request_id = self._first_request_id or request_id
        self._codes[code] += 1
        self._rung.set()

    async def run(self) -> None:
        """Tell of the first at once, and of what follows once a minute, until the store has it."""
        while True:
            await self._rung.wait()
            async for attempt in stamina.retry_context(
                Unavailable, attempts=None, timeout=None, wait_max=30.0
            ):
                with attempt:
                    await self._tell()
            await asyncio.sleep(PAUSE_SECONDS)

    async def finish(self) -> None:
        """Tell of what is left, at the end; the log has it even where the store does not take it."""
        try:
            await self._tell()  # what is tried again meanwhile, or what there is
            await self._tell()
        except GatewayError as error:
            log.error("not_counted_not_recorded", code=error.code, error=error.message)  # noqa: TRY400 - the error says it all

    async def _tell(self) -> None:
        """Put on record what was taken for it, or else what there is; it is kept while the store is away."""
        async with self._telling:
            if self._taken is None and self._codes:
                self._taken = self._take()
            if self._taken is None:
                return
            try:
                await self._record(self._taken)
            except StoreRefused:  # it would be refused again: what comes next is not to wait for it
                self._taken = None
                raise
            self._taken = None

    def _take(self) -> NotCountedReport:
        report = NotCountedReport(
            self._codes.total(),
            dict(self._codes),
            to_text(self._first_at),
            to_text(self._last_at),
            self._first_request_id,
        )
        self._codes.clear()
        self._rung.clear()
        log.error("forward_not_counted", **msgspec.structs.asdict(report))
        return report

    async def _record(self, report: NotCountedReport) -> None:
        now = self._clock()
        async with self._database.write() as connection:
            entry = Entry("system", "forward.not_counted", SUBJECT, msgspec.to_builtins(report))
            await append_record(connection, entry, now)
            await self._conditions.put(connection, _news(report))
        self._conditions.ring()


def _news(report: NotCountedReport) -> News:
    """Return what is added to the candidate incident: how many requests, and why they could not be counted."""
    codes = ", ".join(sorted(report.codes))
    detail = f"requests went out to the adaptor and could not be counted: {codes}"
    more = {"requests": report.requests} | {f"code {code}": n for code, n in report.codes.items()}
    figures: dict[str, int | str] = {"request_id": report.first_request_id}
    first, last = _seconds(report.first_at), _seconds(report.last_at)
    return News(NotCountable, SUBJECT, detail, first, until=last, figures=figures, more=more)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
