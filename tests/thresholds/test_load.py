"""Counts that are loaded in one go are those that came one by one."""

from array import array

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.mixed import ROWS, TRAFFIC, Traffic, counts, kind
from tests.support.oracle import MONDAY, row
from tests.support.traffic import communication, reports
from thresholds.cells import WIDTHS, Sum, narrowed, of
from thresholds.kind import Counts
from thresholds.model import Alignment, CommunicationClass, Threshold
from thresholds.monitor import Monitor
from thresholds.window import LATENESS, Window

DAY = 86_400
PERIODS = st.sampled_from([60, 61, 300, 3600, 3601, 7200, DAY])
NUMBERS = st.one_of(
    st.just(0), st.integers(0, 3), st.sampled_from([255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**40])
)
VALUES = st.lists(NUMBERS, min_size=1, max_size=50)


@settings(max_examples=400, deadline=None)
@given(
    PERIODS,
    st.sampled_from(Alignment),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, LATENESS), NUMBERS), max_size=6),
    st.integers(-DAY - 900, 200),
    VALUES,
    st.integers(1, 40),
)
def test_a_load_is_the_same_as_its_events_one_by_one(
    period: int,
    alignment: Alignment,
    before: list[tuple[int, int, int]],
    offset: int,
    values: list[int],
    repeat: int,
) -> None:
    """Into a ring that is empty or in use, across its end, before what it holds and beyond now."""
    loaded, added = Window(period, alignment, MONDAY), Window(period, alignment, MONDAY)
    now = MONDAY
    for step, lateness, n in before:
        now += step
        for window in (loaded, added):
            window.add(now - lateness, n, now)
    width, many = loaded.resolution, values * repeat
    first = (now + max(offset, -period - 900)) // width * width
    loaded.load(first, of(many), now)
    for number, n in enumerate(many):
        added.add(min(first + number * width, now), n, now)
    assert loaded.history(now - LATENESS, now) == added.history(now - LATENESS, now)
    for later in (1, 59, 60, 3599, period, period + 60):
        assert loaded.count(now + later) == added.count(now + later)


@given(st.sampled_from(WIDTHS), st.lists(st.integers(0, 2**64 - 1), max_size=9))
def test_a_narrowed_array_holds_the_same(code: str, values: list[int]) -> None:
    wide = array(code, [value % 256 ** array(code).itemsize for value in values])
    narrow = narrowed(wide)
    assert list(narrow) == list(wide)
    assert all(max(narrow) >= 256**w for w in (1, 2, 4) if w < narrow.itemsize)


@given(st.integers(1, 9).flatmap(lambda size: st.lists(st.lists(NUMBERS, min_size=size, max_size=size))))
@example([[2**32 - 1], [1]])
@example([[255, 255]] * 300)
def test_a_sum_is_the_sum_at_each_place_whatever_the_widths(rows: list[list[int]]) -> None:
    if rows:
        total = Sum()
        for each in rows:
            total.add(of(each))
        assert list(total.values()) == [sum(column) for column in zip(*rows, strict=True)]


def test_a_load_beyond_64_bits_is_refused_rather_than_wrapped() -> None:
    window = Window(60, Alignment.ROLLING, MONDAY)
    window.load(MONDAY, of([2**64 - 1]), MONDAY)
    with pytest.raises(OverflowError, match="cannot hold"):
        window.load(MONDAY, of([1]), MONDAY)


SR, SPC, UNKNOWN = CommunicationClass.SR, CommunicationClass.SPC, CommunicationClass.UNKNOWN
KINDS = st.sampled_from([(SR, "4.1.1"), (SR, "4.2.1"), (SPC, "7.2"), (UNKNOWN, "0.0")])


Event = tuple[tuple[CommunicationClass, str], int, int, int]
EVENTS = st.lists(st.tuples(KINDS, st.integers(-4000, 0), st.integers(1, 3), st.integers(0, 4)))


def binned(events: list[Event], step: int) -> list[Counts]:
    """Return *events* as arrays that begin 4 020 s before `MONDAY`, one pair for each of them."""
    found: list[Counts] = []
    for (name, variant), offset, n, devices in events:
        place = (4020 + offset) // step
        zeros = [0] * place
        found.append((kind(name, variant), of([*zeros, n]), of([*zeros, devices])))
    return [
        (each, of([*a, *[0] * (4021 - len(a))]), of([*b, *[0] * (4021 - len(b))])) for each, a, b in found
    ]


@settings(max_examples=100, deadline=None)
@given(ROWS, EVENTS)
def test_a_loaded_monitor_counts_and_finds_what_a_seeded_one_does(
    rows: list[Threshold], events: list[Event]
) -> None:
    loaded, seeded = Monitor(rows, MONDAY), Monitor(rows, MONDAY)
    for step in (1, 60):
        loaded.load(MONDAY - 4020, step, binned(events, step))
    for (name, variant), offset, n, devices in events:
        seeded.seed(kind(name, variant), MONDAY + offset, n, devices)
    assert counts(loaded) == counts(seeded)
    assert reports(loaded.advance(MONDAY)) == reports(seeded.advance(MONDAY))


def test_the_reach_of_a_kind_is_the_longest_period_that_counts_it_at_that_resolution() -> None:
    monitor = Monitor([row(60, 1, 2), row(90, 1, 2), row(7200, 1, 2, service="*")], MONDAY)
    assert monitor.reach(kind(SR, "4.1.1"), 1) == 90
    assert monitor.reach(kind(SR, "4.1.1"), 60) == 7200
    assert monitor.reach(kind(SR, "4.2.1"), 1) == 0


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS, TRAFFIC, TRAFFIC)
def test_windows_prepared_aside_count_as_if_they_had_been_there(
    old: list[Threshold], new: list[Threshold], before: Traffic, during: Traffic
) -> None:
    """What comes while they are prepared is seeded into both; then the monitor adopts them."""
    monitor, whole = Monitor(old, MONDAY), Monitor([*old, *new], MONDAY)
    known = {threshold.key for threshold in old}
    aside = Monitor([threshold for threshold in new if threshold.key not in known], MONDAY)
    now = MONDAY
    for gap, late, (name, variant, devices) in (*before, *during):
        now += gap
        for each in (monitor, whole):
            each.observe(communication(variant, name, devices=devices), now - late, now)
        aside.advance(now)
        aside.seed(kind(name, variant), now - late, 1, devices)
    added = monitor.replace(new, now, aside).added
    assert set(added) == {threshold.key for threshold in new} - known
    monitor.advance(now)
    whole.advance(now)
    wanted = {threshold.key for threshold in new}
    assert counts(monitor) == {key: n for key, n in counts(whole).items() if key in wanted}
    for key in added:
        watch, same = monitor._watches[key], whole._watches[key]
        assert watch.window.count(now + 50) == same.window.count(now + 50)
