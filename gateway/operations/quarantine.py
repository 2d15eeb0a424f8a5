"""What the DCC holds, and what follows from it: held requests, alerts, DSP PM 11, differences of thresholds."""

import calendar
import csv
import datetime as dt
import io
import re
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.clock import Clock, to_text
from gateway.errors import InvalidInput
from gateway.store import pm11, quarantine_reports
from gateway.store.database import Database
from gateway.store.dcc_alerts import AlertFilter, ListedAlert, count_alerts, find_alerts, get_alert
from gateway.store.pm11 import Delay
from gateway.store.quarantine_reports import Expected, Unexpected
from gateway.store.quarantined import HeldFilter, HeldRow, count_held, find_held, held_of_alert

AT_ONCE: Final = 5000
"""Rows that one part of a download reads."""
DIFFERENCES: Final = 200
"""Of each sort at the most."""
DIFFERENCE_DAYS: Final = 92
_MONTH: Final = re.compile(r"(20[0-9]{2}|19[789][0-9])-(0[1-9]|1[0-2])")


class FoundHeld(msgspec.Struct, frozen=True):
    """A page of held requests."""

    count: int
    """Of all that match."""
    held: list[HeldRow]


class FoundAlerts(msgspec.Struct, frozen=True):
    """A page of alerts."""

    count: int
    alerts: list[ListedAlert]


class WholeAlert(msgspec.Struct, frozen=True):
    """An alert, its bytes as they came, and the request that it is believed to speak of."""

    alert: ListedAlert
    content: bytes
    held: HeldRow | None


class Pm11(msgspec.Struct, frozen=True):
    """DSP PM 11 of one month, seen from here: months are UTC, by when the request was sent."""

    month: str
    count: int
    """Requests that were seen leaving and that the DCC told us of, each once, other than *clock_difference*."""
    within_30_minutes: int
    uncertain: int
    """Neither within nor beyond for certain: their sending is known to the minute."""
    share: float | None
    """*within_30_minutes* of *count*; None where there is none."""
    worst_seconds: float | None
    clock_difference: int
    """Told before they were sent, by the clocks: how long it took is not known, and they are in none of the above."""
    ahead_seconds: float | None
    """By how much at the most; None where there is none."""
    not_seen: int
    """Told in that month and not seen leaving: no time can be given."""
    not_notified: int
    """Above a quarantine level of ours, sent over 30 minutes ago, and the DCC told us of none of them."""
    not_yet_notified: int
    """The same, sent within the last 30 minutes: it may tell us yet."""


class ExpectedQuarantine(msgspec.Struct, frozen=True):
    """A quarantine level of ours that was passed, beside what the DCC held."""

    found: Expected
    verdict: str
    """`waits`, `all_held`, `some_held` or `none_held`."""


class Differences(msgspec.Struct, frozen=True):
    """Where our thresholds and the DCC's do not agree."""

    expected: list[ExpectedQuarantine]
    unexpected: list[Unexpected]


