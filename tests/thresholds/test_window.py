"""A window counts exactly what its definition says, at every second that can still be asked for."""

import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.oracle import MONDAY, count
from thresholds.model import Alignment
from thresholds.window import LATENESS, Window

ROLLING, CALENDAR = Alignment.ROLLING, Alignment.CALENDAR
HOUR, DAY, WEEK, MONTH = 3600, 86_400, 604_800, 31 * 86_400
PERIODS = st.sampled_from([60, 61, 90, 300, 3599, HOUR, 3601, 3660, 7200, 7259, DAY])
STEPS = st.one_of(st.integers(0, 3), st.integers(0, 120), st.integers(0, 4000), st.just(30 * DAY))
ARRIVALS = st.lists(st.tuples(STEPS, st.integers(0, LATENESS), st.integers(1, 300)), min_size=1, max_size=40)


@settings(max_examples=300, deadline=None)
@given(PERIODS, st.sampled_from(Alignment), st.integers(-DAY, DAY), ARRIVALS)
def test_counts_equal_the_definition_for_any_order_within_the_lateness(
    period: int, alignment: Alignment, offset: int, arrivals: list[tuple[int, int, int]]
) -> None:
    now = MONDAY + offset
    window, events = Window(period, alignment, now), dict[int, int]()
    for step, lateness, n in arrivals:
        now += step
        added = window.add(now - lateness, n, now)
        events[now - lateness] = events.get(now - lateness, 0) + n
        assert added == window.count(now) == weighed(events, now, period, alignment)
        seconds = range(now - LATENESS, now + 1, 7) if step % 5 == 0 else [now - lateness]
        history = window.history(now - LATENESS, now)
        assert len(history) == LATENESS + 1
        for second in seconds:
            expected = weighed(events, second, period, alignment)
            assert history[second - now + LATENESS] == expected
            assert window.ceiling(second, now) >= max(history[second - now + LATENESS :])


