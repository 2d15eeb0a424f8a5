"""How fast the monitor counts and evaluates one communication, beside a rate limiter and with more thresholds."""

import time

import msgspec

from tests.bench.figure import Figure
from thresholds.model import Communication, CommunicationClass, Period, Threshold, UserId
from thresholds.monitor import Monitor

DAY = Period(86_400, "P1D")
START = 1_790_553_600
"""2026-09-28T00:00:00Z."""
PER_SECOND = 1_000
"""Communications that share a second: the peak hour of a large supplier."""
OBSERVED = 400_000
ROUNDS = 3
COMPARED = 50_000
"""Communications in the comparison, each a value of its own."""
FILLED = 50_000
"""What each of ten windows holds before the comparison: together the day of a large supplier."""


def run() -> list[Figure]:
    """Measure `Monitor.observe` touching one 24-hour window, among 10 and among 10 000 thresholds, and `limits`."""
    few, many = best_rate(10), best_rate(10_000)
    what = "count and evaluate one communication, rolling 24 h"
    return [
        Figure(
            what=what,
            against="",
            ours=few,
            unit="per second",
            aim=500_000,
            at_least=True,
            note="10 thresholds, one of them touched",
        ),
        Figure(
            what=f"{what}, 10 000 thresholds",
            against="the same among 10 thresholds",
            ours=many,
            peer=few,
            unit="per second",
            aim=1 / 1.2,
            at_least=True,
            note="one of the thresholds touched",
        ),
        compare(),
    ]


def best_rate(thresholds: int) -> int:
    """Return observed communications per second: the best of some rounds, as others use the machine too."""
    return max(observe_rate(thresholds) for _ in range(ROUNDS))


def observe_rate(thresholds: int) -> int:
    """Return observed communications per second when only the first ten of *thresholds* are touched."""
    rows = [day_threshold(number) for number in range(thresholds)]
    monitor = Monitor(rows, START)
    sent = [communication(row) for row in rows[:10]]
    observe = monitor.observe
    began = time.perf_counter()
    for number in range(OBSERVED):
        now = START + number // PER_SECOND
        observe(sent[number % 10], now, now)
    return round(OBSERVED / (time.perf_counter() - began))


def compare() -> Figure:
    """Measure the monitor and `limits` on full windows, and say what the ratio is on empty ones."""
    empty = fresh_rate(0) / limits_rate(0)
    return Figure(
        what="count and evaluate one communication, rolling 24 h, each communication new",
        against="limits, moving window in memory",
        ours=max(fresh_rate(FILLED) for _ in range(ROUNDS)),
        peer=limits_rate(FILLED),
        unit="per second",
        aim=15,
        at_least=True,
        note=f"both: ten keys of 24 h that hold {FILLED:,} each, none denied ({empty:.1f} times from empty ones); "
        "limits keeps each moment and reads the clock, the monitor keeps minutes, is told the time, judges two levels",
    )


def fresh_rate(filled: int) -> int:
    """Return observed communications per second when each is a new value, as it is from the wire."""
    rows = [day_threshold(number) for number in range(10)]
    monitor = Monitor(rows, START)
    for one in map(communication, rows):
        service, variant = one.service_reference, one.service_reference_variant
        monitor.seed((one.originator, one.communication_class, service, variant), START, filled, filled)
    monitor.advance(START)
    sent = fresh_communications(rows)
    observe = monitor.observe
    began = time.perf_counter()
    for number, one in enumerate(sent):
        now = START + number // PER_SECOND
        observe(one, now, now)
    return round(COMPARED / (time.perf_counter() - began))


def limits_rate(filled: int) -> int:
    """Return hits per second of `limits` on the same keys, at distinct moments and below its limit."""
    from limits import RateLimitItemPerDay, storage, strategies  # noqa: PLC0415 - wanted here alone

    rows = [day_threshold(number) for number in range(10)]
    item = RateLimitItemPerDay(rows[0].quarantine)
    hit = strategies.MovingWindowRateLimiter(storage.MemoryStorage()).hit
    for row in rows:
        hit(item, row.user_id, row.communication, row.service, cost=filled)
    sent = fresh_communications(rows)
    began = time.perf_counter()
    for one in sent:
        if not hit(item, one.originator, one.communication_class, one.service_reference_variant):
            message = "the limiter denied a hit, so it did not count it"
            raise RuntimeError(message)
    return round(COMPARED / (time.perf_counter() - began))


def fresh_communications(rows: list[Threshold]) -> list[Communication]:
    """Return communications that *rows* count in turn, no two of them or of their texts the same object."""
    encoded = [msgspec.msgpack.encode(communication(row)) for row in rows]
    decode = msgspec.msgpack.Decoder(Communication).decode
    return [decode(encoded[number % len(rows)]) for number in range(COMPARED)]


def day_threshold(number: int) -> Threshold:
    """Return one of many thresholds of different User IDs and service reference variants."""
    user, variant = divmod(number, 129)
    return Threshold(
        user_id=UserId(f"90-B3-D5-1F-30-{user // 256:02X}-{user % 256:02X}-00"),
        communication=CommunicationClass.SR,
        service=f"4.{variant}.1",
        period=DAY,
        warning=10_000_000,
        quarantine=20_000_000,
        effective_from=0,
    )


def communication(row: Threshold) -> Communication:
    """Return what *row* counts."""
    return Communication(
        request_id=f"{row.user_id}:00-DB-12-34-56-78-90-A0:1",
        originator=row.user_id,
        target="00-DB-12-34-56-78-90-A0",
        counter=1,
        command_variant=1,
        service_reference=row.service.rpartition(".")[0],
        service_reference_variant=row.service,
        communication_class=CommunicationClass.SR,
    )
