"""The parts of a period that a watch tells of hold what counted in them, the newest at the end."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.oracle import MONDAY
from tests.support.traffic import communication
from thresholds.model import Alignment, Period, Threshold
from thresholds.monitor import Monitor
from thresholds.window import SECOND_RESOLUTION_LIMIT

PERIODS = st.sampled_from([60, 90, 3599, 3600, 3660, 86_400])


@given(PERIODS, st.sampled_from(Alignment), st.lists(st.integers(0, 900), max_size=30), st.integers(1, 40))
def test_the_parts_hold_what_counted_in_them(
    period: int, alignment: Alignment, steps: list[int], parts: int
) -> None:
    sent = communication()
    threshold = Threshold(
        sent.originator,
        "SR",
        sent.service_reference_variant,
        Period(period, "P"),
        1,
        2,
        0,
        alignment=alignment,
    )
    monitor, now, seconds = Monitor((threshold,), MONDAY), MONDAY, []
    for step in steps:
        now += step
        monitor.observe(sent, now, now)
        seconds.append(now)
    found = monitor.arrivals(threshold.key, parts)
    width = 1 if period <= SECOND_RESOLUTION_LIMIT else 60
    part = -(-period // parts // width) * width
    assert 1 <= len(found) <= max(1, parts)
    end = now - now % width + width
    edges = [end - (len(found) - index) * part for index in range(len(found))]
    assert found == [sum(low <= second < low + part for second in seconds) for low in edges]


def test_a_key_that_is_gone_has_no_arrivals() -> None:
    sent = communication()
    threshold = Threshold(sent.originator, "SR", "7.4", Period(60, "PT1M"), 1, 2, 0)
    assert Monitor((), MONDAY).arrivals(threshold.key, 24) == []
