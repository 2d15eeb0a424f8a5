"""Alerts to send and what they know: one of each event and sort, with text that is hard to escape."""

from typing import Any, Final

import msgspec

from gateway.alerts.facts import (
    BreachFacts,
    DccQuarantine,
    Facts,
    ForecastFacts,
    SetBy,
    SourceSilent,
    ThresholdFacts,
    UnknownRequest,
)
from gateway.alerts.message import Alert, Event, RecordFacts, alert_id, encode

HARD: Final = 'a "quoted" \\ back, [a]=b | pipe\nnext line = €, ü'
"""What RFC 5424, CEF and JSON each have to escape."""

USER: Final = "90-B3-D5-1F-30-01-00-00"
AT: Final = "2026-12-01T10:00:00.123Z"
RECORD: Final = RecordFacts(41, "cd" * 32)
SET_BY: Final = SetBy(
    file_id=3,
    file_name="ADT_2026-12.csv",
    file_sha256="ab" * 32,
    line=2,
    submitted_by="erin",
    approved_by="anna",
    in_force_at="2026-12-01T00:00:00Z",
    in_force_record=17,
)
THRESHOLD: Final = ThresholdFacts(
    user_id=USER,
    communication="SPC",
    service="7.2",
    service_name="Disable Supply",
    period="PT1H",
    alignment="rolling",
    warning=80,
    quarantine=100,
    is_exception=False,
    set_by=SET_BY,
)
BREACH: Final = BreachFacts(
    level="quarantine",
    limit=100,
    count=125,
    window_from="2026-12-01T09:00:00Z",
    window_to="2026-12-01T10:00:00Z",
    opened_at="2026-12-01T09:59:58Z",
    threshold=THRESHOLD,
    first_request_id="90-B3-D5-1F-30-01-00-00:00-11-22-33-44-55-66-77:42",
    supersedes=6,
)
FORECAST: Final = ForecastFacts(
    level="quarantine",
    limit=100,
    count=70,
    raised_at="2026-12-01T09:30:00Z",
    expected_at="2026-12-01T09:45:00Z",
    earliest_at="2026-12-01T09:40:00Z",
    latest_at="2026-12-01T09:55:00Z",
    threshold=THRESHOLD,
)
SILENT: Final = SourceSilent(
    level="warning",
    subject="adaptor-1",
    since="2026-12-01T09:00:00Z",
    until="2026-12-01T09:30:00Z",
    occurrences=2,
    detail="adaptor-1 brought nothing for 900 s",
    figures={"silent_seconds": 900},
)
HELD: Final = DccQuarantine(
    level="quarantine",
    subject=f"{USER}/Q-7",
    since="2026-12-01T09:00:00Z",
    until=None,
    occurrences=1,
    detail=f"the DCC holds requests of {USER} above our own threshold (quarantine event Q-7)",
    figures={"event_ref": "Q-7", "breach": "user_threshold", "requests": 25, "predicted": 25},
)
NOT_SEEN: Final = UnknownRequest(
    level="quarantine",
    subject=USER,
    since="2026-12-01T09:00:00Z",
    until="2026-12-01T09:00:00Z",
    occurrences=2,
    detail=f"the DCC holds requests of {USER}: we did not see them leave",
    figures={"request_ids": f"{USER}:1, {USER}:2", "requests": 2},
)


def sample(event: Event = "opened", incident: int = 7, **values: Any) -> Alert:
    """Return an alert about a breach; of a test or a heartbeat, about nothing. *values* take the place of its fields."""
    if event in {"test", "heartbeat"}:
        title = "a test of this channel" if event == "test" else "nothing is wrong"
        alert = Alert(f"main/{event}/1", "main", event, 0, title, AT, None, None, state="")
    else:
        alert = Alert(
            id=alert_id("main", incident, event, RECORD.number if event == "updated" else None),
            instance="main",
            event=event,
            incident=incident,
            title=f"quarantine threshold passed: {BREACH.count} of {BREACH.limit} SPC 7.2 in PT1H",
            at=AT,
            facts=BREACH,
            record=RECORD,
            state="closed" if event == "closed" else "candidate",
            opened_at="2026-12-01T09:59:58.000Z",
            user_id=USER,
        )
    return msgspec.structs.replace(alert, **values)


def message(event: Event = "opened", incident: int = 7, **values: Any) -> bytes:
    """Return the same as the outbox holds it."""
    return encode(sample(event, incident, **values))


def an_alert(number: int = 7, facts: Facts | None = BREACH, title: str = HARD) -> Alert:
    """Return the alert with which incident *number* opens, with something in every field."""
    alert = sample(incident=number, facts=facts, title=title, marking="confidential", group=5)
    return msgspec.structs.replace(
        alert, assigned_to="ana", ticket="INC-12", finding="confirmed", reason="seen = true"
    )


def heartbeat() -> Alert:
    """Return a heartbeat with figures."""
    return sample("heartbeat", figures={"communications": 12, "open_incidents": 0})


def encoded(number: int = 7, title: str = HARD) -> bytes:
    """Return what `an_alert` does, as the outbox holds it."""
    return encode(an_alert(number, title=title))
