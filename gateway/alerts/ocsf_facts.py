"""What is known of a candidate incident, in the objects of OCSF 1.8.0. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from gateway.alerts.facts import (
    BreachFacts,
    Condition,
    ConditionFacts,
    DccQuarantine,
    Facts,
    ForecastFacts,
    ThresholdFacts,
    UnknownRequest,
    kind_of,
)
from gateway.alerts.message import Alert

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
VOLUME: Final = "Volume Analysis"
RESOURCE_UID: Final = 10
"""`observable.type_id` of what is named by its place."""
HASH: Final = 8


def known(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return *attributes* without those that say nothing."""
    return {name: value for name, value in attributes.items() if value not in (None, "", [], {})}


def milliseconds(text: str | None) -> int | None:
    """Return an RFC 3339 instant in milliseconds since the epoch; None where there is none."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def incident_uid(instance: str, incident: int) -> str:
    """Return what names an incident of *instance* for life."""
    return f"{instance}/incident/{incident}"


class Known(msgspec.Struct, frozen=True):
    """The parts of an event that depend on the kind of facts."""

    start: int | None = None
    end: int | None = None
    first_seen: int | None = None
    last_seen: int | None = None
    count: int | None = None
    """How often it was met between *start* and *end*."""
    resources: list[dict[str, Any]] = []
    evidences: list[dict[str, Any]] = []
    anomaly_analyses: list[dict[str, Any]] = []
    observables: list[dict[str, Any]] = []
    related: list[dict[str, Any]] = []
    unmapped: dict[str, Any] = {}


def known_of(alert: Alert) -> Known:
    """Return what *alert* knows; a kind without a mapping of its own stands under `unmapped` as it is."""
    facts = alert.facts
    evidences = _record_evidence(alert)
    if isinstance(facts, BreachFacts):
        return _breach(alert, facts, evidences)
    if isinstance(facts, ForecastFacts):
        return _forecast(alert, facts, evidences)
    if isinstance(facts, DccQuarantine | UnknownRequest):
        return _held(alert, facts, evidences)
    if isinstance(facts, ConditionFacts):
        return _condition(alert, facts, evidences)
    return Known(evidences=evidences, **_named([_user(alert.user_id)]), unmapped=_other(facts))


def _breach(alert: Alert, facts: BreachFacts, evidences: list[dict[str, Any]]) -> Known:
    threshold = facts.threshold
    start, end = milliseconds(facts.window_from), milliseconds(facts.window_to)
    parameter = _parameter(threshold)
    seen = {"value": str(facts.count), "timespan": _timespan(start, end)}
    analysis = _analysis(threshold, [_observed(parameter, f"ABOVE_{facts.level.upper()}_LEVEL", known(seen))])
    return Known(
        start=start,
        end=end,
        first_seen=milliseconds(facts.opened_at),
        last_seen=end,
        count=facts.count,
        **_named([_user(threshold.user_id), _service(threshold)], threshold.set_by.file_sha256),
        evidences=[*evidences, *_file_evidence(threshold), *_request_evidence(facts)],
        anomaly_analyses=[analysis],
        related=_related(alert.instance, facts.supersedes, "the warning that this one takes the place of"),
        unmapped={**_threshold_rest(facts, threshold), "limit": facts.limit, "count": facts.count},
    )


def _forecast(alert: Alert, facts: ForecastFacts, evidences: list[dict[str, Any]]) -> Known:
    threshold = facts.threshold
    raised = milliseconds(facts.raised_at)
    earliest, latest = milliseconds(facts.earliest_at), milliseconds(facts.latest_at)
    now = known({"value": str(facts.count), "timespan": known({"end_time": raised})})
    then = known({"value": str(facts.limit), "timespan": _timespan(earliest, latest)})
    parameter = _parameter(threshold)
    analysis = _analysis(
        threshold,
        [_observed(parameter, "RISING", now), _observed(parameter, "EXPECTED_ABOVE_QUARANTINE_LEVEL", then)],
    )
    return Known(
        end=milliseconds(facts.ended_at),
        first_seen=raised,
        **_named([_user(threshold.user_id), _service(threshold)], threshold.set_by.file_sha256),
        evidences=[*evidences, *_file_evidence(threshold)],
        anomaly_analyses=[analysis],
        related=_related(alert.instance, facts.reached, "the breach that was expected"),
        unmapped={
            **_threshold_rest(facts, threshold),
            "limit": facts.limit,
            "count": facts.count,
            "expected_at": facts.expected_at,
            "outcome": facts.outcome,
        },
    )


def _condition(alert: Alert, facts: Condition, evidences: list[dict[str, Any]]) -> Known:
    subject = known({"uid": facts.subject, "role_id": 3, "role": "Affected"})
    end = milliseconds(facts.until)
    return Known(
        start=milliseconds(alert.opened_at),
        end=end,
        last_seen=end,
        count=facts.occurrences,
        **_named([_user(alert.user_id), subject if facts.subject != alert.user_id else {}]),
        evidences=evidences,
        unmapped={
            "kind": kind_of(facts),
            "level": facts.level,
            "detail": facts.detail,
            "since": facts.since,
            "figures": dict(facts.figures),
        },
    )


def _held(alert: Alert, facts: DccQuarantine | UnknownRequest, evidences: list[dict[str, Any]]) -> Known:
    """Return what is known of requests that the DCC holds: how many, under which event, and which are named."""
    found = _condition(alert, facts, evidences)
    event = known({"uid": facts.figures.get("event_ref")})
    if event:
        event |= {"type": "DCC quarantine event", "role_id": 3, "role": "Affected"}
    requests = facts.figures.get("requests")
    return msgspec.structs.replace(
        found,
        count=requests if isinstance(requests, int) else facts.occurrences,
        **_named([_user(alert.user_id), event]),
        evidences=[*evidences, *_held_evidence(str(facts.figures.get("request_ids", "")))],
    )


def _held_evidence(request_ids: str) -> list[dict[str, Any]]:
    name = "request that the DCC holds and that was not seen leaving"
    return [
        {"name": name, "uid": each, "api": {"operation": "DUIS request", "request": {"uid": each}}}
        for each in request_ids.split(", ")
        if each
    ]


def _other(facts: Facts | None) -> dict[str, Any]:
    return {} if facts is None else {"facts": msgspec.to_builtins(facts)}


def _threshold_rest(facts: BreachFacts | ForecastFacts, threshold: ThresholdFacts) -> dict[str, Any]:
    return {
        "kind": kind_of(facts),
        "level": facts.level,
        "communication": threshold.communication,
        "service": threshold.service,
        "period": threshold.period,
        "alignment": threshold.alignment,
        "warning": threshold.warning,
        "quarantine": threshold.quarantine,
        "is_exception": threshold.is_exception,
    }


def _parameter(threshold: ThresholdFacts) -> str:
    return f"requests of {threshold.communication} {threshold.service} in {threshold.period}"


def _analysis(threshold: ThresholdFacts, anomalies: list[dict[str, Any]]) -> dict[str, Any]:
    parameter = _parameter(threshold)
    return {
        "analysis_targets": [
            *([{"name": threshold.user_id, "type": "DCC User"}] if threshold.user_id else []),
            {"name": f"{threshold.communication} {threshold.service}", "type": "Service reference"},
        ],
        "anomalies": anomalies,
        "baselines": [
            _observed(parameter, "WARNING_LEVEL", {"value": str(threshold.warning)}),
            _observed(parameter, "QUARANTINE_LEVEL", {"value": str(threshold.quarantine)}),
        ],
    }


def _observed(parameter: str, pattern: str, observation: dict[str, Any]) -> dict[str, Any]:
    """Return an `anomaly` or a `baseline`: they have the same attributes."""
    return {
        "observation_parameter": parameter,
        "observation_type": VOLUME,
        "observed_pattern": pattern,
        "observations": [observation],
    }


def _timespan(start: int | None, end: int | None) -> dict[str, Any]:
    span = known({"start_time": start, "end_time": end})
    return {**span, "type_id": 9, "type": "Time Interval"} if span else {}


def _user(user_id: str) -> dict[str, Any]:
    return {"uid": user_id, "type": "DCC User", "role_id": 2, "role": "Actor"} if user_id else {}


def _service(threshold: ThresholdFacts) -> dict[str, Any]:
    named = known({"uid": threshold.service, "name": threshold.service_name})
    return {**named, "type": "Service reference", "role_id": 4, "role": "Related"} if named else {}


def _named(resources: list[dict[str, Any]], file_sha256: str = "") -> dict[str, Any]:
    """Return the resources that are known and what of them can be searched for."""
    there = [resource for resource in resources if resource.get("uid") or resource.get("name")]
    observables = [
        {"name": "resources[].uid", "type_id": RESOURCE_UID, "type": "Resource UID", "value": resource["uid"]}
        for resource in there
        if "uid" in resource
    ]
    if file_sha256:
        name = "evidences[].file.hashes[].value"
        observables.append({"name": name, "type_id": HASH, "type": "Hash", "value": file_sha256})
    return {"resources": there, "observables": observables}


def _record_evidence(alert: Alert) -> list[dict[str, Any]]:
    if alert.record is None:
        return []
    data = {"number": alert.record.number, "hash": alert.record.hash}
    return [{"name": "audit record", "uid": f"record/{alert.record.number}", "data": data}]


def _file_evidence(threshold: ThresholdFacts) -> list[dict[str, Any]]:
    """Return the signed ADT file that set the threshold, and who approved it."""
    by = threshold.set_by
    if not by.file_name:
        return []
    hashes = [{"algorithm_id": 3, "algorithm": "SHA-256", "value": by.file_sha256}] if by.file_sha256 else []
    file = {
        "name": by.file_name,
        "uid": f"adt-file/{by.file_id}",
        "type_id": 1,
        "type": "Regular File",
        "hashes": hashes,
        "creator": known({"name": by.submitted_by}),
    }
    data = {
        "line": by.line,
        "approved_by": by.approved_by,
        "in_force_at": by.in_force_at,
        "in_force_record": by.in_force_record,
    }
    evidence = {
        "name": "ADT file that set the threshold",
        "uid": f"adt-file/{by.file_id}",
        "file": known(file),
    }
    return [{**evidence, **known({"user": known({"name": by.approved_by})}), "data": data}]


def _request_evidence(facts: BreachFacts) -> list[dict[str, Any]]:
    """Return the request that passed the level."""
    if not facts.first_request_id:
        return []
    service = facts.threshold.service
    api = {"operation": service or "DUIS request", "request": {"uid": facts.first_request_id}}
    return [{"name": "first request above the level", "uid": facts.first_request_id, "api": api}]


def _related(instance: str, incident: int | None, desc: str) -> list[dict[str, Any]]:
    if incident is None:
        return []
    return [{"uid": incident_uid(instance, incident), "type_uid": 200401, "desc": desc}]
