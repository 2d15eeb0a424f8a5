"""How fast the monitor counts and evaluates one communication, and whether more thresholds slow it."""

import time

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


def run() -> list[Figure]:
    """Measure `Monitor.observe` touching one 24-hour window, among 10 and among 10 000 thresholds."""
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
