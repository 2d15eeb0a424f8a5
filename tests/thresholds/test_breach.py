"""What the monitor reports can be told apart and read."""

from tests.support.oracle import MONDAY, USER, row
from tests.support.traffic import communication
from thresholds.breach import RateState
from thresholds.model import Alignment, Level
from thresholds.monitor import Monitor


def test_rates_tell_state_headroom_and_exception() -> None:
    rows = [row(60, 2, 4), row(60, 3, 5, MONDAY + 100, MONDAY + 200, line=3)]
    monitor = Monitor(rows, MONDAY)
    states = []
    for _ in range(5):
        monitor.observe(communication(), MONDAY, MONDAY)
        states += [(rate.state, rate.headroom(Level.QUARANTINE)) for rate in monitor.rates()]
    normal, warning, quarantine = RateState.NORMAL, RateState.WARNING, RateState.QUARANTINE
    assert states == [(normal, 3), (normal, 2), (warning, 1), (warning, 0), (quarantine, -1)]
    monitor.advance(MONDAY + 100)
    (rate,) = monitor.rates()
    assert (rate.is_exception, rate.threshold, rate.count) == (True, rows[1], 0)


def test_a_rate_without_a_threshold_in_force_still_counts() -> None:
    monitor = Monitor([row(60, 0, 0, MONDAY + 900)], MONDAY)
    monitor.observe(communication(), MONDAY, MONDAY)
    (rate,) = monitor.rates()
    assert (rate.threshold, rate.count, rate.state) == (None, 1, RateState.NORMAL)
    assert rate.headroom(Level.WARNING) is None


def test_the_identity_of_an_episode_is_stable_text() -> None:
    monitor = Monitor([row(60, 0, 9, alignment=Alignment.CALENDAR)], MONDAY)
    (breach,) = monitor.observe(communication(), MONDAY, MONDAY).breaches
    assert str(breach.episode) == f"{USER}/SR/4.1.1/60/calendar/warning/{MONDAY}"
