"""After a restart, and for new keys, the monitor goes on from what is seeded and restored."""

from hypothesis import given, settings

from tests.support.mixed import ROWS, TRAFFIC, Traffic, counts, drive, kind
from tests.support.oracle import MONDAY, row
from tests.support.traffic import communication, report, reports
from thresholds.breach import OpenEpisode
from thresholds.kind import Kind
from thresholds.model import CommunicationClass, Level, Threshold
from thresholds.monitor import Monitor

SR = CommunicationClass.SR


@settings(max_examples=80, deadline=None)
@given(ROWS, TRAFFIC, TRAFFIC)
def test_a_restart_goes_on_as_if_nothing_had_happened(
    rows: list[Threshold], before: Traffic, after: Traffic
) -> None:
    """On time after the restart: what ended before it is no longer known to late events."""
    steady = Monitor(rows, MONDAY)
    now = MONDAY
    placed: list[tuple[Kind, int, int]] = []
    for gap, late, (name, variant, devices) in before:
        now += gap
        steady.observe(communication(variant, name, devices=devices), now - late, now)
        placed.append((kind(name, variant), now - late, devices))
    restarted = Monitor(rows, now)
    for each, second, devices in placed:
        restarted.seed(each, second, 1, devices)
    assert restarted.restore(steady.open_episodes()) == ()
    assert restarted.advance(now) == ()
    assert counts(restarted) == counts(steady)
    on_time: Traffic = [(gap, 0, sent) for gap, _, sent in after]
    assert reports(drive(restarted, on_time, now)) == reports(drive(steady, on_time, now))


def test_seeding_a_new_key_leaves_the_others_alone_and_the_next_advance_evaluates_it() -> None:
    monitor = Monitor([row(60, 2, 9)], MONDAY)
    monitor.observe(communication(), MONDAY, MONDAY)
    (added,) = monitor.replace([row(60, 2, 9), row(90, 2, 9)], MONDAY).added
    monitor.seed(kind(SR, "4.1.1"), MONDAY - 20, 3, 3, {added})
    assert sorted(counts(monitor).values()) == [1, 3]
    assert [report(c) for c in monitor.advance(MONDAY)] == [("opened", Level.WARNING, MONDAY, 3, 2, None)]
    assert monitor.advance(MONDAY) == ()


def test_an_episode_whose_key_is_gone_at_restart_is_withdrawn() -> None:
    monitor = Monitor([row(60, 0, 0)], MONDAY)
    monitor.observe(communication(), MONDAY, MONDAY)
    states = monitor.open_episodes()
    assert [state.quiet for state in states] == [False, True]
    withdrawn = Monitor([row(90, 0, 0)], MONDAY + 5).restore(states)
    assert [report(c) for c in withdrawn] == [("ended", Level.QUARANTINE, MONDAY, MONDAY + 5)]


def test_an_unknown_low_time_makes_an_episode_last_longer_never_shorter() -> None:
    monitor = Monitor([row(60, 0, 9)], MONDAY)
    monitor.observe(communication(), MONDAY, MONDAY)
    monitor.advance(MONDAY + 63)
    (state,) = monitor.open_episodes()
    assert state.below_since == MONDAY + 60
    restarted = Monitor([row(60, 0, 9)], MONDAY + 63)
    restarted.restore([OpenEpisode(state.episode)])
    assert [report(c)[3] for c in restarted.advance(MONDAY + 900)] == [MONDAY + 69]


def test_a_quarantine_restored_alone_keeps_its_warning_quiet() -> None:
    monitor = Monitor([row(60, 1, 2)], MONDAY)
    for _ in range(3):
        monitor.observe(communication(), MONDAY, MONDAY)
    quarantine, warning = monitor.open_episodes()
    assert (quarantine.episode.level, warning.episode.level) == (Level.QUARANTINE, Level.WARNING)
    restarted = Monitor([row(60, 1, 2)], MONDAY + 5)
    restarted.seed(kind(SR, "4.1.1"), MONDAY, 3, 3)
    restarted.restore([quarantine])
    assert restarted.advance(MONDAY + 5) == ()
    assert [state.quiet for state in restarted.open_episodes()] == [False, True]


def test_a_late_event_after_a_restart_does_not_end_or_repeat_a_restored_episode() -> None:
    monitor = Monitor([row(60, 2, 9)], MONDAY)
    for _ in range(3):
        monitor.observe(communication(), MONDAY, MONDAY)
    (state,) = monitor.open_episodes()
    restarted = Monitor([row(60, 2, 9)], MONDAY + 300)
    restarted.restore([state])
    assert restarted.observe(communication(), MONDAY + 10, MONDAY + 300).changes == ()
    assert [report(c)[3] for c in restarted.advance(MONDAY + 900)] == [MONDAY + 306]


def test_an_episode_restored_later_is_judged_from_then_on() -> None:
    monitor = Monitor([row(60, 0, 9)], MONDAY)
    monitor.observe(communication(), MONDAY, MONDAY)
    restarted = Monitor([row(60, 0, 9)], MONDAY)
    restarted.advance(MONDAY + 1_000)
    restarted.restore(monitor.open_episodes())
    assert [report(c)[3] for c in restarted.advance(MONDAY + 2_000)] == [MONDAY + 1_006]
    assert restarted._open == {}, "time passes over open episodes only"


def test_a_seed_from_the_future_counts_now() -> None:
    monitor = Monitor([row(60, 9, 9)], MONDAY)
    monitor.seed(kind(SR, "4.1.1"), MONDAY + 500, 2, 2)
    assert list(counts(monitor).values()) == [2]
    monitor.advance(MONDAY + 60)
    assert list(counts(monitor).values()) == [0]
