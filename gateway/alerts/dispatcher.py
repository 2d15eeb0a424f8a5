"""Takes alerts from the outbox to their channel, each channel for itself."""

import asyncio
import contextlib
import math
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.lanes import Lane, lanes
from gateway.alerts.line import Line
from gateway.alerts.outcome import Outcome, send_lane
from gateway.alerts.pauses import DOWN_AFTER, LONGEST_WAIT, pause_after
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.metrics import ALERTS_FAILED, ALERTS_SENT
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.outbox import (
    WaitingAlert,
    bury,
    due_alerts,
    make_due,
    mark_failed,
    mark_sent,
    messages_now,
    next_pause_ends,
)

log = structlog.get_logger(__name__)

IDLE_SECONDS: Final = 5.0
"""The outbox is looked at this often even when nobody rings: what a crash left behind is sent."""
TOGETHER: Final = 8
"""Alerts of one lane that go on record by one transaction at the least, also where each is sent by itself."""
LOOK_AHEAD: Final = 4
"""Times what fits into one round is read, so that it has several incidents to choose from."""


class Limits(msgspec.Struct, frozen=True):
    """When an alert is given up."""

    attempts: int = 50
    """That failed, while the channel took others."""
    seconds: float = 7 * 86_400.0


class Dispatcher:
    """Sends what waits for one channel, in order for each incident; `ring` tells it that something came.

    An alert is on record before it is sent: where we die in between, it is sent again with the same `id`.
    """

    def __init__(self, database: Database, line: Line, clock: Clock, limits: Limits | None = None) -> None:
        self._database = database
        self._line = line
        self._clock = clock
        self._limits = limits or Limits()
        self._rung = asyncio.Event()
        self._retry = False
        self._failing: set[int] = set()
        """Incidents with alerts that failed since one was last taken."""
        self._probes = 0
        self._resume_at = 0.0
        """By the event loop's time: until then nothing is sent to another side that is down."""

    def ring(self) -> None:
        """Say that the outbox has something new."""
        self._rung.set()

    def retry(self) -> None:
        """Say that the other side is back: what failed is sent at once."""
        self._retry = True
        self._rung.set()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            self._rung.clear()
            if self._retry:
                await self._hurry()
            left = self._resume_at - asyncio.get_running_loop().time()
            if left > 0:
                await self._wait(left)
                continue
            found, pause = await self._look()
            if found:
                await self._round(found)
            else:
                await self._wait(pause)

    @property
    def _down(self) -> bool:
        return len(self._failing) >= DOWN_AFTER

    async def _look(self) -> tuple[list[Lane], float]:
        """Return what goes out now, and how long there is nothing to do where that is nothing."""
        name, now = self._line.name, int(self._clock())
        size, width = max(self._line.batch, TOGETHER), self._line.width
        async with self._database.read() as connection:
            due = await due_alerts(connection, name, now, LONGEST_WAIT, size * width * LOOK_AHEAD)
            ends = None if due else await next_pause_ends(connection, name, now)
        if self._down and due:
            # One alert alone asks whether the other side is back: one that is not known to be the trouble itself.
            return [[min(_firsts(due), key=lambda alert: (alert.attempts, alert.id))]], 0.0
        wait = IDLE_SECONDS if ends is None else ends - self._clock()
        return lanes(due, size, width), min(max(wait, 0.05), IDLE_SECONDS)

    async def _round(self, found: Sequence[Lane]) -> None:
        """Send each lane by itself, and put on record what became of all."""
        was_down = self._down
        results = await asyncio.gather(*(send_lane(self._send, lane, self._line.batch) for lane in found))
        outcomes = [outcome for result in results for outcome in result]
        self._note(outcomes)
        now = self._clock()
        async with self._database.write() as connection:
            if taken := [o.alert.id for o in outcomes if not o.trouble]:
                await mark_sent(connection, taken, int(now))
            for outcome in outcomes:
                if outcome.trouble:
                    await self._not_taken(connection, outcome, now)
            if was_down and not self._down:
                await make_due(connection, self._line.name, int(now))
        ALERTS_SENT.labels(self._line.name).inc(sum(not o.trouble for o in outcomes))
        ALERTS_FAILED.labels(self._line.name).inc(sum(bool(o.trouble) for o in outcomes))

    async def _send(self, piece: Sequence[WaitingAlert]) -> str:
        """Send alerts as they are on disk now: a marking may have taken their facts out since they were found."""

        async def load() -> list[bytes]:
            async with self._database.read() as connection:
                messages = await messages_now(connection, [alert.id for alert in piece])
            return [messages[alert.id] for alert in piece]

        return await self._line.send_late(load)

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        """Learn from *outcomes* whether the other side is down; a refusal is an answer, too."""
        failing = {o.alert.incident_id for o in outcomes if o.trouble and not o.never}
        answered = any(o.never == "refused" or not o.trouble for o in outcomes)
        self._failing = set() if answered else self._failing | failing
        self._probes = self._probes + 1 if self._down else 0
        pause = pause_after(self._probes - 1) if self._down else 0.0
        self._resume_at = asyncio.get_running_loop().time() + pause if pause else 0.0

    async def _not_taken(self, connection: AsyncConnection, outcome: Outcome, now: float) -> None:
        alert, name = outcome.alert, self._line.name
        log.warning("alert_not_sent", channel=name, alert=alert.id, error=outcome.trouble)
        if because := self._given_up(outcome, now):
            await bury(connection, alert.id, outcome.trouble, int(now))
            detail = {
                "channel": name,
                "alert": alert.id,
                "because": because,
                "attempts": alert.attempts + 1,
                "error": outcome.trouble,
            }
            subject = f"incident/{alert.incident_id}"
            await append_record(connection, Entry("system", "alert.given_up", subject, detail), now)
            return
        again_at = math.ceil(now + pause_after(alert.attempts))
        await mark_failed(connection, alert.id, outcome.trouble, again_at)

    def _given_up(self, outcome: Outcome, now: float) -> str:
        """Return why the alert becomes a dead letter; nothing where it is tried again."""
        if outcome.never:
            return outcome.never
        if now - outcome.alert.since > self._limits.seconds:
            return "too old"
        # Where the channel takes nothing else, the alert is not to blame.
        # A time later than now is from a clock that was set back since: it says nothing of what is taken now.
        takes_others = 0 <= now - (self._line.state.taken_at or -math.inf) <= LONGEST_WAIT
        if takes_others and outcome.alert.attempts + 1 >= self._limits.attempts:
            return "too many attempts"
        return ""

    async def _hurry(self) -> None:
        async with self._database.write() as connection:
            await make_due(connection, self._line.name, int(self._clock()))
        self._retry = False
        self._failing, self._probes, self._resume_at = set(), 0, 0.0

    async def _wait(self, seconds: float) -> None:
        # `wait_for` of Python 3.11 loses a cancellation that comes in the same turn as the ring.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()


def _firsts(due: Sequence[WaitingAlert]) -> list[WaitingAlert]:
    """Return the first alert of each incident in *due*."""
    found: dict[int, WaitingAlert] = {}
    for alert in due:
        found.setdefault(alert.incident_id, alert)
    return list(found.values())
