"""What a set of thresholds changes in another: what an approver reads."""

import enum
from collections.abc import Iterable

import msgspec

from thresholds.model import Threshold, ThresholdKey
from thresholds.profile import Replaces


class ChangeKind(enum.StrEnum):
    """How a threshold changes."""

    NEW = "new"
    GONE = "gone"
    RAISED = "raised"
    """At least one level is higher and none is lower: less is noticed."""
    LOWERED = "lowered"
    """At least one level is lower and none is higher: more is noticed."""
    CHANGED = "changed"
    """One level is higher, the other lower."""


class Change(msgspec.Struct, frozen=True):
    """One threshold or exception before and after."""

    kind: ChangeKind
    old: Threshold | None
    new: Threshold | None


class Difference(msgspec.Struct, frozen=True):
    """All that changes, and how many thresholds keep their levels."""

    changes: tuple[Change, ...]
    unchanged: int


_Identity = tuple[ThresholdKey, int, int]


def difference(
    old: Iterable[Threshold], new: Iterable[Threshold], replaces: Replaces = Replaces.USER_ID
) -> Difference:
    """Return what *new* changes in *old*, ordered by key and time.

    A standing threshold is compared with the standing one of its key, whenever each begins; an
    exception with the exception of its key and time. With `user-id` the old thresholds of User IDs
    that *new* names and does not repeat are gone; with `rows` nothing is gone.
    """
    before = {_identity(threshold): threshold for threshold in old}
    after = {_identity(threshold): threshold for threshold in new}
    users = {threshold.user_id for threshold in after.values()}
    changes: list[Change] = []
    unchanged = 0
    for identity in sorted(before.keys() | after.keys()):
        was, is_ = before.get(identity), after.get(identity)
        if is_ is None and (replaces is Replaces.ROWS or identity[0].user_id not in users):
            continue
        kind = _kind(was, is_)
        if kind:
            changes.append(Change(kind, was, is_))
        else:
            unchanged += 1
    return Difference(tuple(changes), unchanged)


def _identity(threshold: Threshold) -> _Identity:
    if threshold.effective_to is None:
        return threshold.key, -1, -1
    return threshold.key, threshold.effective_from, threshold.effective_to


def _kind(old: Threshold | None, new: Threshold | None) -> ChangeKind | None:
    """Return how *old* becomes *new*, None if its levels stay."""
    if old is None:
        return ChangeKind.NEW
    if new is None:
        return ChangeKind.GONE
    steps = {_sign(new.warning - old.warning), _sign(new.quarantine - old.quarantine)} - {0}
    if not steps:
        return None
    if len(steps) > 1:
        return ChangeKind.CHANGED
    return ChangeKind.RAISED if steps == {1} else ChangeKind.LOWERED


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
