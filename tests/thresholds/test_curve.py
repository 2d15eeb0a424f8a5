"""The curve of the past shows the counts that the window gave then."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracle import MONDAY
from thresholds.curve import Point, curve, first_minute, joined, window_counts
from thresholds.model import Alignment
from thresholds.window import SECOND_RESOLUTION_LIMIT, Window

DAY = 86_400
PERIODS = st.sampled_from([60, 90, 120, 300, 3540, 3599, 3600, 3601, 3660, 7200, 7259, DAY, 7 * DAY])
ARRIVALS = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 300)), max_size=60)


@settings(max_examples=300, deadline=None)
@given(PERIODS, st.sampled_from(Alignment), st.integers(-DAY, DAY), ARRIVALS)
def test_at_the_end_of_each_minute_the_curve_is_what_the_window_counts(
    period: int, alignment: Alignment, offset: int, arrivals: list[tuple[int, int]]
) -> None:
    start = (MONDAY + offset) // 60 * 60
    seconds, now = dict[int, int](), start
    for step, n in arrivals:
        now += step
        seconds[now] = seconds.get(now, 0) + n
    minutes = [0] * ((now - start) // 60 + 1)
    for second, n in seconds.items():
        minutes[(second - start) // 60] += n
    window = Window(period, alignment, start)
    ends = range(start + 59, now + 60, 60)
    for end, count in zip(ends, window_counts(minutes, start, period, alignment, ends), strict=True):
        for second in range(end - 59, end + 1):
            if arrived := seconds.get(second):
                window.add(second, arrived, second)
        exact = period > SECOND_RESOLUTION_LIMIT or period % 60 == 0
        held = window.count(end)
        if exact:
            assert count == held
        else:
            first = window.first_second(end)
            assert (
                held
                <= count
                == held + sum(n for second, n in seconds.items() if first - first % 60 <= second < first)
            )


@given(PERIODS, st.sampled_from(Alignment), st.integers(0, DAY))
def test_no_count_needs_minutes_before_the_first(period: int, alignment: Alignment, offset: int) -> None:
    second = MONDAY + offset
    first = first_minute(period, alignment, second)
    assert first % 60 == 0
    assert first <= Window(period, alignment, second).first_second(second) < first + 60


@given(st.lists(st.integers(0, 9), min_size=1, max_size=50), st.integers(1, 8), st.integers(1, 5))
def test_a_step_holds_the_highest_count_and_all_arrivals_of_its_minutes(
    minutes: list[int], width: int, many: int
) -> None:
    until = MONDAY + 60 * len(minutes)
    fine = curve(minutes, MONDAY, 300, Alignment.ROLLING, MONDAY, until, 60)
    coarse = curve(minutes, MONDAY, 300, Alignment.ROLLING, MONDAY, until, 60 * width)
    assert [point.arrivals for point in fine] == minutes
    assert coarse == joined(fine, width)
    assert joined(coarse, many) == joined(fine, width * many)
    assert coarse[-1].second == until - 1


def test_minutes_before_the_span_count_in_its_first_window() -> None:
    found = curve([5, 1, 2], MONDAY - 60, 120, Alignment.ROLLING, MONDAY, MONDAY + 120, 60)
    assert found == [Point(MONDAY + 59, 6, 1), Point(MONDAY + 119, 3, 2)]
