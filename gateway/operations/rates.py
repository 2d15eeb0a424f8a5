"""Counts as they are shown, over the API, to viewers and at the broker; and those of them that changed."""

import heapq
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from thresholds.breach import Standing
from thresholds.forecast import Forecast
from thresholds.model import Level, Threshold, ThresholdKey
from thresholds.period import format_period

FORECAST_SECONDS: Final = 10
"""How old a time to breach may become before it is told anew."""
FORECASTS_AT_ONCE: Final = 200
"""Forecasts of one look at the most: each costs a hundred times what a count does."""


class ShownForecast(msgspec.Struct, frozen=True):
    """When the quarantine level will be passed at the present slope, in seconds from now."""

    seconds: int | None
    earliest: int | None
    latest: int | None
    confidence: str


class ShownRate(msgspec.Struct, frozen=True):
    """A count beside its threshold."""

    user_id: str
    communication: str
    service: str
    period: str
    alignment: str
    count: int
    state: str
    exception: bool
    warning: int | None
    quarantine: int | None
    headroom: int | None
    time_to_breach: ShownForecast | None
    """None where it was not told yet."""
    file_id: int | None


def shown_rate(standing: Standing, forecast: Forecast | None) -> ShownRate:
    """Return what is shown of *standing*; *forecast* is that of the quarantine level."""
    key, threshold = standing.key, standing.threshold
    return ShownRate(
        user_id=key.user_id,
        communication=key.communication,
        service=key.service,
        period=threshold.period.text if threshold else format_period(key.period_seconds),
        alignment=key.alignment,
        count=standing.count,
        state=standing.state,
        exception=standing.is_exception,
        warning=threshold.warning if threshold else None,
        quarantine=threshold.quarantine if threshold else None,
        headroom=standing.headroom(Level.QUARANTINE),
        time_to_breach=shown_forecast(forecast) if forecast else None,
        file_id=threshold.file_id if threshold else None,
    )


def shown_forecast(forecast: Forecast) -> ShownForecast:
    """Return what is shown of *forecast*."""
    return ShownForecast(forecast.seconds, forecast.earliest, forecast.latest, forecast.confidence)


class Look(msgspec.Struct, frozen=True):
    """What one look at the counts found."""

    rates: list[ShownRate]
    complete: bool
    """Whether these are all there are: the set of thresholds has changed."""


class Counts(Protocol):
    """Where counts come from: `Counting`."""

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The thresholds in force; another tuple where another set is."""
        ...

    def moved(self) -> tuple[Standing, ...]:
        """Return the counts that may have changed since the last call."""
        ...

    def forecast(self, key: ThresholdKey) -> Forecast | None:
        """Return when *key* will pass its quarantine level."""
        ...


class Rates:
    """Follows the counts: each `look` tells what changed, at the cost of what moved.

    Counts are as of the look. A time to breach is looked for anew after `FORECAST_SECONDS` where the count has
    changed, is over half its level, or was expected to pass it.
    """

    def __init__(self, counting: Counts) -> None:
        self._counting = counting
        self._thresholds: tuple[Threshold, ...] | None = None
        self._standings: dict[ThresholdKey, Standing] = {}
        self._forecasts: dict[ThresholdKey, tuple[int, Forecast]] = {}
        self._due: list[tuple[int, ThresholdKey]] = []
        self._queued: set[ThresholdKey] = set()
        self.shown: dict[ThresholdKey, ShownRate] = {}
        """Every count as of the last look."""

    def look(self, now: int) -> Look:
        """Return what changed since the last look; *now* is in seconds."""
        complete = self._counting.thresholds is not self._thresholds
        if complete:
            self._start_anew()
        changed: dict[ThresholdKey, None] = {}
        for standing in self._counting.moved():
            before = self._standings.get(standing.key)
            if before is None or before.count != standing.count or before.threshold is not standing.threshold:
                self._standings[standing.key] = standing
                changed[standing.key] = None
                if before is not None and before.state != standing.state:
                    heapq.heappush(self._due, (now, standing.key))  # what was expected has come, or is past
        self._queue(changed, now)
        changed.update(dict.fromkeys(self._look_ahead(now)))
        fresh = [self._shown(key) for key in changed]
        self.shown.update(zip(changed, fresh, strict=True))
        return Look(fresh, complete)

    def _start_anew(self) -> None:
        self._thresholds = self._counting.thresholds
        for held in (self._standings, self._forecasts, self._due, self._queued, self.shown):
            held.clear()

    def _shown(self, key: ThresholdKey) -> ShownRate:
        held = self._forecasts.get(key)
        return shown_rate(self._standings[key], held[1] if held else None)

    def _queue(self, keys: Iterable[ThresholdKey], now: int) -> None:
        for key in keys:
            if key not in self._queued:
                self._queued.add(key)
                held = self._forecasts.get(key)
                heapq.heappush(self._due, (now if held is None else held[0] + FORECAST_SECONDS, key))

    def _look_ahead(self, now: int) -> list[ThresholdKey]:
        """Make the forecasts that are due; return the keys for which something else is expected now."""
        changed: list[ThresholdKey] = []
        again: list[ThresholdKey] = []
        for _ in range(FORECASTS_AT_ONCE):
            if not self._due or self._due[0][0] > now:
                break
            key = heapq.heappop(self._due)[1]
            self._queued.discard(key)
            forecast = self._counting.forecast(key)
            if forecast is None:
                continue
            held = self._forecasts.get(key)
            self._forecasts[key] = now, forecast
            if held is None or shown_forecast(held[1]) != shown_forecast(forecast):
                changed.append(key)
            if forecast.seconds is not None or _is_near(self._standings[key]):
                again.append(key)
        self._queue(again, now)
        return changed


def _is_near(standing: Standing) -> bool:
    """Tell whether a count is over half of its quarantine level."""
    return standing.threshold is not None and 2 * standing.count > standing.threshold.quarantine
