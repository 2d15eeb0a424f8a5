"""A kind is unusual where its highest minute is far above the highest of the same time of the week before."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from tests.support.past import kind
from thresholds.unusual import FACTOR, LEAST, is_unusual, unusual

USER: Final = "90-B3-D5-1F-30-01-00-00"
READ, UPDATE = kind(USER, "SR", "4.1.1"), kind(USER, "SPC", "7.2")


def test_what_is_above_three_times_its_usual_minute_is_unusual_and_says_when() -> None:
    found = unusual({READ: [0, 31, 5], UPDATE: [30, 0, 0]}, 600, [{READ: 10, UPDATE: 10}, {READ: 4}])
    assert [(each.communication, each.service) for each in found] == [("SR", "4.1.1")]
    (one,) = found
    assert (one.highest, one.minute, one.usual, one.counted) == (31, 660, 10, 36)


def test_what_was_never_seen_at_that_time_is_unusual_from_ten_a_minute_on() -> None:
    assert [each.usual for each in unusual({READ: [10], UPDATE: [9]}, 0, [{}])] == [0]


def test_without_earlier_weeks_nothing_can_be_compared() -> None:
    assert unusual({READ: [1000]}, 0, []) == []


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_is_never_less_unusual(highest: int, usual: int) -> None:
    if is_unusual(highest, usual):
        assert is_unusual(highest + 1, usual)
        assert highest >= LEAST
        assert highest > FACTOR * usual


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9), st.lists(st.integers(0, 50), max_size=9))
def test_the_furthest_above_its_usual_comes_first(counts: list[int], before: list[int]) -> None:
    kinds = [kind(USER, "SR", f"1.{number}") for number in range(len(counts))]
    week = dict(zip(kinds, before, strict=False))
    found = unusual({each: [n] for each, n in zip(kinds, counts, strict=True)}, 0, [week])
    far = [each.highest - each.usual for each in found]
    assert far == sorted(far, reverse=True)
