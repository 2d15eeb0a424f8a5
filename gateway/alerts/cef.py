r"""An alert as one line of the Common Event Format, revision 0. Pure.

    CEF:0|vendor|product|version|signature id|name|severity|key=value key=value …

In the header `\` and `|` are escaped, in a value `\`, `=` and line breaks (CEF Implementation Standard, "Character
Encoding"). Keys that the standard's dictionary does not know begin with `adt`.
"""

import datetime as dt
from collections.abc import Iterator
from importlib.metadata import version
from types import MappingProxyType
from typing import Final

from gateway.alerts.facts import (
    BreachFacts,
    ConditionFacts,
    DccQuarantine,
    ForecastFacts,
    ThresholdFacts,
    UnknownRequest,
    kind_of,
)
from gateway.alerts.kinds import kind_text
from gateway.alerts.message import Alert
from gateway.alerts.rfc5424 import on_one_line

VENDOR: Final = "ADT Gateway"
PRODUCT: Final = "adt-gateway"
VERSION: Final = version("adt-gateway")

HEARTBEAT_SEVERITY: Final = 0
TEST_SEVERITY: Final = 1
CLOSED_SEVERITY: Final = 3
WITHHELD_SEVERITY: Final = 7
"""The marking keeps back how bad it is: somebody who may look has to."""
SEVERITIES: Final = MappingProxyType({"warning": 6, "quarantine": 9})
"""By the level; another than these is a warning."""

FIELDS: Final = MappingProxyType(
    {
        "rt": "when this step was done (ms since 1970)",
        "act": "what became of the incident: `opened`, `updated`, `closed`; `test`, `heartbeat`",
        "externalId": "number of the candidate incident, the same for its life; absent in a test and a heartbeat",
        "adtAlertId": "identity of this alert: a repeat has the same",
        "outcome": "where the incident is in its life",
        "cat": "`anomaly-threshold` for a threshold and a forecast, `dcc-quarantine` for requests that the DCC holds, else `gateway-condition`",
        "deviceExternalId": "name of this gateway (`instance`)",
        "dvchost": "host that it runs on",
        "suser": "DCC User ID that it is about",
        "adtLevel": "`warning` or `quarantine`",
        "cnt": "count observed; requests that the DCC holds; how often it began",
        "cn1": "`threshold`: the limit that was passed or will be",
        "cn2": "`observed`: the count observed",
        "cn3": "`overshoot`: by how many hundredths of the limit the count is above it (below: negative)",
        "start": "begin of the window; of the condition (ms since 1970)",
        "end": "end of the window; of the condition (ms since 1970)",
        "deviceCustomDate1": "`expectedAt`: when the quarantine is expected (ms since 1970)",
        "cs1": "`serviceReferenceVariant`: what the threshold limits",
        "cs2": "`communication`: its class, such as `SPC`",
        "cs3": "`thresholdFile`: the signed file that set it",
        "cs4": "`thresholdFileSha256`: its SHA-256",
        "cs5": "`window`: period and alignment",
        "cs6": "`auditRecord`: number and hash of the audit record of this step",
        "sourceServiceName": "what the condition is about: a source, a token",
        "msg": "title",
        "reason": "why this step was done",
        "adtBy": "who did this step",
        "adtAssignedTo": "who works on it",
        "flexString1": "`marking`: `confidential` or `classified`",
        "flexString2": "`ticket`: reference in another system",
        "adtFinding": "what a person found it to be: `confirmed`, `false_positive`, `expected_work`",
        "adtGroup": "number of the group of incidents that it is in",
        "adtQuarantineEvent": "the DCC's reference of the event under which it holds requests",
        "adtQuarantineReason": "`user_threshold`, `dcc_threshold` or `attribute_limits`: why the DCC holds them",
        "adtRequestIds": "requests that are held and were not seen leaving, a few of them",
        "adtDetail": "a plain sentence about the condition",
    }
)
"""Every key of the extension in its order, which is that of importance: where room is short the last go first."""

LABELS: Final = MappingProxyType(
    {
        key: meaning.split("`")[1]
        for key, meaning in FIELDS.items()
        if key[:2] in {"cn", "cs"} and key != "cnt"
    }
    | {"deviceCustomDate1": "expectedAt", "flexString1": "marking", "flexString2": "ticket"}
)
"""What stands in `cn1Label` and its like."""

Value = str | int | None


def encode(alert: Alert, host: str, longest: int | None = None) -> str:
    """Return *alert* of the gateway on *host*; fields that do not fit into *longest* bytes are left out whole."""
    kind = kind_of(alert.facts) if alert.facts else ""
    header = (VENDOR, PRODUCT, VERSION, signature(alert), _name(alert, kind), str(severity(alert)))
    line = f"CEF:0|{'|'.join(map(_in_header, header))}|"
    room = None if longest is None else longest - len(line.encode("utf-8", "replace"))
    fields: list[str] = []
    for key, value in values(alert, host).items():
        label = f"{key}Label={LABELS[key]} " if key in LABELS else ""
        field = f"{label}{key}={_in_value(str(value))}"
        if room is not None:
            room -= len(field.encode("utf-8", "replace")) + 1
            if room < 0:
                break
        fields.append(field)
    return line + " ".join(fields)


