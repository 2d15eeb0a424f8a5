"""Alerts as OCSF 1.8.0 events (schema.ocsf.io). Pure.

An alert of a candidate incident is a Detection Finding (class 2004) with the Incident profile. Under one
`finding_info.uid` it is created, updated and closed; an instant is an integer of milliseconds since the epoch. What
is not known is left out, and what OCSF has no place for stands under `unmapped`.

A test is a Detection Finding too, so that it takes the way of a real one through a receiver's rules; its verdict is
*Test*, and it is resolved when it comes. A heartbeat finds nothing, so it is no finding: OCSF has no class for it, and
its Base Event (class 0) is for what has none.
"""

from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from gateway.alerts.facts import Facts, kind_of
from gateway.alerts.kinds import kind_text
from gateway.alerts.message import Alert
from gateway.alerts.ocsf_facts import incident_uid, known, known_of, milliseconds

OCSF_VERSION: Final = "1.8.0"
FINDINGS: Final = 2
DETECTION_FINDING: Final = 2004
BASE_EVENT: Final = 0
OTHER: Final = 99
PRODUCT: Final = "ADT Gateway"


class Named(NamedTuple):
    """A value of an enumeration: `<attribute>_id` and its caption."""

    id: int
    caption: str


ACTIVITIES: Final = MappingProxyType(
    {
        "opened": Named(1, "Create"),
        "test": Named(1, "Create"),
        "updated": Named(2, "Update"),
        "closed": Named(3, "Close"),
    }
)
SEVERITIES: Final = MappingProxyType({"warning": Named(3, "Medium"), "quarantine": Named(4, "High")})
UNKNOWN_SEVERITY: Final = Named(0, "Unknown")
INFORMATIONAL: Final = Named(1, "Informational")
STATUSES: Final = MappingProxyType(
    {
        "candidate": Named(1, "New"),
        "acknowledged": Named(2, "In Progress"),
        "investigating": Named(2, "In Progress"),
        "confirmed": Named(2, "In Progress"),
        "false_positive": Named(3, "Suppressed"),
        "expected_work": Named(3, "Suppressed"),
        "closed": Named(4, "Resolved"),
    }
)
RESOLVED: Final = Named(4, "Resolved")
VERDICTS: Final = MappingProxyType(
    {
        "false_positive": Named(1, "False Positive"),
        "confirmed": Named(2, "True Positive"),
        "expected_work": Named(5, "Benign"),
    }
)
TEST: Final = Named(6, "Test")
CONFIDENTIALITY: Final = MappingProxyType(
    {"confidential": Named(2, "Confidential"), "classified": Named(6, "Restricted")}
)
RULE: Final = Named(1, "Rule")
STATISTICAL: Final = Named(3, "Statistical")


@cache
def _own_version() -> str:
    return version("adt-gateway")


def detection_finding(alert: Alert) -> dict[str, Any]:
    """Return *alert* as an OCSF event, of plain dicts, lists, texts and numbers."""
    if alert.event == "heartbeat":
        return _heartbeat(alert)
    if alert.event == "test":
        return _test(alert)
    return _finding(alert)


def _finding(alert: Alert) -> dict[str, Any]:
    facts = alert.facts
    parts = known_of(alert)
    by_person = alert.by != "system"
    return known(
        {
            **_classified(DETECTION_FINDING, FINDINGS, ACTIVITIES[alert.event]),
            "class_name": "Detection Finding",
            "category_name": "Findings",
            "time": milliseconds(alert.at) or 0,
            "message": alert.title,
            "metadata": _metadata(alert, incident_uid(alert.instance, alert.incident)),
            **_pair("severity", SEVERITIES.get(facts.level, UNKNOWN_SEVERITY) if facts else UNKNOWN_SEVERITY),
            **_pair("status", STATUSES.get(alert.state)),
            **_pair("verdict", VERDICTS.get(alert.finding or alert.state)),
            "is_alert": not alert.is_over,
            "comment": alert.reason if by_person else "",
            "status_detail": "" if by_person else alert.reason,
            "assignee": known({"name": alert.assigned_to}),
            "tickets": [{"uid": alert.ticket}] if alert.ticket else [],
            "finding_info": _finding_info(alert, facts),
            "remediation": known({"desc": kind_text(kind_of(facts)).do}) if facts else {},
            "start_time": parts.start,
            "end_time": parts.end,
            "count": parts.count,
            "resources": parts.resources,
            "evidences": parts.evidences,
            "anomaly_analyses": parts.anomaly_analyses,
            "observables": parts.observables,
            "unmapped": known(
                {
                    "state": alert.state,
                    "marking": alert.marking,
                    "by": alert.by,
                    "group": alert.group or None,
                    **parts.unmapped,
                }
            ),
        }
    )


