"""Forecasts hold what they promise: bounds, expiry, resets, limits to come, batches."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracle import MONDAY, row
from thresholds.breach import Rate
from thresholds.forecast import HORIZON, Confidence, Forecast
from thresholds.model import Alignment, Level, Threshold
from thresholds.schedule import make_schedule
from thresholds.watch import Watch

ROLLING, CALENDAR = Alignment.ROLLING, Alignment.CALENDAR
HOUR, DAY = 3600, 86_400
LIKELY, POSSIBLE, UNLIKELY = Confidence.LIKELY, Confidence.POSSIBLE, Confidence.UNLIKELY


def watch_of(rows: list[Threshold], events: list[int], now: int) -> Watch:
    """Return a watch that counted *events* and has moved on to *now*."""
    watch = Watch(rows[0].key, make_schedule(rows), min([now, *events]))
    for event in sorted(events):
        watch.settle(event)
        watch.window.add(event, 1, event)
    watch.settle(now)
    return watch


def rate_of(rows: list[Threshold], events: list[int], now: int = MONDAY) -> Rate:
    return watch_of(rows, events, now).rate(now)


def quarantine(rows: list[Threshold], events: list[int], now: int = MONDAY) -> Forecast:
    return rate_of(rows, events, now).time_to_breach(Level.QUARANTINE)


def poisson(rng: random.Random, rate: float, since: int, until: int) -> list[int]:
    """Return the whole seconds of a Poisson process from *since* to before *until*."""
    found, second = [], since + rng.expovariate(rate)
    while second < until:
        found.append(int(second))
        second += rng.expovariate(rate)
    return found


def crossing(watch: Watch, events: list[int]) -> int | None:
    """Return the second at which *events* take the count above the quarantine level."""
    limit = watch.threshold.quarantine if watch.threshold else 0
    return next((event for event in events if watch.window.add(event, 1, event) > limit), None)


@pytest.mark.parametrize(
    ("period", "alignment", "before", "rate", "limit", "surge"),
    [
        (HOUR, ROLLING, 0.01, 0.1, 200, 1200),
        (HOUR, ROLLING, 0.05, 0.1, 300, 1200),
        (HOUR, ROLLING, 0.1, 0.1, 380, 3600),
        (HOUR, CALENDAR, 0.01, 0.1, 100, 600),
        (DAY, ROLLING, 0.001, 0.2, 1000, 1200),
    ],
)
def test_nine_of_ten_breaches_come_within_the_bounds(
    period: int, alignment: Alignment, before: float, rate: float, limit: int, surge: int
) -> None:
    """400 seeded runs: the share is 90 % with a standard error of 1.5 %, and a little more where events expire."""
    now, within, runs = MONDAY + 900, 0, 0
    for seed in range(400):
        rng = random.Random(seed)
        past = [*poisson(rng, before, now - period, now - surge), *poisson(rng, rate, now - surge, now)]
        watch = watch_of([row(period, limit, limit, alignment=alignment)], past, now)
        found = watch.rate(now).until_quarantine
        if found.seconds == 0:
            continue
        end = watch.window.last_second(now)
        second = crossing(watch, poisson(rng, rate, now, min(end, now + HORIZON)))
        true = float("inf") if second is None else second - now
        runs += 1
        latest = float("inf") if found.latest is None else found.latest
        within += (found.earliest if found.earliest is not None else float("inf")) <= true <= latest
    assert runs > 300
    assert 0.86 <= within / runs <= 0.97


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        [(60, 1), (600, 1), (600, 5), (HOUR, 10), (HOUR, 30), (DAY, 60), (DAY, 20), (5 * DAY, 300)]
    ),
    st.integers(1, 3),
    st.integers(0, 40),
    st.integers(0, 59),
)
def test_a_constant_rate_below_the_limit_is_never_forecast_to_breach(
    case: tuple[int, int], each: int, spare: int, phase: int
) -> None:
    """What expires is what arrives, as close to the limit as the next arrival."""
    period, gap = case
    events = [second for second in range(MONDAY - period - 60, MONDAY, gap) for _ in range(each)]
    now = MONDAY + phase // gap * gap if period <= HOUR else MONDAY
    events += [second for second in range(MONDAY, now, gap) for _ in range(each)]
    limit = (period + 60 * (period > HOUR)) // gap * each + each + spare
    found = quarantine([row(period, limit, limit)], events, now)
    assert (found.seconds, found.latest, found.confidence) == (None, None, UNLIKELY)


def test_the_same_rate_breaches_where_nothing_expires() -> None:
    """Ten minutes at one in six seconds make 100; 300 more come in half an hour."""
    events = list(range(MONDAY + 300, MONDAY + 900, 6))
    now = MONDAY + 900
    found = quarantine([row(HOUR, 399, 399, alignment=CALENDAR)], events, now)
    assert (found.seconds, found.confidence, found.arrivals, found.lookback) == (1800, LIKELY, 100, 600)
    assert quarantine([row(HOUR, 399, 399)], events, now).seconds == 1800, "all of it came of late"


def test_a_calendar_window_starts_anew_before_the_level_is_reached() -> None:
    events = list(range(MONDAY + 2400, MONDAY + 3000, 6))
    assert quarantine([row(HOUR, 200, 201, alignment=CALENDAR)], events, MONDAY + 3000).seconds is None
    found = quarantine([row(HOUR, 180, 181, alignment=CALENDAR)], events, MONDAY + 3000)
    assert (found.seconds, found.latest, found.confidence) == (492, None, POSSIBLE)


@pytest.mark.parametrize("second", [MONDAY + HOUR - 1, MONDAY + HOUR])
def test_at_its_boundary_a_calendar_window_has_a_forecast_too(second: int) -> None:
    events = list(range(MONDAY + 2400, second))
    found = quarantine([row(HOUR, 10**6, 10**6, alignment=CALENDAR)], events, second)
    assert (found.earliest, found.seconds, found.latest) == (None, None, None)


def test_above_a_level_the_time_is_now() -> None:
    rate = rate_of([row(60, 1, 20)], [MONDAY] * 3)
    assert rate.until_warning == Forecast(0, 0, 0, LIKELY, 0, 30)
    assert rate.time_to_breach(Level.WARNING) is rate.until_warning


def test_without_arrivals_nothing_is_expected() -> None:
    assert quarantine([row(HOUR, 0, 0)], []) == Forecast(None, None, None, UNLIKELY, 0, 600)


def test_a_lower_limit_to_come_is_a_breach_at_its_second_even_without_arrivals() -> None:
    rows = [row(HOUR, 5, 5), row(HOUR, 50, 50, 0, MONDAY + 700, line=3)]
    found = quarantine(rows, [MONDAY - 900] * 9)
    assert (found.earliest, found.seconds, found.latest) == (700, 700, 700)
    assert found.confidence is POSSIBLE, "the lookback is empty"


@pytest.mark.parametrize(("change", "expected"), [(2699, 2699), (2700, None)])
def test_what_has_expired_when_a_lower_limit_comes_does_not_breach_it(
    change: int, expected: int | None
) -> None:
    """Events of 900 seconds ago are counted for 2699 seconds more."""
    rows = [row(HOUR, 5, 5), row(HOUR, 50, 50, 0, MONDAY + change, line=3)]
    assert quarantine(rows, [MONDAY - 900] * 9).seconds == expected


def test_a_higher_limit_to_come_in_time_is_no_breach() -> None:
    events = list(range(MONDAY - 600, MONDAY, 6))
    standing, exception = row(HOUR, 200, 200), row(HOUR, 900, 900, MONDAY + 300, MONDAY + DAY, line=3)
    assert quarantine([standing], events).seconds == 606
    assert quarantine([standing, exception], events).seconds is None


def test_a_single_batch_tells_of_no_slope() -> None:
    """400 in one second and 400 spread over the lookback have one rate and not one confidence."""
    batch = quarantine([row(HOUR, 500, 500)], [MONDAY - 100] * 400)
    spread = quarantine([row(HOUR, 500, 500)], [MONDAY - 1 - n * 3 // 2 for n in range(400)])
    assert batch.seconds == spread.seconds
    assert (batch.confidence, spread.confidence) == (POSSIBLE, LIKELY)
    assert (batch.earliest or 0) < (spread.earliest or 0)


def test_a_slow_key_is_judged_by_up_to_an_hour() -> None:
    events = list(range(MONDAY - HOUR, MONDAY, 60))
    assert quarantine([row(DAY, 10**6, 10**6)], events).lookback == HOUR
    assert quarantine([row(2 * HOUR, 10**6, 10**6)], events).lookback == 1200
    assert quarantine([row(HOUR, 10**6, 10**6)], events).lookback == 600
    assert quarantine([row(60, 10**6, 10**6)], events).lookback == 30


def test_no_forecast_goes_beyond_a_day() -> None:
    events = list(range(MONDAY - 600, MONDAY, 6))
    assert quarantine([row(7 * DAY, 14_000, 14_000)], events).seconds == 83_406
    assert quarantine([row(7 * DAY, 14_600, 14_600)], events).seconds is None


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([60, 90, 600, HOUR, 3660, DAY]),
    st.sampled_from(Alignment),
    st.lists(st.integers(0, 3 * HOUR) | st.integers(0, 600), max_size=60),
    st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 80)), max_size=3),
    st.integers(0, 80),
    st.integers(0, 1) | st.integers(0, HOUR),
)
def test_bounds_hold_the_expected_second_and_lie_within_the_horizon(
    period: int,
    alignment: Alignment,
    ago: list[int],
    coming: list[tuple[int, int]],
    limit: int,
    offset: int,
) -> None:
    now = MONDAY + offset
    rows = [row(period, limit, limit, alignment=alignment)]
    rows += [
        row(period, low, low, now + begin, now + begin + 200, alignment=alignment, line=line)
        for line, (begin, low) in enumerate(coming, 3)
    ]
    watch = watch_of(rows, [now - seconds for seconds in ago], now)
    found = watch.rate(now).until_quarantine
    times = [time for time in (found.earliest, found.seconds, found.latest) if time is not None]
    assert times == sorted(times)
    if found.seconds is None:
        assert (found.latest, found.confidence) == (None, UNLIKELY)
    else:
        assert found.earliest is not None
    assert all(0 <= time <= max(1, watch.window.last_second(now) - now) for time in times)
    assert (found.seconds == 0) == (watch.window.count(now) > limit)