@settings(max_examples=200, deadline=None)
@example(3601, Alignment.CALENDAR, 300, [], 1)  # a minute in two calendar periods
@given(PERIODS, st.sampled_from(Alignment), st.integers(-DAY, DAY), ARRIVALS, st.integers(1, 40))
def test_arrivals_and_what_expires_equal_the_definition(
    period: int, alignment: Alignment, offset: int, arrivals: list[tuple[int, int, int]], part: int
) -> None:
    now = MONDAY + offset
    window, events = Window(period, alignment, now), dict[int, int]()
    for step, lateness, n in arrivals:
        now += step
        window.add(now - lateness, n, now)
        events[now - lateness] = events.get(now - lateness, 0) + n
    width = window.resolution
    until = now - now % width
    step = max(width, period // part // width * width)
    since = until - period // step * step
    assert window.arrivals(since, until, step) == [
        sum(n for event, n in events.items() if second <= event < second + step)
        for second in range(since, until, step)
    ]
    seconds = [now, now + 1, now + period // part, window.last_second(now), window.last_second(now) + 1]
    held = [
        sum(
            n
            for event, n in events.items()
            if all(_holds(event, t, period, alignment) for t in (now, second))
        )
        for second in sorted(seconds)
    ]
    assert window.expiring(sorted(seconds)) == [window.count(now) - n for n in held]
    assert _holds(now, window.last_second(now), period, alignment)
    assert not _holds(now, window.last_second(now) + 1, period, alignment)


def _holds(event: int, second: int, period: int, alignment: Alignment) -> bool:
    return bool(count([event], second, period, alignment))


def weighed(events: dict[int, int], second: int, period: int, alignment: Alignment) -> int:
    return sum(n for event, n in events.items() if count([event], second, period, alignment))


@settings(max_examples=100, deadline=None)
@given(PERIODS, st.sampled_from(Alignment), st.lists(st.integers(0, 500), min_size=1, max_size=30))
def test_reading_more_often_changes_no_count(period: int, alignment: Alignment, steps: list[int]) -> None:
    quiet, busy = Window(period, alignment, MONDAY), Window(period, alignment, MONDAY)
    now = MONDAY
    for step in steps:
        for second in range(now, now + step, 3):
            busy.count(second)
        now += step
        assert quiet.add(now, 1, now) == busy.add(now, 1, now)


@pytest.mark.parametrize(("period", "kept"), [(60, 60), (HOUR, HOUR)])
def test_a_window_by_the_second_leaves_out_the_second_a_period_ago(period: int, kept: int) -> None:
    window = Window(period, ROLLING, MONDAY)
    window.add(MONDAY, 1, MONDAY)
    assert window.count(MONDAY + kept - 1) == 1
    assert window.count(MONDAY + kept) == 0


@given(st.integers(0, 59), st.integers(0, 59))
def test_a_window_by_the_minute_keeps_an_event_up_to_59_seconds_more_and_never_less(
    at: int, offset: int
) -> None:
    event = MONDAY + at
    window = Window(DAY, ROLLING, MONDAY)
    window.add(event, 1, event)
    assert window.count(event + DAY) == 1
    assert window.count(MONDAY + DAY + 59) == 1
    assert window.count(MONDAY + DAY + 60 + offset) == 0


@pytest.mark.parametrize(
    ("period", "boundary"),
    [(HOUR, MONDAY + 5 * HOUR), (DAY, MONDAY + 3 * DAY), (WEEK, MONDAY + WEEK)],
)
def test_a_calendar_window_starts_anew_with_the_utc_hour_day_and_monday(period: int, boundary: int) -> None:
    window = Window(period, CALENDAR, boundary - period)
    window.add(boundary - period, 2, boundary - period)
    assert window.count(boundary - 1) == 2
    assert window.add(boundary, 1, boundary) == 1
    assert window.first_second(boundary) == boundary
    assert window.history(boundary - 1, boundary) == [2, 1]


@pytest.mark.parametrize("full", [2**8 - 1, 2**16 - 1, 2**32 - 1])
def test_a_full_bucket_widens_and_loses_nothing(full: int) -> None:
    window = Window(60, ROLLING, MONDAY)
    window.add(MONDAY - 7, 3, MONDAY)
    window.add(MONDAY, full, MONDAY)
    assert window.add(MONDAY, 1, MONDAY) == full + 4
    assert window.history(MONDAY - 7, MONDAY) == [3] * 7 + [full + 4]
    assert window.count(MONDAY + 53) == full + 1


def test_a_bucket_beyond_64_bits_is_refused_rather_than_wrapped() -> None:
    window = Window(60, ROLLING, MONDAY)
    with pytest.raises(OverflowError, match="cannot hold"):
        window.add(MONDAY, 2**64, MONDAY)


@pytest.mark.parametrize("period", [60, HOUR, DAY, MONTH])
@pytest.mark.parametrize("alignment", Alignment)
def test_after_months_without_traffic_the_count_starts_from_nothing(
    period: int, alignment: Alignment
) -> None:
    window = Window(period, alignment, MONDAY)
    window.add(MONDAY, 9, MONDAY)
    later = MONDAY + 200 * DAY + 17
    assert window.count(later) == 0
    assert len(window._buckets) == 0, "an idle ring is given back"
    assert window.add(later, 1, later) == 1
    history = window.history(later - LATENESS, later)
    assert (history[0], history[-1]) == (0, 1)


def test_an_event_older_than_the_ring_is_left_out() -> None:
    window = Window(60, ROLLING, MONDAY)
    assert window.add(MONDAY - 60 - LATENESS - 2, 1, MONDAY) == 0
    assert window.history(MONDAY - LATENESS, MONDAY) == [0] * (LATENESS + 1)


def test_a_window_without_events_holds_no_buckets() -> None:
    idle = Window(MONTH, ROLLING, MONDAY)
    idle.count(MONDAY + DAY)
    assert len(idle._buckets) == 0


def test_the_windows_of_a_large_supplier_stay_within_300_megabytes() -> None:
    """Ten users, 129 variants, three classes and three periods, with more than 255 a minute."""
    weight = 0
    for period in (HOUR, DAY, WEEK):
        window = Window(period, ROLLING, MONDAY)
        window.add(MONDAY, 256, MONDAY)
        weight += sys.getsizeof(window) + sys.getsizeof(window._buckets)
    assert weight * 10 * 129 * 3 < 300_000_000
