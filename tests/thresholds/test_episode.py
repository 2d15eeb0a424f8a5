"""An episode ends when the count has stayed below 90 % of the level for a tenth of the period."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.oracle import row
from thresholds.episode import Episodes, Point, is_below
from thresholds.model import Level


@pytest.mark.parametrize(
    ("count", "limit", "below"),
    [(8, 10, True), (9, 10, False), (0, 1, True), (1, 1, False), (0, 0, True), (1, 0, False)],
)
def test_below_is_strictly_less_than_nine_tenths(count: int, limit: int, below: bool) -> None:
    assert is_below(count, limit) is below


@given(st.integers(1, 10**20))
def test_below_is_exact_for_any_size(tenth: int) -> None:
    assert is_below(9 * tenth - 1, 10 * tenth)
    assert not is_below(9 * tenth, 10 * tenth)


def opened(period: int = 60, at: int = 100) -> Episodes:
    episodes = Episodes(Level.WARNING, period)
    assert [e.opened for e in episodes.revisit([Point(at, 11, row(period, 10, 20))], at)] == [at]
    return episodes


def test_an_episode_ends_with_the_last_second_of_its_low_time() -> None:
    episodes, threshold = opened(), row(60, 10, 20)
    assert episodes.pass_time(100, 110, 9, threshold) is None
    assert episodes.pass_time(110, 115, 8, threshold) is None
    ended = episodes.pass_time(115, 200, 8, threshold)
    assert ended is not None
    assert ended.ended == 116
    assert episodes.current is None


def test_rising_to_nine_tenths_starts_the_low_time_again() -> None:
    episodes, threshold = opened(), row(60, 10, 20)
    episodes.pass_time(100, 105, 8, threshold)
    episodes.pass_time(105, 106, 9, threshold)
    assert episodes.pass_time(106, 111, 8, threshold) is None
    assert episodes.pass_time(111, 112, 8, threshold) is not None


def test_without_a_threshold_every_count_is_low() -> None:
    ended = opened().pass_time(100, 106, 1_000, None)
    assert ended is not None
    assert ended.ended == 106


def test_a_count_that_equals_the_level_opens_nothing() -> None:
    assert Episodes(Level.WARNING, 60).revisit([Point(100, 10, row(60, 10, 20))], 100) == []


def test_an_open_episode_covers_what_comes_after_it() -> None:
    episodes = opened()
    assert episodes.revisit([Point(s, 30, row(60, 10, 20)) for s in range(105, 109)], 108) == []


def test_a_late_event_opens_at_the_first_second_above_and_may_be_over_already() -> None:
    counts = [10] * 3 + [11] * 2 + [8] * 20
    points = [Point(100 + i, count, row(60, 10, 20)) for i, count in enumerate(counts)]
    episodes = Episodes(Level.WARNING, 60)
    assert [(e.opened, e.ended) for e in episodes.revisit(points, 124)] == [(103, 111)]
    assert episodes.current is None
    assert episodes.revisit(points, 124) == [], "it is known by now"


def test_the_second_that_is_not_over_ends_nothing() -> None:
    """The low time is seconds 105 to 110; at 110 more may still come."""
    counts = [11] * 5 + [8] * 6
    points = [Point(100 + i, count, row(60, 10, 20)) for i, count in enumerate(counts)]
    assert [e.ended for e in Episodes(Level.WARNING, 60).revisit(points, 110)] == [None]
    assert [e.ended for e in Episodes(Level.WARNING, 60).revisit(points, 111)] == [111]


def test_what_runs_into_a_known_episode_is_its_beginning_and_not_another() -> None:
    episodes = opened(at=105)
    points = [Point(s, 11, row(60, 10, 20)) for s in range(100, 110)]
    assert episodes.revisit(points, 109) == []
    assert episodes.current is not None
    assert episodes.current.opened == 105


def test_a_late_event_takes_back_a_low_time() -> None:
    """The count of seconds 103 and 104 was thought to be low; a late event shows that it was not."""
    episodes, threshold = opened(), row(60, 10, 20)
    episodes.pass_time(100, 105, 8, threshold)
    counts = [8, 8, 9, 9, 8, 8]  # of the seconds 101 to 106
    episodes.revisit([Point(101 + i, n, threshold) for i, n in enumerate(counts)], 106)
    assert episodes.current is not None
    assert episodes.current.below_since == 105
