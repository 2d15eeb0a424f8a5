"""What is in force is counted by User ID, as of now; what waits is told to who may do it."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.access import Role
from gateway.operations.overview import UserThresholds, by_user, exit_files
from gateway.store.adt_files import FileState
from tests.support.incident_work import person
from tests.support.rows import ANN, BOB, make_threshold
from thresholds.model import Threshold

NOW = 1000

THRESHOLDS = st.lists(
    st.builds(
        make_threshold,
        st.sampled_from([ANN, BOB]),
        effective_from=st.integers(NOW - 2, NOW + 2),
        effective_to=st.none() | st.integers(NOW - 1, NOW + 3),
    )
)


def test_standing_exceptions_and_what_is_to_come_are_told_apart() -> None:
    found = by_user(
        [
            make_threshold(),
            make_threshold(effective_from=NOW - 5, effective_to=NOW + 5),
            make_threshold(effective_from=NOW - 5, effective_to=NOW),
            make_threshold(effective_from=NOW + 1),
            make_threshold(BOB),
        ],
        NOW,
    )
    assert found == [UserThresholds(ANN, 1, 1, 1), UserThresholds(BOB, 1, 0, 0)]


@given(thresholds=THRESHOLDS)
def test_every_threshold_that_has_not_ended_is_counted_once(thresholds: list[Threshold]) -> None:
    found = by_user(thresholds, NOW)
    lasting = [each for each in thresholds if each.effective_to is None or each.effective_to > NOW]
    assert sum(each.standing + each.exceptions + each.to_come for each in found) == len(lasting)
    assert {each.user_id for each in found} == {each.user_id for each in lasting}


def test_a_decision_that_waits_for_a_hand_is_told_to_who_may_give_it() -> None:
    """Delivered by hand, nothing happens until somebody does it, and each request waits as long."""
    files: dict[str, int] = {FileState.SIGNED: 2, FileState.DELIVERED: 1, FileState.SUBMITTED: 4}
    told = [(each.what, each.count) for each in exit_files(person("olga", Role.OPERATOR), files)]
    assert told == [
        ("Exit Quarantine files to deliver", 2),
        ("Exit Quarantine files to have acknowledged", 1),
    ]
    assert exit_files(person("olga", Role.OPERATOR), {FileState.SUBMITTED: 4}) == []
    assert exit_files(person("ana", Role.ANALYST), files) == []
