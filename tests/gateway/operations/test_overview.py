"""What is in force is counted by User ID, as of now; what waits is told to who may do it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import Person, Role
from gateway.operations.overview import UserThresholds, by_user, what_waits
from tests.support.rows import ANN, BOB, make_threshold
from thresholds.model import Threshold

NOW = 1000
FILES = {"submitted": 3, "signed": 5, "delivered": 7}
EXITS = {"signed": 11, "delivered": 23}

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


@pytest.mark.parametrize(
    ("role", "counts"),
    [
        (
            Role.SUBMITTER,
            {
                5: "/files?state=signed",
                11: "/quarantine/decisions",
                7: "/files?state=delivered",
                23: "/quarantine/decisions",
            },
        ),
        (Role.APPROVER, {2: "/approve", 13: "/approve"}),
        (
            Role.OPERATOR,
            {
                19: "/quarantine",
                5: "/files?state=signed",
                11: "/quarantine/decisions",
                7: "/files?state=delivered",
                23: "/quarantine/decisions",
            },
        ),
        (Role.ANALYST, {19: "/quarantine", 17: "/incidents"}),
        (Role.AUDITOR, {}),
        (Role.ADMIN, {}),
    ],
)
def test_each_role_is_told_what_waits_for_it_and_led_there(role: Role, counts: dict[int, str]) -> None:
    """Signed decisions too: where they are handed over by hand, nothing else tells of them."""
    person = Person("pat", frozenset({role}))
    found = what_waits(person, FILES, EXITS, to_approve=2, incidents=17, held=19, decisions=13)
    assert {each.count: each.path for each in found} == counts
