"""Forecasts of a quarantine are raised once, withdrawn once and survive a restart."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracle import MONDAY, USER, row
from tests.support.traffic import communication
from tests.thresholds.test_forecast import poisson
from thresholds.breach import Breach
from thresholds.model import DEVICES, CommunicationClass, Level, Threshold
from thresholds.monitor import Monitor
from thresholds.outlook import ForecastChange, ForecastEnd, ForecastRaised, ForecastWithdrawn

HOUR = 3600
LIMIT = row(HOUR, 900, 1000)
KIND = (USER, CommunicationClass.SR, "4.1", "4.1.1")
RECEDED, REACHED, WITHDRAWN = ForecastEnd.RECEDED, ForecastEnd.REACHED, ForecastEnd.WITHDRAWN


def pour(
    monitor: Monitor, seconds: Iterable[int], since: int, until: int, every: int = 10
) -> list[ForecastChange]:
    """Send one communication at each of *seconds* and look out every 10 seconds from *since* to *until*.

    Time is moved on *every* so many seconds.
    """
    waiting = sorted(seconds, reverse=True)
    found: list[ForecastChange] = []
    for now in range(since, until):
        while waiting and waiting[-1] == now:
            monitor.observe(communication(), waiting.pop(), now)
        if now % every == 0:
            monitor.advance(now)
        if now % 10 == 0:
            monitor.advance(now)
            found += monitor.outlook()
    return found


def surge(seconds: int = 1200) -> range:
    """Return one communication a second: the level of 1000 is passed at second 1000."""
    return range(MONDAY, MONDAY + seconds)


def test_a_surge_is_raised_once_and_reached_at_the_second_of_the_breach() -> None:
    raised, reached = pour(Monitor([LIMIT], MONDAY, 300), surge(), MONDAY, MONDAY + 1500)
    assert isinstance(raised, ForecastRaised)
    assert (raised.key, raised.threshold, raised.limit) == (LIMIT.key, LIMIT, 1000)
    assert raised.earliest <= raised.expected <= raised.latest
    assert raised.earliest <= MONDAY + 1000 <= raised.latest
    assert raised.raised < raised.expected <= raised.raised + 300
    assert raised.count == raised.raised - MONDAY + 1
    assert reached == ForecastWithdrawn(LIMIT.key, raised.raised, MONDAY + 1000, REACHED)


def test_a_longer_warning_time_raises_earlier_and_zero_never() -> None:
    first = [
        next((c.raised for c in pour(Monitor([LIMIT], MONDAY, warn), surge(), MONDAY, MONDAY + 1010)), None)
        for warn in (0, 60, 300, 900)
    ]
    never, late, middle, early = first
    assert never is None
    assert late is not None
    assert middle is not None
    assert early is not None
    assert early < middle < late


def test_a_surge_that_stops_is_withdrawn_when_it_has_been_out_of_sight_for_a_minute() -> None:
    """It stops at 850; the slope falls with every second until 150 more are beyond one and a half times 300."""
    monitor = Monitor([LIMIT], MONDAY, 300)
    raised, receded = pour(monitor, surge(850), MONDAY, MONDAY + 2000)
    assert isinstance(receded, ForecastWithdrawn)
    assert (receded.raised, receded.reason) == (raised.raised, RECEDED)
    again = Monitor([LIMIT], MONDAY, 300)
    pour(again, surge(850), MONDAY, receded.ended - 70)
    assert [state.clear_since for state in again.open_forecasts()] == [None]
    pour(again, (), receded.ended - 70, receded.ended)
    assert [state.clear_since for state in again.open_forecasts()] == [receded.ended - 60]


def test_a_forecast_that_comes_back_within_the_minute_stays() -> None:
    """A higher level takes it out of sight for 50 seconds."""
    higher = row(HOUR, 9000, 9000, MONDAY + 800, MONDAY + 2000, line=3)
    monitor = Monitor([LIMIT], MONDAY, 300)
    (raised,) = pour(monitor, surge(801), MONDAY, MONDAY + 801)
    monitor.replace([LIMIT, higher], MONDAY + 801)
    assert pour(monitor, range(MONDAY + 801, MONDAY + 850), MONDAY + 801, MONDAY + 850) == []
    assert [state.clear_since for state in monitor.open_forecasts()] == [MONDAY + 810]
    monitor.replace([LIMIT], MONDAY + 850)
    assert pour(monitor, range(MONDAY + 850, MONDAY + 990), MONDAY + 850, MONDAY + 990) == []
    assert [(state.raised, state.clear_since) for state in monitor.open_forecasts()] == [
        (raised.raised, None)
    ]


def test_a_quarantine_that_opens_and_ends_between_two_looks_is_reached() -> None:
    rows = [row(60, 20, 40)]
    monitor = Monitor(rows, MONDAY, 60)
    for second in range(30):
        monitor.observe(communication(), MONDAY + second, MONDAY + second)
    monitor.advance(MONDAY + 30)
    (raised,) = monitor.outlook()
    for second in range(30, 50):
        monitor.observe(communication(), MONDAY + second, MONDAY + second)
    assert monitor.open_episodes()
    monitor.advance(MONDAY + 300)
    assert monitor.open_episodes() == ()
    assert monitor.outlook() == (ForecastWithdrawn(rows[0].key, raised.raised, MONDAY + 40, REACHED),)


def test_a_count_above_its_level_is_a_breach_and_no_forecast() -> None:
    monitor = Monitor([LIMIT], MONDAY, 300)
    monitor.seed(KIND, MONDAY, 999, 999)
    monitor.advance(MONDAY)
    for _ in range(2):
        monitor.observe(communication(), MONDAY, MONDAY)
    assert pour(monitor, surge(900), MONDAY + 1, MONDAY + 900) == []


@pytest.mark.parametrize("devices", [1, 40_000])
def test_one_early_message_cries_no_wolf(devices: int) -> None:
    """Another one would pass the level, and the slope has it come within ten minutes."""
    level = devices * 3 // 2
    monitor = Monitor([row(HOUR, level, level, communication=DEVICES)], MONDAY, 900)
    found: list[ForecastChange] = []
    for second in range(0, 1200, 10):
        if second == 300:
            monitor.observe(communication(devices=devices), MONDAY + 295, MONDAY + 295)
        monitor.advance(MONDAY + second)
        found += monitor.outlook()
    assert found == []


def test_many_messages_that_name_many_devices_are_forecast() -> None:
    monitor = Monitor([row(HOUR, 2_000_000, 2_500_000, communication=DEVICES)], MONDAY, 900)
    found: list[ForecastChange] = []
    for second in range(0, 600, 10):
        monitor.observe(communication(devices=20_000), MONDAY + second, MONDAY + second)
        found += monitor.outlook()
    assert [type(change) for change in found] == [ForecastRaised]


def test_idle_keys_are_not_looked_at() -> None:
    monitor = Monitor([LIMIT, row(HOUR, 9, 10, service="7.2")], MONDAY, 300)
    pour(monitor, surge(5), MONDAY, MONDAY + 5)
    assert [watch.key for watch in monitor._active] == [LIMIT.key]
    monitor.outlook()
    assert list(monitor._active) == []
    monitor.observe(communication(), MONDAY + 9, MONDAY + 9)
    assert [watch.key for watch in monitor._active] == [LIMIT.key]
    monitor.replace([row(HOUR, 9, 10, service="7.2")], MONDAY + 9)
    assert list(monitor._active) == []


def test_a_forecast_whose_threshold_is_gone_is_withdrawn() -> None:
    monitor = Monitor([LIMIT], MONDAY, 300)
    (raised,) = pour(monitor, surge(900), MONDAY, MONDAY + 900)
    monitor.replace([], MONDAY + 905)
    assert monitor.outlook() == (ForecastWithdrawn(LIMIT.key, raised.raised, MONDAY + 905, WITHDRAWN),)
    assert monitor.outlook() == ()
    assert monitor.open_forecasts() == ()


def restarted(rows: list[Threshold], earlier: Monitor, now: int, warn: int = 300) -> Monitor:
    monitor = Monitor(rows, now, warn)
    for second in surge(900):
        monitor.seed(KIND, second, 1, 1)
    monitor.restore(earlier.open_episodes())
    return monitor


def test_a_restart_raises_nothing_twice_and_goes_on() -> None:
    first = Monitor([LIMIT], MONDAY, 300)
    (raised,) = pour(first, surge(900), MONDAY, MONDAY + 900)
    second = restarted([LIMIT], first, MONDAY + 900)
    assert second.restore_forecasts(first.open_forecasts()) == ()
    rest = range(MONDAY + 900, MONDAY + 1100)
    assert pour(second, rest, MONDAY + 900, MONDAY + 1200) == [
        ForecastWithdrawn(LIMIT.key, raised.raised, MONDAY + 1000, REACHED)
    ]


@pytest.mark.parametrize(("rows", "warn"), [([], 300), ([LIMIT], 0)])
def test_what_cannot_be_followed_after_a_restart_is_withdrawn(rows: list[Threshold], warn: int) -> None:
    first = Monitor([LIMIT], MONDAY, 300)
    (raised,) = pour(first, surge(900), MONDAY, MONDAY + 900)
    second = restarted(rows, first, MONDAY + 900, warn)
    withdrawn = second.restore_forecasts(first.open_forecasts())
    assert withdrawn == (ForecastWithdrawn(LIMIT.key, raised.raised, MONDAY + 900, WITHDRAWN),)
    assert second.open_forecasts() == ()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 3, 7]), st.floats(0.1, 1.5))
def test_how_often_time_moves_on_changes_no_forecast_and_each_is_raised_and_withdrawn_once(
    seed: int, every: int, rate: float
) -> None:
    rows = [row(600, 100, 120), row(60, 10, 20), row(HOUR, 300, 400)]
    rng = random.Random(seed)
    sent = [*poisson(rng, rate, MONDAY, MONDAY + 400), *poisson(rng, rate / 9, MONDAY + 400, MONDAY + 1500)]
    seldom = pour(Monitor(rows, MONDAY, 300), sent, MONDAY, MONDAY + 1500)
    often = pour(Monitor(rows, MONDAY, 300), sent, MONDAY, MONDAY + 1500, every)
    assert seldom == often
    for threshold in rows:
        own = [change for change in seldom if change.key == threshold.key]
        assert all(isinstance(change, ForecastRaised) for change in own[::2])
        assert all(isinstance(change, ForecastWithdrawn) for change in own[1::2])
        assert [change.raised for change in own[1::2]] == [change.raised for change in own[::2]][
            : len(own) // 2
        ]


def test_most_forecasts_of_a_steady_surge_come_true() -> None:
    """Twelve an hour before, 720 an hour from then on, against 300: nine of ten are reached in their bounds."""
    outcomes = []
    for seed in range(60):
        rng = random.Random(seed)
        monitor = Monitor([row(HOUR, 250, 300)], MONDAY, 900)
        sent = [*poisson(rng, 1 / 300, MONDAY, MONDAY + 600), *poisson(rng, 0.2, MONDAY + 600, MONDAY + 3000)]
        first, *rest = pour(monitor, sent, MONDAY, MONDAY + 3000)
        assert isinstance(first, ForecastRaised)
        outcomes.append(
            any(
                isinstance(change, ForecastWithdrawn)
                and change.reason is REACHED
                and first.earliest <= change.ended <= first.latest
                for change in rest
            )
        )
    assert sum(outcomes) >= 48


def test_the_breach_and_the_end_of_its_forecast_name_one_second() -> None:
    monitor = Monitor([LIMIT], MONDAY, 300)
    breaches: list[Breach] = []
    for second in surge(1005):
        breaches += monitor.observe(communication(), second, second).breaches
        if second == MONDAY + 900:
            assert [type(change) for change in monitor.outlook()] == [ForecastRaised]
    (reached,) = monitor.outlook()
    assert isinstance(reached, ForecastWithdrawn)
    assert [b.opened for b in breaches if b.level is Level.QUARANTINE] == [reached.ended]
