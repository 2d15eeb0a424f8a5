"""What a file changes in the thresholds in force."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresholds.difference import Change, ChangeKind, Difference, difference
from thresholds.model import Period, Threshold, UserId
from thresholds.profile import Replaces

ONE, TWO = UserId("00-00-00-00-00-00-00-01"), UserId("00-00-00-00-00-00-00-02")
HOUR = Period(3_600, "PT1H")
OLD = Threshold(ONE, "SPC", "7.2", HOUR, 80, 100, 1_000, file_id=1, line=2)
EXCEPTION = msgspec.structs.replace(OLD, effective_to=2_000)


def kinds(old: list[Threshold], new: list[Threshold], replaces: Replaces = Replaces.USER_ID) -> list[str]:
    return [change.kind.value for change in difference(old, new, replaces).changes]


@pytest.mark.parametrize(
    ("warning", "quarantine", "kind"),
    [
        (90, 110, "raised"),
        (90, 100, "raised"),
        (80, 99, "lowered"),
        (0, 0, "lowered"),
        (90, 99, "changed"),
        (70, 101, "changed"),
    ],
)
def test_levels_are_raised_lowered_or_both(warning: int, quarantine: int, kind: str) -> None:
    new = msgspec.structs.replace(OLD, warning=warning, quarantine=quarantine, effective_from=5_000)
    assert difference([OLD], [new]) == Difference((Change(ChangeKind(kind), OLD, new),), 0)


def test_the_same_levels_from_another_time_or_in_another_spelling_are_unchanged() -> None:
    new = msgspec.structs.replace(OLD, effective_from=9, period=Period(3_600, "PT60M"), file_id=2, line=9)
    assert difference([OLD], [new]) == Difference((), 1)


def test_an_exception_is_compared_with_the_exception_of_its_time_only() -> None:
    later = msgspec.structs.replace(EXCEPTION, effective_to=2_001)
    assert difference([OLD, EXCEPTION], [OLD, EXCEPTION]) == Difference((), 2)
    assert kinds([OLD, EXCEPTION], [OLD, later]) == ["gone", "new"]
    assert kinds([OLD], [OLD, EXCEPTION]) == ["new"]
    assert kinds([OLD, EXCEPTION], [OLD]) == ["gone"]


def test_what_a_file_leaves_out_is_gone_for_the_user_ids_it_names() -> None:
    other = msgspec.structs.replace(OLD, service="7.1")
    of_two = msgspec.structs.replace(OLD, user_id=TWO)
    assert kinds([OLD, other, of_two], [OLD]) == ["gone"]
    assert kinds([OLD, other, of_two], [OLD], Replaces.ROWS) == []


_thresholds = st.lists(
    st.builds(
        Threshold,
        user_id=st.sampled_from([ONE, TWO]),
        communication=st.sampled_from(["SPC", "ALL"]),
        service=st.sampled_from(["7.1", "7.2"]),
        period=st.just(HOUR),
        warning=st.integers(0, 3),
        quarantine=st.integers(0, 3),
        effective_from=st.integers(0, 2),
        effective_to=st.none() | st.integers(3, 4),
    ),
    max_size=6,
    unique_by=lambda t: (t.key, t.effective_to and (t.effective_from, t.effective_to)),
)


@given(_thresholds, _thresholds)
def test_every_new_threshold_is_told_once_and_changes_are_mirrored(
    old: list[Threshold], new: list[Threshold]
) -> None:
    told = difference(old, new)
    assert sum(change.new is not None for change in told.changes) + told.unchanged == len(new)
    mirror = {"new": "gone", "gone": "new", "raised": "lowered", "lowered": "raised", "changed": "changed"}
    if {t.user_id for t in old} == {t.user_id for t in new}:
        assert [mirror[kind] for kind in kinds(old, new)] == kinds(new, old)