def signature(alert: Alert) -> str:
    """Return what sort of alert it is, such as `threshold-opened`; without its kind where that is kept back."""
    return f"{kind_of(alert.facts)}-{alert.event}" if alert.facts else alert.event


def severity(alert: Alert) -> int:
    """Return how bad it is, 0 to 10."""
    match alert.event:
        case "heartbeat":
            return HEARTBEAT_SEVERITY
        case "test":
            return TEST_SEVERITY
    if alert.is_over:
        return CLOSED_SEVERITY
    if alert.facts is None:
        return WITHHELD_SEVERITY
    return SEVERITIES.get(alert.facts.level, SEVERITIES["warning"])


def values(alert: Alert, host: str) -> dict[str, str | int]:
    """Return the extension's values by key, in the order of `FIELDS`; what is not known is not there."""
    found: dict[str, Value] = dict(_of_alert(alert, host))
    match alert.facts:
        case BreachFacts() as facts:
            found |= dict(_of_breach(facts))
        case ForecastFacts() as facts:
            found |= dict(_of_forecast(facts))
        case ConditionFacts() as facts:
            found |= dict(_of_condition(facts))
            if isinstance(facts, DccQuarantine | UnknownRequest):
                found |= dict(_of_held(facts))
    ordered = {key: found.get(key) for key in FIELDS}
    return {key: value for key, value in ordered.items() if value is not None and value != ""}


def _of_alert(alert: Alert, host: str) -> Iterator[tuple[str, Value]]:
    yield "rt", _milliseconds(alert.at)
    yield "act", alert.event
    yield "externalId", alert.incident or None
    yield "adtAlertId", alert.id
    yield "outcome", alert.state if alert.incident else None
    yield "deviceExternalId", alert.instance
    yield "dvchost", host
    yield "suser", alert.user_id
    yield "adtLevel", alert.facts.level if alert.facts else None
    yield "cs6", f"{alert.record.number}:{alert.record.hash}" if alert.record else None
    yield "msg", alert.title
    yield "reason", alert.reason
    yield "adtBy", alert.by
    yield "adtAssignedTo", alert.assigned_to
    yield "flexString1", alert.marking
    yield "flexString2", alert.ticket
    yield "adtFinding", alert.finding
    yield "adtGroup", alert.group or None


def _of_breach(facts: BreachFacts) -> Iterator[tuple[str, Value]]:
    yield from _of_threshold(facts.threshold, facts.limit, facts.count)
    yield "start", _milliseconds(facts.window_from)
    yield "end", _milliseconds(facts.window_to)


def _of_forecast(facts: ForecastFacts) -> Iterator[tuple[str, Value]]:
    yield from _of_threshold(facts.threshold, facts.limit, facts.count)
    yield "deviceCustomDate1", _milliseconds(facts.expected_at)


def _of_threshold(threshold: ThresholdFacts, limit: int, count: int) -> Iterator[tuple[str, Value]]:
    yield "cat", "anomaly-threshold"
    yield "suser", threshold.user_id
    yield "cnt", count
    yield "cn1", limit
    yield "cn2", count
    yield "cn3", (count - limit) * 100 // limit if limit else None
    yield "cs1", threshold.service
    yield "cs2", threshold.communication
    yield "cs3", threshold.set_by.file_name
    yield "cs4", threshold.set_by.file_sha256
    yield "cs5", f"{threshold.period} {threshold.alignment}"


def _of_condition(facts: ConditionFacts) -> Iterator[tuple[str, Value]]:
    yield "cat", "gateway-condition"
    yield "cnt", facts.occurrences
    yield "start", _milliseconds(facts.since)
    yield "end", _milliseconds(facts.until or "")
    yield "sourceServiceName", facts.subject
    yield "adtDetail", facts.detail


def _of_held(facts: DccQuarantine | UnknownRequest) -> Iterator[tuple[str, Value]]:
    yield "cat", "dcc-quarantine"
    yield "cnt", facts.figures.get("requests", facts.occurrences)
    yield "adtQuarantineEvent", facts.figures.get("event_ref")
    yield "adtQuarantineReason", facts.figures.get("breach")
    yield "adtRequestIds", facts.figures.get("request_ids")


def _name(alert: Alert, kind: str) -> str:
    match alert.event:
        case "heartbeat":
            return "Heartbeat"
        case "test":
            return "Test of the channel"
    return kind_text(kind).name if kind else "Candidate incident"


def _milliseconds(instant: str) -> int | None:
    """Return an RFC 3339 instant as CEF has times; None where it is none."""
    try:
        return round(dt.datetime.fromisoformat(instant).timestamp() * 1000)
    except ValueError:
        return None


def _in_header(text: str) -> str:
    return on_one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def _in_value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    lines = escaped.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\\n".join(map(on_one_line, lines)).strip()
