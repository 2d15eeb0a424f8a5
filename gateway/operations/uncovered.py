"""User IDs whose communications are counted against nothing, because no threshold of theirs is in force."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import NoThresholds
from gateway.clock import Clock
from gateway.ingest.counting import Counting
from gateway.operations.rules import Rulebook
from thresholds.instant import format_instant
from thresholds.model import Threshold, UserId

QUIET_SECONDS: Final = 3600.0
"""A User ID that has sent nothing for this long is no longer uncovered: nothing is counted against nothing."""

NAMED: Final = 100
"""User IDs with an incident of their own at the most; the rest are told together."""

KEPT: Final = 1000
"""User IDs of which it is remembered when they last sent."""

OTHERS: Final = "others"
"""The subject of those that are told together."""


class Uncovered(msgspec.Struct, frozen=True):
    """A User ID of which no threshold is in force."""

    user_id: UserId
    foreign: bool
    """Whether User IDs are set and it is none of them."""
    because: str
    """What there is instead of a threshold in force."""


def uncovered(
    senders: Iterable[UserId], ours: Collection[UserId], thresholds: Iterable[Threshold], now: int
) -> list[Uncovered]:
    """Return who of *senders* has no threshold in force, and who of *ours* has none left, in order.

    *thresholds* are the rows of the files in force; those of our own that never had any are only told of
    when they send.
    """
    rows: dict[UserId, list[Threshold]] = {}
    for threshold in thresholds:
        rows.setdefault(threshold.user_id, []).append(threshold)
    over = {user for user in ours if user in rows and all(_ended(row, now) for row in rows[user])}
    found = []
    for user in sorted({*senders, *over}):
        held = rows.get(user, [])
        if not any(row.effective_from <= now and not _ended(row, now) for row in held):
            foreign = bool(ours) and user not in ours
            found.append(Uncovered(user, foreign, _because(held, now)))
    return found


def _ended(row: Threshold, now: int) -> bool:
    return row.effective_to is not None and row.effective_to <= now


def _because(rows: list[Threshold], now: int) -> str:
    if not rows:
        return "it has none in any file in force"
    ended = [row.effective_to for row in rows if row.effective_to is not None and row.effective_to <= now]
    coming = [row.effective_from for row in rows if row.effective_from > now]
    parts = [f"the last ended at {format_instant(max(ended))}"] if ended else []
    parts += [f"the next begins at {format_instant(min(coming))}"] if coming else []
    return ", ".join(parts)


class UncoveredWatch:
    """Looks now and then who sent something that is counted against nothing."""

    def __init__(self, conditions: Conditions, counting: Counting, rules: Rulebook, clock: Clock) -> None:
        self._conditions = conditions
        self._counting = counting
        self._rules = rules
        self._clock = clock
        # What lasted when the gateway stopped is taken to have sent just now.
        self._sent_at = {UserId(user): clock() for user in conditions.lasting(NoThresholds) if user != OTHERS}

    def look(self) -> None:
        """Say of which User IDs communications come that no threshold covers, and of which they do not any more."""
        now = self._clock()
        self._note(self._counting.senders.take(), now)
        ours, thresholds = self._rules.current.service_users, self._counting.thresholds
        found = {each.user_id: each for each in uncovered(self._sent_at, ours, thresholds, int(now))}
        self._end(found)
        self._tell(found, now)
        self._forget(found)

    def _note(self, senders: Iterable[UserId], now: float) -> None:
        """Remember who sent, and forget who has not for long."""
        kept = {user: at for user, at in self._sent_at.items() if 0 <= now - at < QUIET_SECONDS}
        self._sent_at = kept | dict.fromkeys(senders, now)

    def _forget(self, found: Collection[UserId]) -> None:
        """Keep those that were told by themselves, and of the rest so many that a flood of names fits."""
        named = set(self._conditions.lasting(NoThresholds))
        waiting = {user: at for user, at in self._sent_at.items() if user in found}
        rest = [user for user in waiting if user not in named]
        latest = sorted(rest, key=waiting.__getitem__, reverse=True)[:KEPT]
        self._sent_at = {user: waiting[user] for user in waiting if user in named} | {
            user: waiting[user] for user in latest
        }

    def _end(self, found: Mapping[UserId, Uncovered]) -> None:
        for subject in self._conditions.lasting(NoThresholds):
            if subject != OTHERS and subject not in found:
                detail = f"{subject} is covered by a threshold, or sends no more"
                self._conditions.over(NoThresholds, subject, detail)

    def _tell(self, found: Mapping[UserId, Uncovered], now: float) -> None:
        named = set(self._conditions.lasting(NoThresholds)) & found.keys()
        others = 0
        for each in found.values():
            if each.user_id not in named and len(named) >= NAMED:
                others += 1
                continue
            named.add(each.user_id)
            self._conditions.holds(_news(each, now))
        if others:
            detail = f"{NAMED} User IDs and more are counted against no threshold: the rest are told together"
            figures: dict[str, int | str] = {"user_ids": others}
            self._conditions.holds(News(NoThresholds, OTHERS, detail, now, figures=figures))
        else:
            self._conditions.over(NoThresholds, OTHERS, "every User ID without a threshold is told by itself")


def _news(found: Uncovered, now: float) -> News:
    who = "a User ID that is none of ours, " if found.foreign else ""
    detail = (
        f"no threshold of {found.user_id} is in force ({who}{found.because}): its count is against nothing"
    )
    return News(NoThresholds, found.user_id, detail, now, user_id=found.user_id)
