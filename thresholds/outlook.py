"""Warns before a quarantine: which counts will pass their quarantine level soon, each said once.

A forecast is raised when a quarantine is expected within the warning time and, at the latest, within one and a
half times as long; from at least `ENOUGH` independent arrivals, so that a batch or a first early event raises
nothing. It is withdrawn when the expected time has stayed beyond one and a half times the warning time for
`CLEAR_SECONDS`. In between neither happens, so that a slope that wavers is reported once.
"""

import enum
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from thresholds.forecast import Confidence, Forecast
from thresholds.model import Level, Threshold, ThresholdKey
from thresholds.watch import Watch

CLEAR_SECONDS: Final = 60
"""How long no quarantine may be in sight before a forecast is withdrawn."""


class ForecastRaised(msgspec.Struct, frozen=True):
    """The count of a key will pass its quarantine level soon; `key` and `raised` name the forecast for good."""

    key: ThresholdKey
    raised: int
    """When this was seen."""
    threshold: Threshold
    """The row that will be in force at *expected*."""
    expected: int
    """The second at which the count will be above *limit* while the slope stays."""
    earliest: int
    """Nine of ten come between this second and *latest*."""
    latest: int
    count: int
    """At *raised*."""
    limit: int
    """The quarantine level of *threshold*."""


class ForecastEnd(enum.StrEnum):
    """Why a forecast was withdrawn."""

    RECEDED = "receded"
    """No quarantine has been in sight for `CLEAR_SECONDS`."""
    REACHED = "reached"
    """The quarantine episode opened."""
    WITHDRAWN = "withdrawn"
    """The thresholds of its key are gone, or forecasts are switched off."""


class ForecastWithdrawn(msgspec.Struct, frozen=True):
    """A forecast that was raised is over."""

    key: ThresholdKey
    raised: int
    ended: int
    """When this was seen; where it was reached, the first second above the level."""
    reason: ForecastEnd


ForecastChange = ForecastRaised | ForecastWithdrawn


class OpenForecast(msgspec.Struct, frozen=True):
    """The state of a raised forecast: what a restart must know to go on."""

    key: ThresholdKey
    raised: int
    clear_since: int | None = None
    """Since when no quarantine is in sight."""


class Outlook:
    """The raised forecasts of a monitor. *warn_seconds* 0 switches forecasts off."""

    def __init__(self, warn_seconds: int) -> None:
        self._warn = warn_seconds
        self._reach = warn_seconds * 3 // 2
        self._open: dict[ThresholdKey, OpenForecast] = {}

    def look(
        self, watches: Mapping[ThresholdKey, Watch], active: Iterable[Watch], now: int
    ) -> tuple[ForecastChange, ...]:
        """Judge the raised forecasts and the *active* watches, all of which have moved on to *now*."""
        fresh = [watch for watch in active if watch.key not in self._open] if self._warn else []
        ended = [self._follow(state, watches.get(state.key), now) for state in tuple(self._open.values())]
        raised = [self._raise(watch, now) for watch in fresh]
        return tuple(change for change in (*ended, *raised) if change)

    def restore(
        self, states: Iterable[OpenForecast], watches: Mapping[ThresholdKey, Watch], now: int
    ) -> tuple[ForecastWithdrawn, ...]:
        """Go on with raised forecasts; return the end of those that cannot be followed any more."""
        withdrawn = []
        for state in states:
            if self._warn and state.key in watches:
                self._open[state.key] = state
            else:
                withdrawn.append(_end(state, now, ForecastEnd.WITHDRAWN))
        return tuple(withdrawn)

    def open_forecasts(self) -> tuple[OpenForecast, ...]:
        """Return the state of the raised forecasts, for `restore`."""
        return tuple(self._open.values())

    def _follow(self, state: OpenForecast, watch: Watch | None, now: int) -> ForecastWithdrawn | None:
        ended = self._judge(state, watch, now)
        if ended:
            del self._open[state.key]
        return ended

    def _judge(self, state: OpenForecast, watch: Watch | None, now: int) -> ForecastWithdrawn | None:
        """Return the end of a raised forecast, if it is over."""
        if watch is None:
            return _end(state, now, ForecastEnd.WITHDRAWN)
        opened = watch.last_quarantine
        if opened is not None and (watch.is_quarantined or opened >= state.raised):
            return _end(state, opened, ForecastEnd.REACHED)
        in_sight = self._forecast(watch, now).seconds is not None
        clear_since = None if in_sight else state.clear_since or now
        if clear_since is not None and now - clear_since >= CLEAR_SECONDS:
            return _end(state, now, ForecastEnd.RECEDED)
        self._open[state.key] = OpenForecast(state.key, state.raised, clear_since)
        return None

    def _raise(self, watch: Watch, now: int) -> ForecastRaised | None:
        if watch.is_quarantined:
            return None
        found = self._forecast(watch, now)
        seconds, earliest, latest = found.seconds, found.earliest, found.latest
        if found.confidence is not Confidence.LIKELY or seconds is None or seconds > self._warn:
            return None
        threshold = watch.threshold_at(now + seconds)
        if threshold is None or earliest is None or latest is None:  # no breach without all of them
            return None
        self._open[watch.key] = OpenForecast(watch.key, now)
        return ForecastRaised(
            key=watch.key,
            raised=now,
            threshold=threshold,
            expected=now + seconds,
            earliest=now + earliest,
            latest=now + latest,
            count=watch.window.count(now),
            limit=threshold.quarantine,
        )

    def _forecast(self, watch: Watch, now: int) -> Forecast:
        return watch.prospect(now, self._reach).forecast(Level.QUARANTINE)


def _end(state: OpenForecast, ended: int, reason: ForecastEnd) -> ForecastWithdrawn:
    return ForecastWithdrawn(state.key, state.raised, ended, reason)
