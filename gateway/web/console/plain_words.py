"""What happened, in sentences for somebody who was woken up. Pure."""

from typing import Final

from gateway.alerts.facts import BreachFacts, ConditionFacts, Facts, ForecastFacts, ThresholdFacts
from gateway.web.console.render import grouped, plain_instant
from thresholds.model import Level

OUTCOMES: Final = {
    "reached": "It came: the quarantine level was passed.",
    "receded": "It did not come: no quarantine is in sight any more.",
    "withdrawn": "The thresholds it was about are no longer in force.",
}


def _traffic(threshold: ThresholdFacts) -> str:
    what = threshold.service_name or threshold.service
    return f"{threshold.communication} communications of {threshold.user_id} for {threshold.service} ({what})"


def what_happened(facts: Facts) -> list[str]:
    """Return sentences that say what happened."""
    if isinstance(facts, BreachFacts):
        return _breach(facts)
    if isinstance(facts, ForecastFacts):
        return _forecast(facts)
    return _condition(facts)


def _breach(facts: BreachFacts) -> list[str]:
    threshold = facts.threshold
    passed = (
        f"More {_traffic(threshold)} were sent than the {facts.level} level allows: "
        f"{grouped(facts.count)} within {threshold.period}, and the limit is {grouped(facts.limit)}."
    )
    if facts.level == Level.QUARANTINE:
        return [passed, "The DCC is expected to hold back the requests above the level."]
    left = threshold.quarantine - facts.count
    if left < 0:
        return [passed, "The quarantine level is passed as well."]
    return [
        passed,
        f"Nothing was held back then: {grouped(left)} more fitted under the quarantine level.",
    ]


def _forecast(facts: ForecastFacts) -> list[str]:
    threshold = facts.threshold
    expected = (
        f"If requests went on as they did, the quarantine level for {_traffic(threshold)} would be passed at "
        f"about {plain_instant(facts.expected_at)}, probably between {plain_instant(facts.earliest_at)} and "
        f"{plain_instant(facts.latest_at)}."
    )
    sent = (
        f"When that was found, {grouped(facts.count)} had been sent within {threshold.period}; the limit is "
        f"{grouped(facts.limit)}."
    )
    return [expected, sent, OUTCOMES[facts.outcome]] if facts.outcome else [expected, sent]


def _condition(facts: ConditionFacts) -> list[str]:
    detail = f"{facts.detail[:1].upper()}{facts.detail[1:]}."
    last = "" if facts.occurrences == 1 else f" {grouped(facts.occurrences)} times, the last time"
    began = f"It began{last} at {plain_instant(facts.since)}."
    if facts.until is None:
        return [detail, began, "It still lasts."]
    return [detail, began, f"It ended at {plain_instant(facts.until)}."]
