"""Episodes: from the first second above a level until the count has stayed low for long enough.

Only complete seconds decide about the end, so how often anyone looks makes no difference.
"""

from collections.abc import Iterable
from typing import NamedTuple

from thresholds.model import Level, Threshold
from thresholds.schedule import limit_of
from thresholds.window import LATENESS


class Point(NamedTuple):
    """The count at one second and the threshold in force then."""

    second: int
    total: int
    threshold: Threshold | None


def is_below(count: int, limit: int) -> bool:
    """Tell whether *count* is below 90 % of *limit*; below a limit of 0 means no events at all."""
    return 10 * count < 9 * limit if limit else count == 0


class Episode:
    """One excess; while it is open `ended` is None."""

    __slots__ = ("below_since", "ended", "opened", "quiet")

    def __init__(self, opened: int, below_since: int | None = None, *, quiet: bool = False) -> None:
        self.opened = opened
        self.below_since = below_since
        self.quiet = quiet
        self.ended: int | None = None

    def pass_time(self, second: int, until: int, *, below: bool, hold: int) -> None:
        """Take in that the count was *below* or not from *second* to before *until*; end after *hold* s."""
        if not below:
            self.below_since = None
            return
        if self.below_since is None:
            self.below_since = second
        end = self.below_since + hold
        if end <= until:
            self.ended = end

    def take_back(self, second: int, *, below: bool) -> None:
        """Take in that a late event raised the count at *second*, which was thought to be low."""
        if not below and self.below_since is not None and self.below_since <= second:
            self.below_since = second + 1

    def covers(self, second: int) -> bool:
        """Tell whether *second* is part of the episode."""
        return self.opened <= second and (self.ended is None or second < self.ended)


class Episodes:
    """The episodes of one key at one level: the open one, and those a late event may still fall into."""

    __slots__ = ("_hold", "_past", "current", "level")

    def __init__(self, level: Level, period: int) -> None:
        self.level = level
        self.current: Episode | None = None
        self._hold = max(1, period // 10)
        self._past: list[Episode] = []

    @property
    def latest(self) -> Episode | None:
        """The open episode, or the last one that ended."""
        return self.current or (self._past[-1] if self._past else None)

    def end_of(self, opened: int) -> int | None:
        """Return when the episode that opened at that second ended; None where it is open or forgotten."""
        return next((past.ended for past in self._past if past.opened == opened), None)

    def known(self, second: int) -> Episode | None:
        """Return the episode that covers *second*, if it is not forgotten."""
        if self.current and self.current.covers(second):
            return self.current
        return next((episode for episode in self._past if episode.covers(second)), None)

    def pass_time(self, second: int, until: int, count: int, threshold: Threshold | None) -> Episode | None:
        """Take in a count that held from *second* to before *until*; return the episode if it ended."""
        episode = self.current
        if episode is None:
            return None
        below = is_below(count, limit_of(threshold, self.level))
        episode.pass_time(second, until, below=below, hold=self._hold)
        if episode.ended is None:
            return None
        self.current = None
        self._remember(episode)
        return episode

    def restore(self, episode: Episode, ended: int | None) -> None:
        """Take over an episode of an earlier run, open or *ended*."""
        episode.ended = ended
        if ended is None:
            self.current = episode
        else:
            self._remember(episode)

    def revisit(self, points: Iterable[Point], now: int) -> list[Episode]:
        """Take in the counts from an event, late or not, to *now*; return the episodes that it opened.

        One opens at the first second above the level that no episode covers, and may be over before *now*.
        If it runs into an episode that is already known, it is the beginning of that one and not reported.
        """
        found: list[Episode] = []
        fresh: Episode | None = None
        for second, total, threshold in points:
            limit = limit_of(threshold, self.level)
            below = is_below(total, limit)
            known = self.known(second)
            if known:
                fresh = None
                known.take_back(second, below=below)
            elif fresh is None and total > limit:
                fresh = Episode(second)
            if fresh and second < now:
                fresh.pass_time(second, second + 1, below=below, hold=self._hold)
                if fresh.ended is not None:
                    self._remember(fresh)
                    found.append(fresh)
                    fresh = None
        if fresh:
            self.current = fresh
            found.append(fresh)
        return found

    def _remember(self, episode: Episode) -> None:
        horizon = (episode.ended or 0) - LATENESS
        self._past = [past for past in self._past if (past.ended or 0) >= horizon]
        self._past.append(episode)
