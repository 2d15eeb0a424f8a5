"""What thresholds would have raised in the past, from counts by the minute.

All that happened in a minute is taken to have happened in its first second; counted so, the episodes are those of the
`Monitor`, second by second. What that leaves out: for a period over an hour the count of each minute is exact, and an
episode opens or ends up to a minute early. For an hour or less the count is exact at the last second of each minute; a
peak between two of them that no whole minutes hold is missed, and two episodes may have been one. A period that is not
of whole minutes counts as the next longer one that is. Exceptions are not tried: their time is their own.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from thresholds.model import Alignment, Level, Threshold
from thresholds.schedule import NEVER
from thresholds.trial import Spell, Trial
from thresholds.window import CALENDAR_ORIGIN, SECOND_RESOLUTION_LIMIT

MINUTE: Final = 60

_BELOW: Final = 0
_BETWEEN: Final = 1
_ABOVE: Final = 2


def spells(counts: Sequence[int], first: int, threshold: Threshold) -> list[Spell]:
    """Return the episodes of *threshold*, as if it had always held, in the order in which they opened.

    *counts* are of each minute from second *first* on, a multiple of 60.
    """
    return _told(_totals(counts, first, threshold), first, threshold)


def trial(counts: Sequence[int], first: int, threshold: Threshold, since: int) -> Trial:
    """Return what *threshold* would have raised from second *since* on; the counts before fill its window."""
    totals = _totals(counts, first, threshold)
    own = totals.iloc[max(0, since - first) // MINUTE :]
    if own.empty:
        return Trial(0, 0, 0)
    found = [spell.level for spell in _told(totals, first, threshold) if spell.opened >= since]
    return Trial(found.count(Level.WARNING), found.count(Level.QUARANTINE), int(own.max()))


def _totals(counts: Sequence[int], first: int, threshold: Threshold) -> "pd.Series[int]":
    """Return the count of the window at each minute; in whole numbers, for a sum of floats may not be exact."""
    series = pd.Series(counts, dtype="int64")
    period = threshold.period.seconds
    if threshold.alignment is Alignment.CALENDAR:
        seconds = pd.Series(range(first, first + MINUTE * len(series), MINUTE), dtype="int64")
        return series.groupby((seconds - CALENDAR_ORIGIN) // period).cumsum()
    minutes = -(-period // MINUTE) + (period > SECOND_RESOLUTION_LIMIT)
    sums = series.cumsum()
    return sums - sums.shift(minutes, fill_value=0)


def _told(totals: "pd.Series[int]", first: int, threshold: Threshold) -> list[Spell]:
    """Return the episodes of both levels, but no warning that opens while a quarantine is open.

    Within one minute a lower level is passed first: both are told then.
    """
    hold = max(1, threshold.period.seconds // 10)
    both_at_once = threshold.warning < threshold.quarantine
    found = [Spell(*each, Level.QUARANTINE) for each in _spells(totals, first, threshold.quarantine, hold)]
    starts = [spell.opened for spell in found]
    ends = [NEVER if spell.ended is None else spell.ended for spell in found]
    for opened, ended in _spells(totals, first, threshold.warning, hold):
        before = bisect_right(starts, opened - both_at_once)  # they are apart, so the last one decides
        if not before or ends[before - 1] <= opened:
            following = starts[before] if before < len(starts) else NEVER
            taken_over = following != NEVER and (ended is None or following < ended)
            found.append(Spell(opened, None if taken_over else ended, Level.WARNING))
    return sorted(found, key=lambda spell: (spell.opened, spell.level))


def _spells(totals: "pd.Series[int]", first: int, limit: int, hold: int) -> Iterator[tuple[int, int | None]]:
    """Yield when each episode of one level opened, and when it ended after *hold* seconds below."""
    opened: int | None = None
    for state, start, end in _runs(totals, limit):
        if opened is None:
            opened = first + start * MINUTE if state == _ABOVE else None
        elif state == _BELOW and (end - start) * MINUTE >= hold:
            yield opened, first + start * MINUTE + hold
            opened = None
    if opened is not None:
        yield opened, None


def _runs(totals: "pd.Series[int]", limit: int) -> Iterator[tuple[int, int, int]]:
    """Yield how the totals stand to *limit*, and from which minute to before which."""
    if totals.empty or int(totals.max()) <= limit:
        return
    states = (totals > limit).astype("int8") + 1
    # As `thresholds.episode.is_below` has it.
    states[totals * 10 < limit * 9 if limit else totals == 0] = _BELOW
    starts = states.index[states != states.shift(fill_value=-1)].to_list()
    found = states.loc[starts].to_list()
    yield from zip(found, starts, [*starts[1:], len(states)], strict=True)
