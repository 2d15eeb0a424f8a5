"""The monitor: counts every communication against every threshold it touches, and evaluates it.

The same engine serves live, in replay and in backtest. It has no clock: *now* is whole seconds since the epoch and
never runs backwards; a lower *now* (a clock set back) stands for the highest one seen.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from thresholds.breach import (
    Change,
    EndReason,
    EpisodeEnded,
    EpisodeId,
    Observed,
    OpenEpisode,
    Placement,
    Rate,
    Replaced,
    Standing,
    change_second,
)
from thresholds.cells import Sum
from thresholds.forecast import Forecast
from thresholds.kind import Counts, Kind
from thresholds.matching import UNTOUCHED, Matching, Touched
from thresholds.model import Communication, Level, Threshold, ThresholdKey
from thresholds.outlook import ForecastChange, ForecastWithdrawn, OpenForecast, Outlook
from thresholds.schedule import NEVER, schedules_of
from thresholds.watch import Watch
from thresholds.window import LATENESS, Window

MATCH_CACHE_SIZE: Final = 16_384
"""Distinct kinds whose watches are remembered (10 users send 4 000); hostile headers make it start again when full."""

_UNCHANGED: Final = {placement: Observed(placement) for placement in Placement}
_ON_TIME: Final = _UNCHANGED[Placement.ON_TIME]


class Monitor:
    """Windows and episodes of a set of thresholds.

    After a restart: make it with the last time the earlier run saw, `seed` what that run had evaluated, `restore` its
    open episodes, `restore_forecasts`, and `advance`. *warn_seconds* above 0: `outlook` tells of quarantines so early.
    """

    def __init__(self, thresholds: Iterable[Threshold], now: int, warn_seconds: int = 0) -> None:
        self._now = now
        self._outlook = Outlook(warn_seconds)
        schedules = schedules_of(thresholds)
        self._watches = {key: Watch(key, schedule, now) for key, schedule in schedules.items()}
        self._open: dict[Watch, None] = {}
        self._unevaluated: dict[Watch, None] = {}
        self._active: dict[Watch, None] = {}
        self._moving = dict.fromkeys(self._watches.values())
        self._reindex()

    def observe(self, communication: Communication, observed_at: int, now: int) -> Observed:
        """Count one communication, sent at *observed_at*, and evaluate every threshold it touches.

        Late by up to `LATENESS` it counts where it belongs, else at *now*. The caller has removed duplicates.
        """
        changes = self.advance(now) if now > self._now else ()
        now = self._now
        second = observed_at if now - LATENESS <= observed_at <= now else now
        result = (
            _ON_TIME
            if second == observed_at
            else _UNCHANGED[Placement.FUTURE if observed_at > now else Placement.LATE]
        )
        kind = (
            communication.originator,
            communication.communication_class,
            communication.service_reference,
            communication.service_reference_variant,
        )
        risen: Sequence[Watch] = ()
        touched = self._touched.get(kind)
        messages, devices = self._match(kind) if touched is None else touched
        for watch in messages:
            if watch.window.add(second, 1, now) > watch.alarm or second < now:
                risen = [*risen, watch]
        if devices and (n := communication.devices):
            for watch in devices:
                if watch.window.add(second, n, now) > watch.alarm or second < now:
                    risen = [*risen, watch]
        if not risen and not changes:
            return result
        return self._evaluate(risen, second, changes, result.placement)

    def advance(self, now: int) -> tuple[Change, ...]:
        """Move on to *now* and return what changed since the last call, in time order."""
        changes: list[Change] = []
        for watch in self._unevaluated:
            changes += watch.evaluate(self._now)
            self._note(watch)
        self._unevaluated.clear()
        if now > self._now:
            changes += self._settle(now)
            self._now = now
        return tuple(sorted(changes, key=change_second)) if changes else ()

    def replace(
        self, thresholds: Iterable[Threshold], now: int, prepared: "Monitor | None" = None
    ) -> Replaced:
        """Put another set of thresholds in force.

        Windows whose key stays keep counts and episodes; those whose key is gone are dropped and their open
        episodes end. Windows of new keys are those of *prepared*, a monitor of the new keys that was loaded
        aside and is not used again; without it they start empty: `seed` them. Then `advance`.
        """
        changes = list(self.advance(now))
        schedules = schedules_of(thresholds)
        for key in sorted(self._watches.keys() - schedules.keys()):
            changes += self._watches[key].withdraw(self._now)
        watches = {}
        for key, schedule in schedules.items():
            watch = watches[key] = self._watches.get(key) or Watch(key, schedule, self._now)
            if key in self._watches:
                changes += watch.replace(schedule, self._now)
            elif prepared and (window := prepared.window(key)):
                watch.window = window
                self._unevaluated[watch] = self._active[watch] = None
        added = tuple(schedules.keys() - self._watches.keys())
        self._watches = watches
        self._open = {watch: None for watch in watches.values() if watch.is_open}
        self._active = {watch: None for watch in self._active if watch.key in watches}
        self._moving = dict.fromkeys(watches.values())
        self._reindex()
        return Replaced(tuple(sorted(added)), tuple(sorted(changes, key=change_second)))

    def seed(
        self, kind: Kind, second: int, n: int, devices: int, only: Collection[ThresholdKey] | None = None
    ) -> None:
        """Add *n* earlier communications of *kind* without evaluating them, to the keys in *only* or to all.

        Together they name *devices* devices. *second* is where they counted. The next `advance` evaluates them.
        """
        for watches, more in zip(self._match(kind), (n, devices), strict=True):
            for watch in watches:
                if more and (only is None or watch.key in only):
                    watch.window.add(min(second, self._now), more, self._now)
                    self._unevaluated[watch] = None

    def load(self, first_second: int, step: int, counts: Iterable[Counts]) -> None:
        """Add many earlier communications at once, as `seed` would: *counts* for each *step* seconds.

        They go to the windows that count by *step* seconds (1 or 60) alone; what no ring holds is left out.
        """
        sums: defaultdict[Watch, Sum] = defaultdict(Sum)
        for kind, *both in counts:
            for watches, values in zip(self._touched.get(kind) or self._match(kind), both, strict=True):
                for watch in watches:
                    window = watch.window
                    if window.resolution == step and window.holds(first_second + len(values) * step):
                        sums[watch].add(values)
        for watch, total in sums.items():
            watch.window.load(first_second, total.values(), self._now)
            self._unevaluated[watch] = None

    def window(self, key: ThresholdKey) -> Window | None:
        """Return the window of *key*, for a monitor that adopts it."""
        return self._watches[key].window if key in self._watches else None

    def reach(self, kind: Kind, step: int) -> int:
        """Return how long the longest period is that counts *kind* by *step* seconds; 0 where none does."""
        found = [watch for watches in self._match(kind) for watch in watches]
        return max((w.key.period_seconds for w in found if w.window.resolution == step), default=0)

    def restore(self, episodes: Iterable[OpenEpisode], since: int | None = None) -> tuple[Change, ...]:
        """Go on with the episodes of an earlier run; return the end of those whose key is gone or that fell since.

        Those that ended less than `LATENESS` ago are wanted too, oldest first. Their states are as of *since*, or of
        now; what was counted after it decides how they stand, under the thresholds that are in force now.
        """
        changes: list[Change] = []
        for state in episodes:
            watch = self._watches.get(state.episode.key)
            if watch:
                changes += watch.restore(state, self._now, self._now if since is None else since)
                self._note(watch)
            elif not state.quiet and state.ended is None:
                changes.append(EpisodeEnded(state.episode, self._now, EndReason.WITHDRAWN))
        return tuple(sorted(changes, key=change_second))

    def open_episodes(self) -> tuple[OpenEpisode, ...]:
        """Return the state of every open episode as of the last call, quiet ones too, for `restore`."""
        return tuple(state for watch in self._open for state in watch.open_episodes())

    def quiet_end(self, episode: EpisodeId) -> int | None:
        """Return when a quiet warning ended, of which no change tells."""
        return self._watches[episode.key].quiet_end(episode.opened) if episode.key in self._watches else None

    def rates(self) -> Iterator[Rate]:
        """Yield the count of every key at the time of the last call; `advance` first."""
        for watch in self._watches.values():
            yield watch.rate(self._now)

    def moved(self) -> tuple[Standing, ...]:
        """Return every key that counted, may have fallen or has another threshold since the last call.

        All of them the first time and after `replace`. As of the time of the last call; `advance` first.
        """
        moving = tuple(self._moving)
        found = tuple(Standing(watch.key, watch.window.count(self._now), watch.threshold) for watch in moving)
        # What is not empty falls by itself; the rest is noticed when it counts.
        self._moving = {watch: None for watch, one in zip(moving, found, strict=True) if one.count}
        self._touched.clear()
        return found

    def forecast(self, key: ThresholdKey, level: Level) -> Forecast | None:
        """Return when *key* will pass *level*, as of the last call; None for a key that is gone."""
        watch = self._watches.get(key)
        return watch.prospect(self._now).forecast(level) if watch else None

    def arrivals(self, key: ThresholdKey, parts: int) -> list[int]:
        """Return what counted in each of at most *parts* equal parts of the period; none of a key that is gone."""
        return self._watches[key].arrivals(self._now, parts) if key in self._watches else []

    def outlook(self) -> tuple[ForecastChange, ...]:
        """Return which forecasts are raised or withdrawn at the time of the last call; `advance` first.

        To be called every few seconds: it looks at what has counted since, or is raised.
        """
        active = tuple(self._active)
        self._active.clear()
        self._touched.clear()  # so that what counts from here on is noticed
        return self._outlook.look(self._watches, active, self._now)

    def restore_forecasts(self, forecasts: Iterable[OpenForecast]) -> tuple[ForecastWithdrawn, ...]:
        """Go on with the raised forecasts of an earlier run; return the end of those whose key is gone."""
        return self._outlook.restore(forecasts, self._watches, self._now)

    def open_forecasts(self) -> tuple[OpenForecast, ...]:
        """Return the state of every raised forecast as of the last `outlook`, for `restore_forecasts`."""
        return self._outlook.open_forecasts()

    def _evaluate(
        self, risen: Iterable[Watch], second: int, changes: tuple[Change, ...], placement: Placement
    ) -> Observed:
        """Evaluate the watches whose count may have passed a level."""
        excess: list[EpisodeId] = []
        own: list[Change] = []
        for watch in risen:
            changed, exceeded = watch.observe(second, self._now)
            own += changed
            excess += exceeded
            self._note(watch)
        if not (changes or own or excess):
            return _UNCHANGED[placement]
        return Observed(placement, (*changes, *own), tuple(excess))

    def _settle(self, now: int) -> list[Change]:
        """Move the watches on that have something to decide: an open episode or a change of level."""
        moving = dict(self._open)
        while self._changes and self._changes[0][0] <= now:
            moving[heapq.heappop(self._changes)[2]] = None
        changes: list[Change] = []
        for watch in moving:
            due = watch.next_change <= now
            changes += watch.settle(now)
            self._note(watch)
            if due:
                self._moving[watch] = None
                self._expect_change(watch)
        return changes

    def _note(self, watch: Watch) -> None:
        """Keep the open watches apart: they are the ones that time alone may change."""
        self._open.pop(watch, None)
        if watch.is_open:
            self._open[watch] = None

    def _expect_change(self, watch: Watch) -> None:
        if watch.next_change != NEVER:
            self._serial += 1  # breaks ties, watches having no order
            heapq.heappush(self._changes, (watch.next_change, self._serial, watch))

    def _reindex(self) -> None:
        """Build what follows from the set of watches: the matches and the coming changes of level."""
        self._touched: dict[Kind, Touched] = {}
        self._matching = Matching(self._watches.values())
        self._changes: list[tuple[int, int, Watch]] = []
        self._serial = 0
        for watch in self._watches.values():
            self._expect_change(watch)

    def _match(self, kind: Kind) -> Touched:
        """Return the watches that a communication of *kind* touches, each once, and note that they count."""
        touched = self._matching.touched(kind)
        if touched is None:  # a user without thresholds is not worth a place in the cache
            return UNTOUCHED
        if len(self._touched) >= MATCH_CACHE_SIZE:
            self._touched.clear()
        for noted in (self._active, self._moving):
            noted.update(dict.fromkeys((*touched[0], *touched[1])))
        self._touched[kind] = touched
        return touched
