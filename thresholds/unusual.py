"""What was unusual at a time: kinds that counted far more than at the same time of the week before."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from thresholds.kind import Kind

WEEK: Final = 7 * 86_400
WEEKS: Final = 8
"""Weeks before that are compared with, as far as they are on record."""
FACTOR: Final = 3
LEAST: Final = 10
MINUTE: Final = 60

RULE: Final = (
    f"A class and service of the same User ID is unusual if its highest count in one minute was at least {LEAST}, and more "
    f"than {FACTOR} times the highest in one minute at the same time of the week in the {WEEKS} weeks before, as far as "
    "they are on record."
)
"""The rule as people are told it."""


class UnusualKind(msgspec.Struct, frozen=True):
    """A kind that counted far more than usual."""

    communication: str
    """Its class."""
    service: str
    """Its service reference variant."""
    highest: int
    """Its highest count in one minute at the time."""
    minute: int
    """The first second of that minute, since the epoch."""
    usual: int
    """The highest in one minute at the same time of the week, in the weeks before."""
    counted: int
    """What it counted in the whole time."""


def is_unusual(highest: int, usual: int) -> bool:
    """Tell whether *highest* in one minute is far above what is *usual*."""
    return highest >= LEAST and highest > FACTOR * usual


def unusual(
    counts: Mapping[Kind, Sequence[int]], first: int, weeks: Sequence[Mapping[Kind, int]]
) -> list[UnusualKind]:
    """Return the unusual ones of *counts*, those furthest above what is usual first.

    *counts* are for each minute from second *first* on; each of *weeks* says the highest count in one minute at that
    time of one week before. Without weeks nothing can be compared, and nothing is unusual.
    """
    found = list(_unusual(counts, first, weeks)) if weeks else []
    return sorted(found, key=lambda each: (each.usual - each.highest, each.communication, each.service))


def _unusual(
    counts: Mapping[Kind, Sequence[int]], first: int, weeks: Sequence[Mapping[Kind, int]]
) -> Iterator[UnusualKind]:
    for kind, values in counts.items():
        highest = max(values, default=0)
        usual = max(week.get(kind, 0) for week in weeks)
        if is_unusual(highest, usual):
            _, name, _, variant = kind
            minute = first + MINUTE * list(values).index(highest)
            yield UnusualKind(str(name), variant, highest, minute, usual, sum(values))
