"""The monitor: what a communication touches, time, new thresholds."""

import tracemalloc

import pytest
from hypothesis import given, settings

from tests.support.mixed import ROWS, TRAFFIC, Traffic, counts, drive
from tests.support.oracle import MONDAY, Oracle, row
from tests.support.traffic import communication, ordered, report, reports
from thresholds.breach import Placement
from thresholds.model import ALL, DEVICES, CommunicationClass, Level, Threshold, ThresholdKey, UserId
from thresholds.monitor import MATCH_CACHE_SIZE, Monitor

SR, SPC, UNKNOWN = CommunicationClass.SR, CommunicationClass.SPC, CommunicationClass.UNKNOWN


def weight(key: ThresholdKey, name: CommunicationClass, variant: str, devices: int) -> int:
    """Tell in the words of the definition how much a communication counts against *key*."""
    if key.service not in (variant, variant.rpartition(".")[0], "*"):
        return 0
    return devices if key.communication == DEVICES else int(key.communication in (name, ALL))


@settings(max_examples=100, deadline=None)
@given(ROWS, TRAFFIC)
def test_each_threshold_counts_and_breaches_as_if_it_were_alone(
    rows: list[Threshold], traffic: Traffic
) -> None:
    changes = drive(monitor := Monitor(rows, MONDAY), traffic, MONDAY)
    for threshold in rows:
        alone = drive(single := Monitor([threshold], MONDAY), traffic, MONDAY)
        assert reports(alone) == reports(c for c in changes if c.episode.key == threshold.key)
        assert counts(single)[threshold.key] == counts(monitor)[threshold.key]


@settings(max_examples=60, deadline=None)
@given(ROWS, TRAFFIC)
def test_a_communication_touches_its_class_all_and_devices_its_variant_reference_and_any(
    rows: list[Threshold], traffic: Traffic
) -> None:
    changes = drive(Monitor(rows, MONDAY), traffic, MONDAY)
    for threshold in rows:
        oracle, now = Oracle([threshold], MONDAY), MONDAY
        for gap, late, sent in traffic:
            now += gap
            if n := weight(threshold.key, *sent):
                oracle.observe(now - late, now, n)
            else:
                oracle.advance(now)
        oracle.advance(now + 200)
        found = [c for c in changes if c.episode.key == threshold.key]
        assert reports(found) == ordered(oracle.reports)


def test_an_unknown_service_counts_under_all_and_devices_only() -> None:
    rows = [row(communication=name, service="*") for name in ("SR", "SPC", ALL, DEVICES)]
    monitor = Monitor(rows, MONDAY)
    monitor.observe(communication("99.9", UNKNOWN), MONDAY, MONDAY)
    assert {key.communication: n for key, n in counts(monitor).items()} == {
        "SR": 0,
        "SPC": 0,
        ALL: 1,
        DEVICES: 1,
    }


@pytest.mark.parametrize(("variant", "reference"), [("*", "*"), ("4.1", "4.1"), ("*", "4.1")])
def test_a_header_that_repeats_itself_counts_once(variant: str, reference: str) -> None:
    monitor = Monitor([row(service="*"), row(service="4.1")], MONDAY)
    monitor.observe(communication(variant, reference=reference), MONDAY, MONDAY)
    assert set(counts(monitor).values()) <= {0, 1}
    assert sum(counts(monitor).values()) >= 1


def test_other_users_touch_nothing() -> None:
    monitor = Monitor([row(communication=ALL, service="*")], MONDAY)
    monitor.observe(communication(user=UserId("00-00-00-00-00-00-00-01")), MONDAY, MONDAY)
    assert set(counts(monitor).values()) == {0}


def test_hostile_headers_do_not_grow_the_memory() -> None:
    """Three times the cache, of a known user (whom `*` matches) and of unknown ones."""
    monitor = Monitor([row(60, 10**9, 10**9, communication=ALL, service="*")], MONDAY)
    for number in range(3 * MATCH_CACHE_SIZE):
        monitor.observe(communication(f"x.{number}"), MONDAY, MONDAY)
        monitor.observe(communication(user=UserId(f"u{number}")), MONDAY, MONDAY)
    assert len(monitor._touched) <= MATCH_CACHE_SIZE
    assert len(monitor._matching._places) == 1
    assert list(counts(monitor).values()) == [3 * MATCH_CACHE_SIZE]


@pytest.mark.parametrize(
    ("observed_at", "placement", "counted_at"),
    [
        (MONDAY, Placement.ON_TIME, MONDAY),
        (MONDAY - 300, Placement.ON_TIME, MONDAY - 300),
        (MONDAY - 301, Placement.LATE, MONDAY),
        (MONDAY + 1, Placement.FUTURE, MONDAY),
    ],
)
def test_where_a_communication_counts(observed_at: int, placement: Placement, counted_at: int) -> None:
    monitor = Monitor([row(3600, 9, 9)], MONDAY)
    assert monitor.observe(communication(), observed_at, MONDAY).placement is placement
    monitor.advance(counted_at + 3599)
    assert list(counts(monitor).values()) == [1]
    monitor.advance(counted_at + 3600)
    assert list(counts(monitor).values()) == [0]


