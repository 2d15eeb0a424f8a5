"""What viewers are told of counts: only what changed, and forecasts a few at a time."""

import json

from gateway.clock import to_text
from gateway.health import Health
from gateway.live import Live
from gateway.operations.broadcast import Broadcast
from gateway.operations.rates import FORECAST_SECONDS, FORECASTS_AT_ONCE, Rates
from tests.support.traffic import communication
from tests.support.watching import Machine
from thresholds.breach import Standing
from thresholds.forecast import Forecast
from thresholds.model import Level, Period, Threshold, ThresholdKey
from thresholds.monitor import Monitor

NOW = 1_790_553_600
HOUR = Period(3600, "PT1H")


class Counted:
    """A monitor, as `Counting` shows it; it knows how many forecasts were asked for."""

    def __init__(self, services: int) -> None:
        self.thresholds = tuple(threshold(f"4.{number}") for number in range(services))
        self.monitor = Monitor(self.thresholds, NOW)
        self.forecasts = 0

    def moved(self) -> tuple[Standing, ...]:
        return self.monitor.moved()

    def forecast(self, key: ThresholdKey) -> Forecast | None:
        self.forecasts += 1
        return self.monitor.forecast(key, Level.QUARANTINE)

    def count(self, service: str, now: int, times: int = 1) -> None:
        for _ in range(times):
            self.monitor.observe(communication(service), now, now)


def whole(event: bytes) -> tuple[str, list[int]]:
    """Return of when the event with every count is, and its counts."""
    told = json.loads(event.decode().partition("data: ")[2])
    assert told["complete"]
    return told["at"], [rate["count"] for rate in told["rates"]]


def test_who_comes_later_is_told_the_counts_of_now_with_the_time_of_now() -> None:
    """Counts that did not change for long are not told as of long ago; whoever comes in one second shares one text."""
    counted, clock = Counted(1), Machine(NOW)
    broadcast = Broadcast(Live(), Rates(counted), Health(), "main", clock)
    first = broadcast.complete()
    assert broadcast.complete() is first
    assert whole(first) == (to_text(NOW), [0])
    clock.wait(27)
    assert whole(broadcast.complete()) == (to_text(NOW + 27), [0])
    clock.wait(1)
    counted.count("4.0", NOW + 28, 3)
    assert whole(broadcast.complete()) == (to_text(NOW + 28), [3])


def threshold(service: str, quarantine: int = 10) -> Threshold:
    return Threshold(
        user_id=communication().originator,
        communication="SR",
        service=service,
        period=HOUR,
        warning=8,
        quarantine=quarantine,
        effective_from=0,
    )


def test_a_look_tells_what_changed_alone() -> None:
    counted = Counted(3)
    rates = Rates(counted)
    first = rates.look(NOW)
    assert (first.complete, len(first.rates)) == (True, 3)
    assert rates.look(NOW + 1).rates == []
    counted.count("4.1", NOW + 2)
    look = rates.look(NOW + 2)
    assert (look.complete, [(rate.service, rate.count) for rate in look.rates]) == (False, [("4.1", 1)])
    counted.monitor.advance(NOW + 3700)
    assert [(rate.service, rate.count) for rate in rates.look(NOW + 3700).rates] == [("4.1", 0)]
    counted.thresholds = counted.thresholds[:2]
    counted.monitor.replace(counted.thresholds, NOW + 3701)
    look = rates.look(NOW + 3701)
    assert (look.complete, set(rates.shown)) == (True, {row.key for row in counted.thresholds})


def test_a_forecast_is_made_every_ten_seconds_while_the_count_moves_and_then_no_more() -> None:
    counted = Counted(1)
    rates = Rates(counted)
    for second in range(100):
        if second < 30:
            counted.count("4.0", NOW + second) if second % 10 == 0 else None
        rates.look(NOW + second)
        counted.monitor.advance(NOW + second + 1)
    assert 3 <= counted.forecasts <= 100 / FORECAST_SECONDS + 2


def test_what_passes_a_level_is_forecast_at_once() -> None:
    counted = Counted(1)
    rates = Rates(counted)
    rates.look(NOW)
    counted.count("4.0", NOW + 1)
    rates.look(NOW + 1)
    counted.count("4.0", NOW + 2, times=10)
    (rate,) = rates.look(NOW + 2).rates
    assert (rate.count, rate.state) == (11, "quarantine")
    assert rate.time_to_breach is not None
    assert rate.time_to_breach.seconds == 0


def test_no_look_makes_more_forecasts_than_it_may_and_all_come_in_turn() -> None:
    counted = Counted(3 * FORECASTS_AT_ONCE)
    rates = Rates(counted)
    for turn in range(1, 4):
        rates.look(NOW + turn)
        assert counted.forecasts == turn * FORECASTS_AT_ONCE
    assert all(rate.time_to_breach for rate in rates.shown.values())
    rates.look(NOW + 4)
    assert counted.forecasts == 3 * FORECASTS_AT_ONCE, "none of them counts"