class Quarantine:
    """Reads what the DCC told us."""

    def __init__(self, database: Database, expected_seconds: int, clock: Clock) -> None:
        self._database = database
        self._expected_seconds = expected_seconds
        self._clock = clock

    async def held(self, person: Person, wanted: HeldFilter, limit: int, skip: int = 0) -> FoundHeld:
        """Return up to *limit* held requests that match after the first *skip*; who waits longest first."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            count = await count_held(connection, wanted)
            return FoundHeld(count, await find_held(connection, wanted, limit, skip))

    async def alerts(self, person: Person, wanted: AlertFilter, limit: int, skip: int = 0) -> FoundAlerts:
        """Return up to *limit* alerts that match after the first *skip*, the newest first."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            count = await count_alerts(connection, wanted)
            return FoundAlerts(count, await find_alerts(connection, wanted, limit, skip))

    async def alert(self, person: Person, number: int) -> WholeAlert:
        """Return one alert; raise `NotFound`."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            alert, content = await get_alert(connection, number)
            return WholeAlert(alert, content, await held_of_alert(connection, number))

    async def differences(self, person: Person) -> Differences:
        """Return what we expected the DCC to hold and what it held without our expecting it, of three months."""
        person.require(Action.READ_MONITORING)
        now = int(self._clock())
        since = now - DIFFERENCE_DAYS * 86_400
        async with self._database.read() as connection:
            expected = await quarantine_reports.read_expected(connection, since, DIFFERENCES)
            unexpected = await quarantine_reports.read_unexpected(connection, since, DIFFERENCES)
        told = [ExpectedQuarantine(each, self._verdict(each, now)) for each in expected]
        return Differences(told, unexpected)

    def _verdict(self, expected: Expected, now: int) -> str:
        if expected.excess and expected.held == expected.excess:
            return "all_held"
        if now - expected.opened_at < self._expected_seconds:
            return "waits"
        return "some_held" if expected.held else "none_held"

    def this_month(self) -> str:
        """Return the month of now, UTC, such as 2026-12."""
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC).strftime("%Y-%m")

    async def pm11(self, person: Person, month: str) -> Pm11:
        """Return DSP PM 11 of *month*, such as 2026-12; raise `InvalidInput` for what is no month."""
        person.require(Action.READ_MONITORING)
        span = month_span(month)
        async with self._database.read() as connection:
            sums = await pm11.read_sums(connection, *span)
            not_notified = await pm11.count_not_notified(connection, *span, int(self._clock() * 1000))
            return Pm11(
                month=month,
                count=sums.count,
                within_30_minutes=sums.within,
                uncertain=sums.uncertain,
                share=sums.within / sums.count if sums.count else None,
                worst_seconds=_seconds(sums.worst_ms),
                clock_difference=sums.clock_difference,
                ahead_seconds=_seconds(sums.ahead_ms),
                not_seen=await pm11.count_not_seen(connection, *span),
                not_notified=not_notified.late,
                not_yet_notified=not_notified.not_yet,
            )

    async def pm11_list(self, person: Person, month: str, limit: int, skip: int = 0) -> list[Delay]:
        """Return up to *limit* requests of the month after the first *skip*, the longest delay first."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            return await pm11.read_delays(connection, *month_span(month), limit, skip)

    async def pm11_csv(self, person: Person, month: str) -> AsyncIterator[bytes]:
        """Yield every request of the month as CSV (RFC 4180) with a header, in parts.

        Each part is a transaction of its own: a download may take long.
        """
        person.require(Action.READ_MONITORING)
        span = month_span(month)
        yield b"RequestID,QuarantineEventRef,Breach,SentFrom,SentUntil,DccTime,ReceivedAt,SecondsAtLeast,SecondsAtMost,Within30Minutes\r\n"
        after = 0
        while True:
            async with self._database.read() as connection:
                rows = await pm11.delays_after(connection, *span, after, AT_ONCE)
            if not rows:
                return
            after = rows[-1].id
            yield _csv(rows)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def month_span(month: str) -> tuple[int, int]:
    """Return the first millisecond of a month such as 2026-12, UTC, and that of the next."""
    matched = _MONTH.fullmatch(month)
    if matched is None:
        raise InvalidInput("query_malformed", "month must be written as 2026-12", "Correct the address.")
    year, number = int(matched[1]), int(matched[2])
    following = (year + number // 12, number % 12 + 1)
    first, end = (calendar.timegm((*each, 1, 0, 0, 0)) for each in ((year, number), following))
    return first * 1000, end * 1000


def _csv(rows: list[Delay]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        instants = (row.sent_at_ms, row.sent_until_ms, row.notified_at_ms, row.received_at_ms)
        writer.writerow(
            [
                *(row.request_id, row.event_ref, row.breach),
                *(to_text(instant / 1000) for instant in instants),
                *(row.shortest_ms / 1000, row.longest_ms / 1000, row.within),
            ]
        )
    return text.getvalue().encode()