def _finding_info(alert: Alert, facts: Facts | None) -> dict[str, Any]:
    parts = known_of(alert)
    created = milliseconds(alert.opened_at)
    return known(
        {
            "uid": incident_uid(alert.instance, alert.incident),
            "title": alert.title,
            "desc": kind_text(kind_of(facts)).meaning if facts else "",
            "analytic": _analytic(facts) if facts else {},
            "types": [kind_of(facts)] if facts else [],
            "created_time": created,
            "first_seen_time": parts.first_seen or created,
            "last_seen_time": parts.last_seen,
            "modified_time": milliseconds(alert.at),
            "related_events": parts.related,
        }
    )


def _analytic(facts: Facts) -> dict[str, Any]:
    kind = kind_of(facts)
    technique = STATISTICAL if kind == "forecast" else RULE
    name = kind_text(kind).name
    return {"uid": kind, "name": name, **_pair("type", technique), "version": _own_version()}


def _test(alert: Alert) -> dict[str, Any]:
    return known(
        {
            **_classified(DETECTION_FINDING, FINDINGS, ACTIVITIES["test"]),
            "class_name": "Detection Finding",
            "category_name": "Findings",
            "time": milliseconds(alert.at) or 0,
            "message": alert.title,
            "metadata": _metadata(alert, alert.id),
            **_pair("severity", INFORMATIONAL),
            **_pair("status", RESOLVED),
            **_pair("verdict", TEST),
            "is_alert": False,
            "comment": alert.reason,
            "finding_info": known(
                {
                    "uid": alert.id,
                    "title": alert.title,
                    "desc": "A person asked for this alert, to see that it arrives.",
                    "created_time": milliseconds(alert.at),
                }
            ),
            "unmapped": known({"by": alert.by}),
        }
    )


def _heartbeat(alert: Alert) -> dict[str, Any]:
    return known(
        {
            **_classified(BASE_EVENT, 0, Named(OTHER, "Heartbeat")),
            "class_name": "Base Event",
            "category_name": "Uncategorized",
            "time": milliseconds(alert.at) or 0,
            "message": alert.title,
            "metadata": _metadata(alert, ""),
            **_pair("severity", INFORMATIONAL),
            **_pair("status", Named(1, "Success")),
            "unmapped": dict(alert.figures or {}),
        }
    )


def _metadata(alert: Alert, correlation: str) -> dict[str, Any]:
    """Say which event this is and who sends it; `uid` is the same at each repetition of the alert."""
    confidentiality = CONFIDENTIALITY.get(alert.marking)
    profiles = [] if alert.event == "heartbeat" else ["incident"]
    return known(
        {
            "version": OCSF_VERSION,
            "uid": alert.id,
            "correlation_uid": correlation,
            "event_code": alert.event,
            "log_version": alert.schema,
            "product": {
                "name": PRODUCT,
                "uid": "adt-gateway",
                "vendor_name": PRODUCT,
                "version": _own_version(),
            },
            "reporter": {"name": alert.instance},
            "tenant_uid": alert.instance,
            "profiles": [*profiles, "data_classification"] if confidentiality else profiles,
            "data_classifications": [_pair("confidentiality", confidentiality)] if confidentiality else [],
        }
    )


def _classified(class_uid: int, category_uid: int, activity: Named) -> dict[str, Any]:
    return {
        "class_uid": class_uid,
        "category_uid": category_uid,
        "activity_id": activity.id,
        "activity_name": activity.caption,
        "type_uid": class_uid * 100 + activity.id,
    }


def _pair(attribute: str, named: Named | None) -> dict[str, Any]:
    """Return an enumerated attribute and its caption; nothing for None."""
    return {f"{attribute}_id": named.id, attribute: named.caption} if named else {}
