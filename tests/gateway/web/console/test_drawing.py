"""Drawings stand inside their frame and say in coordinates what the values say."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.console.drawing import (
    BAR_WIDTH,
    DIGIT,
    SPARK_HEIGHT,
    SPARK_WIDTH,
    Frame,
    bar,
    chart,
    count_ticks,
    level_path,
    spark,
    time_label,
    time_ticks,
    top,
)
from tests.support.adt import NOW, SUPPLIER
from thresholds.curve import Point
from thresholds.model import Level, Period, Threshold
from thresholds.past import Held

COUNTS = st.integers(0, 10**9)
FRAME = Frame(960, 320, NOW, NOW + 3600, 200)
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def threshold(warning: int, quarantine: int) -> Threshold:
    return Threshold(SUPPLIER, "SR", "7.4", Period(3600, "PT1H"), warning, quarantine, NOW)


def pairs(path: str) -> list[tuple[float, float]]:
    numbers = [float(number) for number in NUMBER.findall(path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


@given(COUNTS, COUNTS, COUNTS)
def test_a_bar_passes_a_mark_where_the_count_passes_the_level(
    count: int, warning: int, quarantine: int
) -> None:
    drawn = bar(count, warning, quarantine)
    assert 0 <= drawn.count <= BAR_WIDTH
    for level, mark in ((warning, drawn.warning), (quarantine, drawn.quarantine)):
        assert mark is not None
        assert mark <= BAR_WIDTH * 0.8
        assert drawn.count >= mark if count >= level else drawn.count <= mark


def test_without_a_threshold_there_is_no_bar() -> None:
    assert bar(5, None, None) == bar(0, None, None)


@given(st.lists(COUNTS, min_size=2, max_size=40))
def test_a_small_line_reaches_from_edge_to_edge_and_its_top_is_the_highest(values: list[int]) -> None:
    places = pairs(spark(values))
    assert len(places) == len(values)
    assert (places[0][0], places[-1][0]) == (0.0, SPARK_WIDTH)
    assert all(0 < y < SPARK_HEIGHT for _, y in places)
    assert min(y for _, y in places) == places[values.index(max(values))][1]


@given(st.integers(0, 10**12))
def test_ticks_of_counts_are_round_few_and_reach_the_highest(highest: int) -> None:
    ticks = count_ticks(highest)
    assert ticks[0] == 0
    assert highest <= ticks[-1]
    assert 2 <= len(ticks) <= 7
    assert str(ticks[1]).rstrip("0") in {"1", "2", "5"}
    assert {b - a for a, b in itertools.pairwise(ticks)} == {ticks[1]}


@given(st.integers(0, 2 * 10**9), st.integers(600, 31 * 86_400), st.integers(4, 9))
def test_ticks_of_time_are_round_few_and_inside(since: int, length: int, most: int) -> None:
    ticks = time_ticks(since, since + length, most)
    assert len(ticks) <= most + 1
    assert all(since <= tick <= since + length and tick % 60 == 0 for tick in ticks)


@pytest.mark.parametrize(
    ("second", "step", "label"),
    [(NOW, 3600, "21 Nov"), (NOW + 3600, 3600, "01:00"), (NOW, 86_400, "21 Nov")],
)
def test_a_tick_is_named_by_its_time_or_its_day(second: int, step: int, label: str) -> None:
    assert time_label(second, step) == label


@given(st.lists(COUNTS, min_size=1, max_size=60), COUNTS, COUNTS)
def test_the_curve_stays_in_its_frame_and_higher_counts_stand_higher(
    counts: list[int], warning: int, quarantine: int
) -> None:
    points = [Point(NOW + 59 + 60 * index, count, 0) for index, count in enumerate(counts)]
    held = [Held(NOW, NOW + 3600, threshold(warning, quarantine))]
    highest = top(points, held, counts_alone=False)
    assert highest >= max(*counts, warning, quarantine)
    frame = Frame(340, 240, NOW, NOW + 3600, highest)
    drawn = chart(frame, points, held, [(NOW - 99, NOW + 9999, "warning")])
    places = pairs(drawn.line)
    assert all(frame.left <= x <= frame.width - frame.right for x, _ in places)
    assert all(frame.top <= y <= frame.height - frame.bottom for _, y in places)
    for one, other in zip(range(len(counts)), range(1, len(counts)), strict=False):
        if counts[one] < counts[other]:
            assert places[one][1] >= places[other][1]
    assert (drawn.shades[0].x, drawn.shades[0].width) == (frame.left, frame.width - frame.left - frame.right)
    assert drawn.up[0].at == frame.y(0)


@given(st.integers(0, 10**12), st.integers(0, 86_400), st.sampled_from([600, 3600, 86_400, 31 * 86_400]))
def test_no_label_is_cut_off_at_the_edge(highest: int, late: int, length: int) -> None:
    """The last time's too, which stands under the right edge of the curve."""
    for width in (960, 340):
        frame = Frame(width, 240, NOW + late, NOW + late + length, highest)
        drawn = chart(frame, [], [], [])
        assert drawn.across
        for tick in drawn.across:
            half = DIGIT * len(tick.label) / 2
            assert half <= tick.at <= width - half
        for tick in drawn.up:
            assert DIGIT * len(tick.label) <= frame.left - 6


def test_a_level_steps_where_another_held_and_is_broken_where_none_did() -> None:
    held = [
        Held(NOW, NOW + 900, threshold(80, 100)),
        Held(NOW + 900, NOW + 1800, threshold(120, 150)),
        Held(NOW + 1800, NOW + 2700, None),
        Held(NOW + 2700, NOW + 3600, threshold(80, 100)),
    ]
    x = {minutes: FRAME.x(NOW + 60 * minutes) for minutes in (0, 15, 30, 45, 60)}
    assert level_path(FRAME, held, Level.QUARANTINE) == (
        f"M{x[0]} {FRAME.y(100)}H{x[15]}V{FRAME.y(150)}H{x[30]}M{x[45]} {FRAME.y(100)}H{x[60]}"
    )


def test_a_level_far_above_leaves_the_scale_to_the_counts_where_that_is_wanted() -> None:
    points, held = [Point(NOW + 59, 8, 8)], [Held(NOW, NOW + 3600, threshold(8000, 9000))]
    assert top(points, held, counts_alone=True) == 10
    assert top(points, held, counts_alone=False) == 10_000
    assert level_path(Frame(960, 320, NOW, NOW + 3600, 10), held, Level.WARNING) == ""
