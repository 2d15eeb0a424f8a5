"""The changes that a file makes, as rows of a table."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from gateway.operations.file_review import Review
from gateway.operations.rules import FileRules
from gateway.web.console.file_list import Filter, Pages
from thresholds.difference import Change, ChangeKind
from thresholds.model import Level, Threshold

PAGE_SIZE: Final = 100
"""Changes on one page."""

WORDS: Final = {
    ChangeKind.RAISED: ("raised", "warning"),
    ChangeKind.LOWERED: ("lowered", "good"),
    ChangeKind.CHANGED: ("one raised, one lowered", "warning"),
    ChangeKind.NEW: ("new", "busy"),
    ChangeKind.GONE: ("gone", "bad"),
}
"""What a kind of change is called, and how its tag looks: what is noticed less stands out."""


WHOLE: Final = 10
"""Per cent from which a change is told without a fraction."""


class Move(msgspec.Struct, frozen=True):
    """A level before and after; None where there is none."""

    old: int | None
    new: int | None

    @property
    def step(self) -> str:
        """By how much it changes: `+25 %`; empty where it does not, or where that says nothing."""
        if self.old is None or self.new is None or self.old == self.new:
            return ""
        if self.old == 0:
            return f"+{self.new:,}"
        share = (self.new - self.old) * 100 / self.old
        text = f"{share:+,.0f} %" if abs(share) >= WHOLE else f"{share:+.1f} %"
        return text.replace("-", "\N{MINUS SIGN}")


class ChangeRow(msgspec.Struct, frozen=True):
    """One change as it is shown."""

    text: str
    style: str
    threshold: Threshold
    """The new row, or the old one where it is gone."""
    service_name: str
    warning: Move
    quarantine: Move


def change_rows(changes: Sequence[Change], rules: FileRules) -> list[ChangeRow]:
    """Return *changes* as they are shown."""
    return [_row(change, rules) for change in changes]


def _row(change: Change, rules: FileRules) -> ChangeRow:
    threshold = change.new or change.old
    if threshold is None:
        raise AssertionError
    text, style = WORDS[change.kind]
    name = rules.service_name(threshold.service)
    return ChangeRow(
        text, style, threshold, name, _move(change, Level.WARNING), _move(change, Level.QUARANTINE)
    )


def _move(change: Change, level: Level) -> Move:
    return Move(
        change.old.limit(level) if change.old else None, change.new.limit(level) if change.new else None
    )


def change_filters(review: Review, path: str, here: str) -> list[Filter]:
    """Return links that show one kind of change."""
    counts = {kind: review.count(kind) for kind in ChangeKind}
    found = [Filter("All changes", path, len(review.difference.changes), here == "")]
    for kind, (text, _) in WORDS.items():
        if counts[kind] or here == kind:
            link = f"{path}?{urlencode({'change': kind})}"
            found.append(Filter(text.capitalize(), link, counts[kind], here == kind))
    return found


def change_page(
    review: Review, path: str, here: str, number: int, rules: FileRules
) -> tuple[list[ChangeRow], Pages]:
    """Return the rows of one page, of one kind where *here* names it."""
    wanted = [change for change in review.difference.changes if here in {"", change.kind}]
    query = {"change": here} if here else {}
    pages = Pages(path, query, number, len(wanted), PAGE_SIZE)
    first = (number - 1) * PAGE_SIZE
    return change_rows(wanted[first : first + PAGE_SIZE], rules), pages
