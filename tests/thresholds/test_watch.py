"""The episodes of one key equal those that counting every second anew finds."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracle import MONDAY, Oracle, row
from tests.support.traffic import communication, ordered, report, reports
from thresholds.breach import Breach, Change, Observed
from thresholds.model import Alignment, Level, Threshold
from thresholds.monitor import Monitor

W, Q = Level.WARNING, Level.QUARANTINE


class Case(NamedTuple):
    rows: list[Threshold]
    steps: list[tuple[int, int, int, int]]
    """Seconds to the next events, their lateness, how often `advance` is called before them, how many."""


@st.composite
def cases(draw: st.DrawFn, lateness: int) -> Case:
    """Draw thresholds of one key with exceptions and a traffic that passes their levels now and then."""
    period = draw(st.sampled_from([60, 61, 90, 600, 3601, 3660]))
    alignment = draw(st.sampled_from(Alignment))
    pace = period // draw(st.sampled_from([4, 10, 60]))
    w = draw(st.integers(0, 4) | st.just(10))
    rows = [row(period, w, w + draw(st.integers(0, 4)), alignment=alignment)]
    for line in range(3, 3 + draw(st.integers(0, 3))):
        begin = MONDAY + draw(st.integers(0, pace * 15))
        end = draw(st.none() | st.integers(begin + 1, begin + pace * 10))
        low = draw(st.integers(0, 6) | st.just(10))
        high = low + draw(st.integers(0, 3))
        rows.append(row(period, low, high, begin, end, alignment=alignment, line=line))
    gap = st.one_of(st.just(0), st.integers(0, 2), st.integers(0, pace), st.integers(0, pace * 4))
    step = st.tuples(gap, st.integers(0, lateness), st.integers(0, 2), st.sampled_from([1, 1, 2, 8]))
    return Case(rows, draw(st.lists(step, min_size=1, max_size=25)))


def run(monitor: Monitor, case: Case, now: int) -> list[Change]:
    """Send the traffic of *case* and wait until all is over."""
    found: list[Change] = []
    for gap, late, looks, n in case.steps:
        for look in range(looks):
            found += monitor.advance(now + gap * look // looks)
        now += gap
        found += [c for one in send(monitor, now, n, late) for c in one.changes]
    return [*found, *monitor.advance(now + case.rows[0].period.seconds * 6 // 5 + 2)]


def search(case: Case, now: int) -> Oracle:
    """Find by brute force what `run` should report."""
    oracle = Oracle(case.rows, now)
    for gap, late, _, n in case.steps:
        now += gap
        for _ in range(n):
            oracle.observe(now - late, now)
    oracle.advance(now + oracle.period * 6 // 5 + 2)
    return oracle


@settings(max_examples=120, deadline=None)
@given(cases(lateness=0))
def test_episodes_of_events_in_order_equal_the_brute_force(case: Case) -> None:
    assert reports(run(Monitor(case.rows, MONDAY), case, MONDAY)) == ordered(search(case, MONDAY).reports)


@settings(max_examples=120, deadline=None)
@given(cases(lateness=400))
def test_episodes_of_late_events_equal_the_brute_force(case: Case) -> None:
    assert reports(run(Monitor(case.rows, MONDAY), case, MONDAY)) == ordered(search(case, MONDAY).reports)


@settings(max_examples=60, deadline=None)
@given(cases(lateness=100), st.integers(1, 50))
def test_how_often_anyone_looks_changes_nothing(case: Case, every: int) -> None:
    seldom = [(gap, late, 0, n) for gap, late, _, n in case.steps]
    often = [(gap, late, gap // every, n) for gap, late, _, n in case.steps]
    first = run(Monitor(case.rows, MONDAY), case._replace(steps=seldom), MONDAY)
    second = run(Monitor(case.rows, MONDAY), case._replace(steps=often), MONDAY)
    assert reports(first) == reports(second)


def send(monitor: Monitor, second: int, n: int = 1, late: int = 0) -> list[Observed]:
    return [monitor.observe(communication(), second - late, second) for _ in range(n)]


def opened(observed: list[Observed]) -> list[Breach]:
    return [breach for one in observed for breach in one.breaches]


def test_a_count_that_equals_the_level_does_not_breach() -> None:
    monitor = Monitor([row(60, 3, 9)], MONDAY)
    assert opened(send(monitor, MONDAY, 3)) == []
    assert [b.count for b in opened(send(monitor, MONDAY + 1))] == [4]


def test_an_excess_however_long_is_one_breach() -> None:
    monitor = Monitor([row(60, 3, 900)], MONDAY)
    found = [b for second in range(300) for b in opened(send(monitor, MONDAY + second))]
    assert [b.opened for b in found] == [MONDAY + 3]


def test_after_its_end_the_next_excess_is_a_new_episode() -> None:
    monitor = Monitor([row(60, 3, 90)], MONDAY)
    send(monitor, MONDAY, 4)
    changes = [*monitor.advance(MONDAY + 200), *send(monitor, MONDAY + 200, 4)[-1].changes]
    assert [report(c) for c in changes] == [
        ("ended", W, MONDAY, MONDAY + 66),
        ("opened", W, MONDAY + 200, 4, 3, None),
    ]


def test_quarantine_supersedes_the_warning_which_then_ends_in_silence() -> None:
    monitor = Monitor([row(60, 2, 4)], MONDAY)
    warning, quarantine = opened(send(monitor, MONDAY, 5))
    assert (warning.level, quarantine.level) == (W, Q)
    assert quarantine.supersedes == warning.episode
    ends = monitor.advance(MONDAY + 500)
    assert [report(c) for c in ends] == [("ended", Q, MONDAY, MONDAY + 66)]


def test_a_quarantine_found_late_supersedes_the_warning_that_has_ended_since() -> None:
    monitor = Monitor([row(60, 2, 4)], MONDAY)
    (warning,) = opened(send(monitor, MONDAY, 3))
    monitor.advance(MONDAY + 100)
    late = opened(send(monitor, MONDAY + 100, 2, late=60))
    assert [(b.level, b.opened, b.supersedes) for b in late] == [(Q, MONDAY + 40, warning.episode)]


def test_a_quarantine_that_comes_again_supersedes_no_warning_twice() -> None:
    """The first fall is to three of four: below quarantine for long, still above the warning."""
    monitor = Monitor([row(60, 2, 4)], MONDAY)
    first = opened([*send(monitor, MONDAY, 2), *send(monitor, MONDAY + 20, 3)])
    changes = [*monitor.advance(MONDAY + 70), *send(monitor, MONDAY + 70, 2)[-1].changes]
    assert [b.level for b in first] == [W, Q]
    assert [report(c) for c in changes] == [
        ("ended", Q, MONDAY + 20, MONDAY + 66),
        ("opened", Q, MONDAY + 70, 5, 4, None),
    ]


def test_both_levels_passed_by_one_event_are_one_quarantine_breach() -> None:
    monitor = Monitor([row(60, 2, 2)], MONDAY)
    (breach,) = opened(send(monitor, MONDAY, 3))
    assert (breach.level, breach.supersedes) == (Q, None)
    assert [e.quiet for e in monitor.open_episodes()] == [False, True]


def test_falling_from_quarantine_through_the_warning_zone_raises_no_warning() -> None:
    monitor = Monitor([row(60, 2, 2), row(60, 2, 9, MONDAY + 5, line=3)], MONDAY)
    send(monitor, MONDAY, 3)
    changes = [*monitor.advance(MONDAY + 30), *send(monitor, MONDAY + 30)[0].changes]
    assert [report(c) for c in changes] == [("ended", Q, MONDAY, MONDAY + 11)]


def test_a_late_event_opens_at_the_first_second_above_with_the_window_of_that_second() -> None:
    monitor = Monitor([row(60, 3, 9)], MONDAY - 300)
    send(monitor, MONDAY, 3)
    (too_early,) = send(monitor, MONDAY + 100, late=165)
    assert too_early.changes == (), "no window holds it together with the others"
    (observed,) = send(monitor, MONDAY + 100, late=90)
    assert [report(c) for c in observed.changes] == [
        ("opened", W, MONDAY + 10, 4, 3, None),
        ("ended", W, MONDAY + 10, MONDAY + 66),
    ]
    (breach,) = observed.breaches
    assert (breach.window_start, breach.opened) == (MONDAY - 49, MONDAY + 10)
    assert observed.excess == (breach.episode,)


def test_excess_names_the_episodes_above_whose_level_a_communication_is() -> None:
    monitor = Monitor([row(60, 2, 4)], MONDAY)
    observed = send(monitor, MONDAY, 6)
    names = [[e.level for e in one.excess] for one in observed]
    assert names == [[], [], [W], [W], [Q], [Q]]


def test_below_the_level_of_an_open_episode_nothing_is_in_excess() -> None:
    monitor = Monitor([row(60, 3, 9)], MONDAY)
    send(monitor, MONDAY, 2)
    send(monitor, MONDAY + 30, 2)
    (within,) = send(monitor, MONDAY + 61)
    assert monitor.open_episodes()
    assert within.excess == ()


def test_a_count_that_equals_the_level_of_an_open_episode_is_not_in_excess() -> None:
    """The first two leave the window at second 60; two more make three, then four."""
    monitor = Monitor([row(60, 3, 9)], MONDAY)
    send(monitor, MONDAY, 3)
    send(monitor, MONDAY + 30, 2)
    equal, above = send(monitor, MONDAY + 60, 2)
    assert equal.excess == ()
    assert [e.level for e in above.excess] == [W]


def test_a_late_event_is_in_the_excess_of_its_own_time_only() -> None:
    monitor = Monitor([row(60, 3, 9)], MONDAY)
    send(monitor, MONDAY, 3)
    send(monitor, MONDAY + 100, 4)
    (observed,) = send(monitor, MONDAY + 120, late=110)
    assert [e.opened for e in observed.excess] == [MONDAY + 10]


def test_a_late_event_that_has_left_the_window_still_takes_back_a_low_time() -> None:
    """The count is 8 of 10 from second 116 on; the late event makes it 9 until second 119."""
    monitor = Monitor([row(60, 10, 99)], MONDAY)
    for second, n in ((0, 11), (56, 1), (63, 8)):
        send(monitor, MONDAY + second, n)
    send(monitor, MONDAY + 121, late=61)
    ends = monitor.advance(MONDAY + 500)
    assert [report(c) for c in ends] == [("ended", W, MONDAY, MONDAY + 126)]


def test_the_window_of_a_breach_by_the_minute_starts_on_the_minute() -> None:
    monitor = Monitor([row(86_400, 0, 9)], MONDAY)
    (breach,) = opened(send(monitor, MONDAY + 59))
    assert breach.window_start == MONDAY - 86_400


def test_an_exception_replaces_the_levels_inside_its_time_only() -> None:
    rows = [row(60, 2, 20), row(60, 5, 20, MONDAY + 100, MONDAY + 200, line=3)]
    for at, expected in ((99, 1), (100, 0), (199, 0), (200, 1)):
        monitor = Monitor(rows, MONDAY)
        assert len(opened(send(monitor, MONDAY + at, 3))) == expected


def test_an_exception_that_ends_opens_an_episode_at_its_second_without_traffic() -> None:
    monitor = Monitor([row(60, 2, 20), row(60, 5, 20, MONDAY, MONDAY + 40, line=3)], MONDAY)
    send(monitor, MONDAY + 1, 4)
    changes = monitor.advance(MONDAY + 500)
    assert [report(c)[:3] for c in changes] == [("opened", W, MONDAY + 40), ("ended", W, MONDAY + 40)]


def test_an_open_episode_goes_on_against_a_new_level() -> None:
    monitor = Monitor([row(3600, 2, 20), row(3600, 9, 20, MONDAY + 40, line=3)], MONDAY)
    send(monitor, MONDAY, 3)
    assert [report(c) for c in monitor.advance(MONDAY + 999)] == [("ended", W, MONDAY, MONDAY + 400)]


def test_before_its_time_a_threshold_sets_no_limit_but_counts() -> None:
    monitor = Monitor([row(60, 2, 20, MONDAY + 10)], MONDAY)
    assert opened(send(monitor, MONDAY + 5, 4)) == []
    assert [report(c) for c in monitor.advance(MONDAY + 10)] == [("opened", W, MONDAY + 10, 4, 2, None)]


def test_changes_come_in_the_order_of_time_whatever_the_key() -> None:
    monitor = Monitor([row(600, 0, 9), row(60, 0, 9), row(90, 0, 9)], MONDAY)
    send(monitor, MONDAY)
    seconds = [report(c)[3] for c in monitor.advance(MONDAY + 999)]
    assert seconds == [MONDAY + 66, MONDAY + 99, MONDAY + 660]
