"""Alerts of each event and kind, as the outbox holds them."""

from typing import Any, Final

import msgspec

from gateway.alerts.facts import BreachFacts, SetBy, SourceSilent, ThresholdFacts
from gateway.alerts.message import Alert, Event, RecordFacts, alert_id, encode

USER: Final = "90-B3-D5-1F-30-01-00-00"
AT: Final = "2026-12-01T12:00:00.000Z"

SET_BY: Final = SetBy(3, "adt.csv", "ab" * 32, 4, "engineer", "approver", AT, 31)
THRESHOLD: Final = ThresholdFacts(
    USER, "SPC", "7.2", "Disable Supply", "PT1H", "rolling", 80, 100, is_exception=False, set_by=SET_BY
)
BREACH: Final = BreachFacts(
    level="quarantine",
    limit=100,
    count=101,
    window_from="2026-12-01T11:00:00.000Z",
    window_to=AT,
    opened_at=AT,
    threshold=THRESHOLD,
    first_request_id="90-B3-D5-1F-30-01-00-00:00-11-22-33-44-55-66-77:1",
    supersedes=6,
)
SILENT: Final = SourceSilent(
    level="warning",
    subject="mqtt",
    since=AT,
    until=None,
    occurrences=1,
    detail="mqtt has brought nothing for 600 s",
    figures={"seconds": 600},
)


def sample(event: Event = "opened", incident: int = 7, **values: Any) -> Alert:
    """Return an alert about a breach; of a test or a heartbeat, about nothing."""
    if event in {"test", "heartbeat"}:
        title = "a test of this channel" if event == "test" else "nothing is wrong"
        alert = Alert(alert_id("main", 0, event, 1), "main", event, 0, title, AT, None, None, state="")
    else:
        number = 33 if event == "updated" else None
        alert = Alert(
            id=alert_id("main", incident, event, number),
            instance="main",
            event=event,
            incident=incident,
            title="quarantine threshold passed: 101 of 100 SPC 7.2 in PT1H",
            at=AT,
            facts=BREACH,
            record=RecordFacts(33, "cd" * 32),
            state="closed" if event == "closed" else "candidate",
            opened_at="2026-12-01T11:59:58.000Z",
            user_id=USER,
        )
    return msgspec.structs.replace(alert, **values)


def message(event: Event = "opened", incident: int = 7, **values: Any) -> bytes:
    """Return the same encoded."""
    return encode(sample(event, incident, **values))
