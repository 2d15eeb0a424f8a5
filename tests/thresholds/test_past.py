"""What held in the past is what the monitor would have been given then."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tests.support.adt import NOW, SUPPLIER
from thresholds.model import Period, Threshold
from thresholds.past import Held, PastThreshold, held_between
from thresholds.schedule import make_schedule

TIMES = st.integers(0, 12)
ENDS = st.one_of(st.none(), TIMES)


def threshold(line: int, start: int, end: int | None = None) -> Threshold:
    return Threshold(
        SUPPLIER, "SPC", "7.2", Period(60, "PT1M"), line, 10 + line, NOW + start, end and NOW + end, line=line
    )


def past(rows: list[tuple[int, int | None, int, int | None]]) -> list[PastThreshold]:
    return [
        PastThreshold(
            threshold(line, start, None if end is None else start + end),
            NOW + since,
            None if until is None else NOW + since + until,
        )
        for line, (start, end, since, until) in enumerate(rows)
    ]


@given(st.lists(st.tuples(TIMES, ENDS, TIMES, ENDS), max_size=6))
def test_every_second_shows_the_row_that_was_in_force_at_it(
    rows: list[tuple[int, int | None, int, int | None]],
) -> None:
    known = past(rows)
    found = held_between(known, NOW, NOW + 20)
    assert [found[0].since, found[-1].until] == [NOW, NOW + 20]
    for one, following in itertools.pairwise(found):
        assert one.until == following.since
        assert one.threshold != following.threshold
    for held in found:
        for second in range(held.since, held.until):
            live = [row.threshold for row in known if row.held(second)]
            assert held.threshold == make_schedule(live).at(second)


def test_an_exception_holds_between_its_times_and_a_new_file_from_when_it_came_into_force() -> None:
    old, exception, new = threshold(1, -99), threshold(2, 5, 9), threshold(3, -99)
    rows = [
        PastThreshold(old, NOW - 50, NOW + 12),
        PastThreshold(exception, NOW - 50, NOW + 12),
        PastThreshold(new, NOW + 12),
    ]
    assert held_between(rows, NOW, NOW + 20) == [
        Held(NOW, NOW + 5, old),
        Held(NOW + 5, NOW + 9, exception),
        Held(NOW + 9, NOW + 12, old),
        Held(NOW + 12, NOW + 20, new),
    ]
