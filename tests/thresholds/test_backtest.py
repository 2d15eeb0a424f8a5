"""The backtest: counts by the minute raise what the monitor raises."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracle import MONDAY, row
from tests.support.traffic import communication
from thresholds.backtest import spells, trial
from thresholds.breach import Breach, Change, EpisodeEnded, EpisodeId
from thresholds.model import Alignment, Level, Threshold
from thresholds.monitor import Monitor
from thresholds.trial import Spell, Trial

PERIODS = st.sampled_from([60, 120, 300, 660, 3600, 3660, 7200])
COUNTS = st.lists(st.sampled_from([0, 0, 0, 1, 2, 5, 9]), max_size=260)


@st.composite
def thresholds(draw: st.DrawFn) -> Threshold:
    warning = draw(st.integers(0, 25))
    quarantine = warning + draw(st.integers(0, 10))
    return row(draw(PERIODS), warning, quarantine, alignment=draw(st.sampled_from(Alignment)))


def replayed(counts: list[int], first: int, threshold: Threshold) -> list[Spell]:
    """Return what the monitor tells when every minute's communications come in its first second."""
    monitor = Monitor([threshold], first)
    changes: list[Change] = []
    for minute, n in enumerate(counts):
        second = first + 60 * minute
        changes += monitor.advance(second)
        for _ in range(n):
            changes += monitor.observe(communication(), second, second).changes
    changes += monitor.advance(first + 60 * len(counts))
    ends = {change.episode: change.ended for change in changes if isinstance(change, EpisodeEnded)}
    told: list[EpisodeId] = [change.episode for change in changes if isinstance(change, Breach)]
    found = (Spell(each.opened, ends.get(each), each.level) for each in told)
    return sorted(found, key=lambda spell: (spell.opened, spell.level))


@settings(max_examples=400, deadline=None)
@given(COUNTS, st.integers(0, 3000), thresholds())
def test_the_same_minutes_give_the_same_episodes_as_the_monitor(
    counts: list[int], start: int, threshold: Threshold
) -> None:
    first = MONDAY + 60 * start
    assert spells(counts, first, threshold) == replayed(counts, first, threshold)


@given(COUNTS, thresholds(), st.integers(0, 260))
def test_what_opened_before_the_time_that_is_asked_for_is_not_counted(
    counts: list[int], threshold: Threshold, minute: int
) -> None:
    since = MONDAY + 60 * minute
    found = trial(counts, MONDAY, threshold, since)
    late = [spell.level for spell in spells(counts, MONDAY, threshold) if spell.opened >= since]
    assert (found.warnings, found.quarantines) == (
        late.count(Level.WARNING),
        late.count(Level.QUARANTINE),
    )


def test_the_highest_count_is_of_the_time_that_is_asked_for() -> None:
    counts = [50, 0, 0, 7, 3, 0]
    assert trial(counts, MONDAY, row(120, 8, 20), MONDAY + 180) == Trial(1, 0, 10)
    assert trial(counts, MONDAY, row(120, 8, 20), MONDAY) == Trial(2, 1, 50)
    assert trial([], MONDAY, row(120, 8, 20), MONDAY) == Trial(0, 0, 0)


def test_counts_that_no_float_holds_are_exact() -> None:
    huge = 2**53
    assert trial([huge, 1], MONDAY, row(120, huge, huge + 1), MONDAY).highest == huge + 1
    assert [s.level for s in spells([huge, 1], MONDAY, row(120, huge, huge + 1))] == [Level.WARNING]
