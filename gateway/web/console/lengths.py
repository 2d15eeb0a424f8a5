"""Lengths of time and forecasts in words; `static/rate_words.js` says the same in the browser."""

from typing import Final

from gateway.operations.rates import ShownForecast, ShownRate

_UNITS: Final = ((172_800, 86_400, "d"), (6000, 3600, "h"), (100, 60, "min"))
"""From so many seconds on, a unit of so many: two figures at the least, where there are two."""


def length(seconds: int) -> str:
    """Return a length of time such as `45 s`, `12 min`, `30 h` or `3 d`."""
    for least, unit, name in _UNITS:
        if seconds >= least:
            return f"{(seconds + unit // 2) // unit} {name}"
    return f"{seconds} s"


def breach_words(forecast: ShownForecast | None) -> str:
    """Return when the quarantine level will be passed, with the interval that holds nine of ten breaches."""
    if forecast is None:
        return "not told yet"
    if forecast.seconds == 0:
        return "passed"
    if forecast.seconds is None:
        if forecast.earliest is None:
            return "not in sight"
        return f"not likely; in {length(forecast.earliest)} at the earliest"
    first = "now" if not forecast.earliest else length(forecast.earliest)
    last = "later" if forecast.latest is None else length(forecast.latest)
    perhaps = "perhaps " if forecast.confidence == "possible" else ""
    return f"{perhaps}in {length(forecast.seconds)} ({first} to {last})"


def forecast_sentence(rate: ShownRate) -> str:
    """Return the same of a rate, for somebody who has time to read."""
    if rate.quarantine is None:
        return "No threshold holds now."
    if not rate.count:
        return "Nothing is counted, so no breach is in sight."
    return breach_sentence(rate.time_to_breach)


def breach_sentence(forecast: ShownForecast | None) -> str:
    """Return a time to breach as a sentence."""
    if forecast is None:
        return "The gateway has not looked for the time to breach yet."
    if forecast.seconds == 0:
        return "The quarantine level is passed."
    if forecast.seconds is None and forecast.earliest is None:
        return "At the present slope the quarantine level will not be passed within a day or the period."
    if forecast.seconds is None:
        return (
            "At the present slope the quarantine level will probably not be passed; if it is, then in "
            f"{length(forecast.earliest or 0)} at the earliest."
        )
    last = "later, or not at all" if forecast.latest is None else f"in {length(forecast.latest)}"
    sure = {"possible": " It is possible, not likely.", "likely": " It is likely."}.get(
        forecast.confidence, ""
    )
    return (
        f"At the present slope the quarantine level will be passed in about {length(forecast.seconds)}: nine of "
        f"ten such breaches come between {length(forecast.earliest or 0)} from now and {last}.{sure}"
    )
