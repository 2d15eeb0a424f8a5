"""One key under watch: its window, its thresholds over time and its episodes at both levels."""

from collections.abc import Iterator

from thresholds.breach import Breach, Change, EndReason, EpisodeEnded, EpisodeId, OpenEpisode, Rate
from thresholds.episode import Episode, Episodes, Point
from thresholds.forecast import HORIZON, Prospect, stretches
from thresholds.model import Level, Threshold, ThresholdKey
from thresholds.schedule import Schedule, limit_of, lowest_limit
from thresholds.slope import measure
from thresholds.window import LATENESS, Window


class Watch:
    """Counts the communications of one key and evaluates them; independent of every other key.

    While an episode is open, `settle` must see every move of time before an event is added. `alarm` is the
    count up to which an event on time changes nothing, `next_change` the second at which another threshold
    comes into force (or `NEVER`).
    """

    __slots__ = (
        "_quarantine",
        "_schedule",
        "_settled",
        "_warning",
        "alarm",
        "key",
        "next_change",
        "threshold",
        "window",
    )

    def __init__(self, key: ThresholdKey, schedule: Schedule, now: int) -> None:
        self.key = key
        self.window = Window(key.period_seconds, key.alignment, now)
        self._warning = Episodes(Level.WARNING, key.period_seconds)
        self._quarantine = Episodes(Level.QUARANTINE, key.period_seconds)
        self._settled = now
        self._follow(schedule, now)

    @property
    def is_open(self) -> bool:
        """Whether an episode of either level is open."""
        return self._warning.current is not None or self._quarantine.current is not None

    @property
    def is_quarantined(self) -> bool:
        """Whether a quarantine episode is open."""
        return self._quarantine.current is not None

    @property
    def last_quarantine(self) -> int | None:
        """When the last quarantine episode opened, as far as it is known."""
        latest = self._quarantine.latest
        return latest.opened if latest else None

    def threshold_at(self, second: int) -> Threshold | None:
        """Return the row that is in force at *second*, which may be still to come."""
        return self._schedule.at(second)

    def rate(self, now: int) -> Rate:
        """Return the count at *now* beside the threshold in force, and when it will pass each level."""
        count, prospect = self.window.count(now), self.prospect(now)
        warning, quarantine = prospect.forecast(Level.WARNING), prospect.forecast(Level.QUARANTINE)
        return Rate(self.key, count, self.threshold, warning, quarantine)

    def prospect(self, now: int, within: int = HORIZON) -> Prospect:
        """Return what the coming counts may be, at most *within* seconds from *now*."""
        self.window.count(now)
        slope = measure(self.window, self.key.period_seconds, now)
        return Prospect(self.window, slope, stretches(self._schedule, self.window, now, within), now)

    def arrivals(self, now: int, parts: int) -> list[int]:
        """Return what counted in each of at most *parts* equal parts of the period; the last holds *now*."""
        self.window.count(now)
        width, period = self.window.resolution, self.key.period_seconds
        step = -(-period // parts // width) * width
        until = now - now % width + width
        return self.window.arrivals(until - period // step * step, until, step)

    def settle(self, now: int) -> list[Change]:
        """Decide all seconds before *now* and the change of level at *now*, if there is one."""
        changes: list[Change] = []
        while self._settled < now:
            second, level_change = self._settled, self.next_change
            until = min(now, level_change)
            if self.is_open:
                count = self.window.count(second)
                until = min(until, self.window.next_fall())
                changes += self._pass_time(second, until, count)
            self._settled = until
            if until == level_change:
                self._follow(self._schedule, until)
                changes += self.evaluate(until)
        return changes

    def evaluate(self, now: int) -> list[Change]:
        """Open an episode at each level that the count at *now* is above."""
        return self._revisit([Point(now, self.window.count(now), self.threshold)], now)

    def observe(self, second: int, now: int) -> tuple[list[Change], list[EpisodeId]]:
        """Evaluate an event that was added at *second*; return what changed and which excess it is in."""
        if second == now:
            points = [Point(now, self.window.count(now), self.threshold)]
        elif self.is_open or self.window.ceiling(second, now) > self._schedule.lowest(second, now):
            seconds = range(second, now + 1)
            counts = self.window.history(second, now)
            points = [Point(s, n, self._schedule.at(s)) for s, n in zip(seconds, counts, strict=True)]
        else:
            return [], []
        changes = self._revisit(points, now)
        excess = [change.episode for change in changes if isinstance(change, Breach)]
        held = [point for point in points if self.window.first_second(point.second) <= second]
        excess += [episode for episode in self._exceeded(held) if episode not in excess]
        return changes, excess

    def replace(self, schedule: Schedule, now: int) -> list[Change]:
        """Put other thresholds in force from *now* on; counts and episodes stay."""
        self._settled = now
        self._follow(self._schedule.followed_by(schedule, now), now)
        return self.evaluate(now)

    def withdraw(self, now: int) -> list[Change]:
        """Return the end of each open episode."""
        return [
            EpisodeEnded(self._name(level, level.current), now, EndReason.WITHDRAWN)
            for level in self._levels()
            if level.current and not level.current.quiet
        ]

    def restore(self, state: OpenEpisode, now: int, since: int) -> list[Change]:
        """Go on from *now* with an episode of an earlier run, whose state was kept at *since*; return its end.

        The seconds from then to *now* decide as if somebody had looked, at most the last `LATENESS` of them.
        """
        self._settled = now
        episodes = self._quarantine if state.episode.level is Level.QUARANTINE else self._warning
        episode = Episode(state.episode.opened, state.below_since, quiet=state.quiet)
        episodes.restore(episode, state.ended)
        first = max(since, now - LATENESS, episode.opened)
        if state.ended is not None or first >= now:
            return []
        for second, count in zip(range(first, now), self.window.history(first, now), strict=False):
            if episodes.pass_time(second, second + 1, count, self._schedule.at(second)):
                return self._end(episodes, episode)
        return []

    def quiet_end(self, opened: int) -> int | None:
        """Return when the warning that opened at that second ended."""
        return self._warning.end_of(opened)

    def open_episodes(self) -> list[OpenEpisode]:
        """Return the state of the open episodes, for `restore`."""
        return [
            OpenEpisode(self._name(level, level.current), level.current.quiet, level.current.below_since)
            for level in self._levels()
            if level.current
        ]

    def _levels(self) -> Iterator[Episodes]:
        yield self._quarantine
        yield self._warning

    def _name(self, level: Episodes, episode: Episode) -> EpisodeId:
        return EpisodeId(self.key, level.level, episode.opened)

    def _follow(self, schedule: Schedule, now: int) -> None:
        self._schedule = schedule
        self.threshold = schedule.at(now)
        self.alarm = lowest_limit(self.threshold)
        self.next_change = schedule.next_change(now)

    def _pass_time(self, second: int, until: int, count: int) -> list[Change]:
        changes: list[Change] = []
        for level in self._levels():
            episode = level.pass_time(second, until, count, self.threshold)
            if episode:
                changes += self._end(level, episode)
        return changes

    def _revisit(self, points: list[Point], now: int) -> list[Change]:
        """Open what the counts at *points* call for; a quarantine episode takes over the warning."""
        quarantines = self._quarantine.revisit(points, now)
        taken_over = [self._take_over(episode) for episode in quarantines]
        warnings = self._warning.revisit(points, now)
        if quarantines or warnings:
            self._settled = now
        changes: list[Change] = []
        for episode, warning in zip(quarantines, taken_over, strict=True):
            changes += self._open(self._quarantine, episode, points, warning)
        for episode in warnings:
            episode.quiet = bool(quarantines) or self._quarantine.current is not None
            changes += self._open(self._warning, episode, points, None)
        return changes

    def _take_over(self, quarantine: Episode) -> EpisodeId | None:
        """Silence the warning that stands, or that stood when a quarantine found late began; return it."""
        warning = self._warning.current or self._warning.known(quarantine.opened)
        if warning is None or warning.quiet:
            return None
        warning.quiet = True
        return self._name(self._warning, warning)

    def _open(
        self, level: Episodes, episode: Episode, points: list[Point], supersedes: EpisodeId | None
    ) -> list[Change]:
        if episode.quiet:
            return []
        point = points[episode.opened - points[0].second]
        if point.threshold is None:  # no count is above a limit that does not exist
            return []
        breach = Breach(
            episode=self._name(level, episode),
            threshold=point.threshold,
            limit=point.threshold.limit(level.level),
            count=point.total,
            window_start=self.window.first_second(episode.opened),
            supersedes=supersedes,
        )
        return [breach, *self._end(level, episode)]

    def _end(self, level: Episodes, episode: Episode) -> list[Change]:
        if episode.ended is None or episode.quiet:
            return []
        return [EpisodeEnded(self._name(level, episode), episode.ended, EndReason.FELL)]

    def _exceeded(self, points: list[Point]) -> Iterator[EpisodeId]:
        """Yield the open, reported episodes above whose level the count is at one of *points*."""
        for level in self._levels():
            episode = level.current
            if episode and not episode.quiet and any(_is_excess(p, episode, level.level) for p in points):
                yield self._name(level, episode)


def _is_excess(point: Point, episode: Episode, level: Level) -> bool:
    return point.second >= episode.opened and point.total > limit_of(point.threshold, level)