def test_a_clock_set_back_loses_nothing() -> None:
    monitor = Monitor([row(60, 3, 9)], MONDAY)
    monitor.observe(communication(), MONDAY, MONDAY)
    for now in (MONDAY - 10, MONDAY - 1_000):
        monitor.observe(communication(), now, now)
        assert monitor.advance(now) == ()
    assert list(counts(monitor).values()) == [3]
    observed = monitor.observe(communication(), MONDAY - 5_000, MONDAY - 5_000)
    assert observed.placement is Placement.LATE
    assert [report(c) for c in observed.changes] == [("opened", Level.WARNING, MONDAY, 4, 3, None)]


def test_an_event_without_consequence_makes_no_objects() -> None:
    monitor = Monitor([row(3600, 10**6, 10**6)], MONDAY)
    sent = communication()
    first = monitor.observe(sent, MONDAY, MONDAY)
    assert monitor.observe(sent, MONDAY, MONDAY) is first
    assert monitor.observe(sent, MONDAY - 9, MONDAY) is first


def test_what_other_keys_went_through_comes_with_the_next_communication() -> None:
    monitor = Monitor([row(60, 0, 9), row(60, 9, 9, service="7.2")], MONDAY)
    monitor.observe(communication(), MONDAY, MONDAY)
    observed = monitor.observe(communication("7.2"), MONDAY + 300, MONDAY + 300)
    assert [report(c) for c in observed.changes] == [("ended", Level.WARNING, MONDAY, MONDAY + 66)]
    assert observed.excess == ()


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS, TRAFFIC, TRAFFIC)
def test_replace_keeps_the_counts_of_keys_that_stay(
    old: list[Threshold], new: list[Threshold], before: Traffic, after: Traffic
) -> None:
    monitor, untouched = Monitor(old, MONDAY), Monitor(old, MONDAY)
    now = MONDAY + sum(gap for gap, _, _ in before) + 200
    for each in (monitor, untouched):
        drive(each, before, MONDAY)
    replaced = monitor.replace(new, now)
    keys = {threshold.key for threshold in old}
    assert set(replaced.added) == {threshold.key for threshold in new} - keys
    for each in (monitor, untouched):
        drive(each, after, now)
    for key in keys & {threshold.key for threshold in new}:
        assert counts(monitor)[key] == counts(untouched)[key]
    assert {threshold.key for threshold in new} == set(counts(monitor))


def test_replace_ends_the_open_episodes_of_keys_that_are_gone() -> None:
    monitor = Monitor([row(60, 0, 9), row(60, 0, 0, service="4.1")], MONDAY)
    monitor.observe(communication(), MONDAY, MONDAY)
    replaced = monitor.replace([row(60, 1, 9, service="*")], MONDAY + 3)
    assert [(report(c), c.reason) for c in replaced.changes if hasattr(c, "reason")] == [
        (("ended", Level.QUARANTINE, MONDAY, MONDAY + 3), "withdrawn"),
        (("ended", Level.WARNING, MONDAY, MONDAY + 3), "withdrawn"),
    ]
    assert monitor.open_episodes() == ()
    assert monitor.advance(MONDAY + 900) == ()


def test_replace_evaluates_new_levels_at_once_and_judges_late_events_by_the_old() -> None:
    monitor = Monitor([row(60, 2, 9)], MONDAY)
    for _ in range(2):
        monitor.observe(communication(), MONDAY, MONDAY)
    assert monitor.replace([row(60, 5, 9)], MONDAY + 50).changes == ()
    late = monitor.observe(communication(), MONDAY + 10, MONDAY + 50)
    assert [report(c) for c in late.changes] == [("opened", Level.WARNING, MONDAY + 10, 3, 2, None)]
    lowered = Monitor([row(60, 2, 9)], MONDAY)
    for _ in range(2):
        lowered.observe(communication(), MONDAY, MONDAY)
    changes = lowered.replace([row(60, 1, 9)], MONDAY + 50).changes
    assert [report(c) for c in changes] == [("opened", Level.WARNING, MONDAY + 50, 2, 1, None)]


def test_a_large_supplier_fits_in_300_megabytes() -> None:
    """A tenth of ten users, 129 variants, three classes, and one hour, one day and one week."""
    rows = [
        row(period, 10**6, 10**6, communication=name, service=f"{number}.1")
        for number in range(129)
        for name in ("SR", "SPC", "TRANSFORM")
        for period in (3600, 86_400, 604_800)
    ]
    sent = [
        communication(f"{number}.1", CommunicationClass(name))
        for number in range(129)
        for name in (SR, SPC, "TRANSFORM")
    ]
    tracemalloc.start()
    monitor = Monitor(rows, MONDAY)
    for second in range(3):
        for one in sent:
            monitor.observe(one, MONDAY + second, MONDAY + second)
    weight, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert weight < 30_000_000
