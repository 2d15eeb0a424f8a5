"""At most one threshold of a key is in force at a time; an exception goes before the standing one."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.oracle import Oracle, row
from thresholds.model import Level, Threshold
from thresholds.schedule import NEVER, NO_LIMIT, limit_of, make_schedule

ROWS = st.lists(
    st.tuples(st.integers(0, 30), st.none() | st.integers(1, 40), st.integers(0, 9)), min_size=1, max_size=7
).map(lambda rows: [row(60, w, w + 1, a, b, line=n) for n, (a, b, w) in enumerate(rows, 2)])


@given(ROWS)
def test_the_row_in_force_is_the_one_that_a_search_through_all_rows_finds(rows: list[Threshold]) -> None:
    schedule, oracle = make_schedule(rows), Oracle(rows, 0)
    for second in range(-1, 45):
        assert schedule.at(second) == oracle.threshold(second)


@given(ROWS, st.integers(0, 40), st.integers(0, 10))
def test_the_lowest_limit_of_a_span_is_the_lowest_of_its_seconds(
    rows: list[Threshold], since: int, length: int
) -> None:
    schedule, oracle = make_schedule(rows), Oracle(rows, 0)
    limits = [limit_of(oracle.threshold(s), Level.WARNING) for s in range(since, since + length + 1)]
    assert schedule.lowest(since, since + length) == min(limits)


@given(ROWS)
def test_between_changes_nothing_changes(rows: list[Threshold]) -> None:
    schedule = make_schedule(rows)
    for second in range(-1, 45):
        until = min(schedule.next_change(second), 45)
        assert {schedule.at(s) for s in range(second, until)} == {schedule.at(second)}


@given(ROWS, ROWS, st.integers(0, 40))
def test_a_successor_rules_from_its_second_on_and_the_past_stays(
    old: list[Threshold], new: list[Threshold], now: int
) -> None:
    joined = make_schedule(old).followed_by(make_schedule(new), now)
    assert [joined.at(s) for s in range(now)] == [make_schedule(old).at(s) for s in range(now)]
    assert [joined.at(s) for s in range(now, 45)] == [make_schedule(new).at(s) for s in range(now, 45)]


def test_replacing_again_and_again_keeps_only_the_past_that_late_events_need() -> None:
    schedule = make_schedule([row()])
    for now in range(1_000, 10_000, 100):
        schedule = schedule.followed_by(make_schedule([row()]), now)
    assert len(schedule.changes) <= 5


def test_outside_its_time_an_exception_sets_no_limit() -> None:
    schedule = make_schedule([row(60, 1, 2, 10, 20)])
    assert schedule.at(9) is None
    assert schedule.at(20) is None
    assert limit_of(schedule.at(20), Level.QUARANTINE) == NO_LIMIT
    assert schedule.next_change(20) == NEVER
