"""Each alert is a right OCSF 1.8.0 event, by the published definitions."""

import json
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.facts import Facts
from gateway.alerts.message import Alert
from gateway.alerts.ocsf import detection_finding
from gateway.clock import to_text
from tests.support.alerts import BREACH, FORECAST, HELD, NOT_SEEN, SILENT, USER, sample
from tests.support.ocsf import DEFINITIONS, Schema, needs_ocsf

SCHEMA = Schema() if DEFINITIONS.is_dir() else None
STATES = (
    "candidate",
    "acknowledged",
    "investigating",
    "confirmed",
    "false_positive",
    "expected_work",
    "closed",
)

ALERT = sample()

instants = st.integers(0, 4_000_000_000_000).map(lambda ms: to_text(ms / 1000))
texts = st.text(max_size=20)


def facts_of(kind: type[Facts]) -> st.SearchStrategy[Facts]:
    """Return every value of a kind, with instants where they belong."""
    times = (
        "window_from",
        "window_to",
        "opened_at",
        "raised_at",
        "expected_at",
        "earliest_at",
        "latest_at",
        "since",
    )
    fields = {name: instants for name in times if name in kind.__struct_fields__}
    ends = {n: instants | st.none() for n in ("until", "ended_at") if n in kind.__struct_fields__}
    levels = {"level": st.sampled_from(["warning", "quarantine", "of another version"])}
    counts = {n: st.integers(0, 2**31) for n in ("count", "occurrences") if n in kind.__struct_fields__}
    return st.builds(kind, **fields, **ends, **levels, **counts)


ALERTS = st.builds(
    Alert,
    instance=st.text(min_size=1, max_size=10),
    id=st.text(min_size=1, max_size=30),
    event=st.sampled_from(["opened", "updated", "closed", "test", "heartbeat"]),
    at=instants,
    opened_at=instants | st.just(""),
    facts=st.one_of(st.none(), *(facts_of(kind) for kind in get_args(Facts))),
    state=st.sampled_from([*STATES, "of another version"]),
    marking=st.sampled_from(["", "confidential", "classified", "of another version"]),
)


def faults(event: dict[str, Any]) -> list[str]:
    assert SCHEMA
    return SCHEMA.faults(event)


@needs_ocsf
@given(ALERTS)
def test_every_alert_is_a_right_event(alert: Alert) -> None:
    assert faults(detection_finding(alert)) == []


@given(ALERTS)
def test_an_event_survives_json_and_has_the_identity_of_its_alert(alert: Alert) -> None:
    event = detection_finding(alert)
    assert json.loads(json.dumps(event)) == event
    assert event["metadata"]["uid"] == alert.id


def test_a_breach_says_who_how_many_and_by_what_file() -> None:
    event = detection_finding(ALERT)
    assert (event["class_uid"], event["activity_id"], event["type_uid"]) == (2004, 1, 200401)
    assert event["severity"] == "High"
    assert event["is_alert"] is True
    assert event["finding_info"]["uid"] == "main/incident/7"
    assert event["finding_info"]["related_events"][0]["uid"] == "main/incident/6"
    [analysis] = event["anomaly_analyses"]
    assert [each["observations"][0]["value"] for each in analysis["anomalies"]] == ["125"]
    assert [each["observations"][0]["value"] for each in analysis["baselines"]] == ["80", "100"]
    record, file, request = event["evidences"]
    assert record["data"] == {"number": 41, "hash": "cd" * 32}
    assert file["file"]["hashes"] == [{"algorithm_id": 3, "algorithm": "SHA-256", "value": "ab" * 32}]
    assert file["user"] == {"name": "anna"}
    assert request["api"]["request"]["uid"] == BREACH.first_request_id
    assert [each["uid"] for each in event["resources"]] == [USER, "7.2"]


def test_instants_are_whole_milliseconds() -> None:
    event = detection_finding(ALERT)
    moment = datetime(2026, 12, 1, 10, 0, 0, 123_000, tzinfo=UTC)
    assert event["time"] == int(moment.timestamp() * 1000)
    assert event["finding_info"]["first_seen_time"] == event["time"] - 2123


def test_one_finding_is_created_updated_and_closed_under_one_uid() -> None:
    steps = [
        msgspec.structs.replace(ALERT, event=event, id=event) for event in ("opened", "updated", "closed")
    ]
    events = [detection_finding(step) for step in steps]
    assert [event["activity_id"] for event in events] == [1, 2, 3]
    assert {event["finding_info"]["uid"] for event in events} == {"main/incident/7"}
    assert [event["is_alert"] for event in events] == [True, True, False]


@pytest.mark.parametrize(
    ("state", "status", "verdict"),
    [
        ("candidate", "New", None),
        ("acknowledged", "In Progress", None),
        ("investigating", "In Progress", None),
        ("confirmed", "In Progress", "True Positive"),
        ("false_positive", "Suppressed", "False Positive"),
        ("expected_work", "Suppressed", "Benign"),
        ("closed", "Resolved", None),
    ],
)
def test_the_life_of_an_incident_shows_as_status_and_verdict(
    state: str, status: str, verdict: str | None
) -> None:
    event = detection_finding(msgspec.structs.replace(ALERT, state=state, assigned_to="kim", ticket="INC-1"))
    assert (event.get("status"), event.get("verdict")) == (status, verdict)
    assert event["unmapped"]["state"] == state
    assert (event["assignee"], event["tickets"]) == ({"name": "kim"}, [{"uid": "INC-1"}])


def test_a_closed_one_says_what_it_was_found_to_be() -> None:
    closed = msgspec.structs.replace(ALERT, event="closed", state="closed", finding="false_positive", group=5)
    event = detection_finding(closed)
    assert (event["activity_name"], event["status"], event["verdict"]) == (
        "Close",
        "Resolved",
        "False Positive",
    )
    assert event["unmapped"]["group"] == 5
    added = msgspec.structs.replace(closed, event="updated", ticket="INC-1")
    assert detection_finding(added)["is_alert"] is False


def test_requests_that_the_dcc_holds_are_counted_and_named() -> None:
    event = detection_finding(msgspec.structs.replace(ALERT, user_id=USER, facts=HELD))
    assert (event["count"], event["severity"]) == (25, "High")
    assert [each["uid"] for each in event["resources"]] == [USER, "Q-7"]
    unseen = detection_finding(msgspec.structs.replace(ALERT, user_id=USER, facts=NOT_SEEN))
    requests = [each["api"]["request"]["uid"] for each in unseen["evidences"] if "api" in each]
    assert requests == [f"{USER}:1", f"{USER}:2"]


@needs_ocsf
@pytest.mark.parametrize("held", [HELD, NOT_SEEN])
def test_what_is_said_of_held_requests_is_right(held: Facts) -> None:
    assert faults(detection_finding(msgspec.structs.replace(ALERT, user_id=USER, facts=held, group=5))) == []


def test_a_marking_is_a_classification_of_the_event() -> None:
    event = detection_finding(msgspec.structs.replace(ALERT, marking="classified", facts=None))
    assert event["metadata"]["data_classifications"] == [
        {"confidentiality_id": 6, "confidentiality": "Restricted"}
    ]
    assert event["metadata"]["profiles"] == ["incident", "data_classification"]


def test_a_test_takes_the_way_of_a_finding_and_leaves_nothing_to_do() -> None:
    event = detection_finding(msgspec.structs.replace(ALERT, event="test", id="main/test/1", facts=None))
    assert (event["class_uid"], event["verdict"], event["status"]) == (2004, "Test", "Resolved")
    assert (event["severity"], event["is_alert"]) == ("Informational", False)
    assert event["finding_info"]["uid"] == "main/test/1"


def test_a_heartbeat_is_no_finding() -> None:
    beat = msgspec.structs.replace(ALERT, event="heartbeat", facts=None, figures={"open_incidents": 0})
    event = detection_finding(beat)
    assert (event["class_uid"], event["activity_name"]) == (0, "Heartbeat")
    assert "finding_info" not in event
    assert event["unmapped"] == {"open_incidents": 0}


def test_a_forecast_says_when_and_a_condition_what() -> None:
    forecast = msgspec.structs.replace(FORECAST, outcome="reached", reached=9)
    event = detection_finding(msgspec.structs.replace(ALERT, facts=forecast))
    assert len(event["anomaly_analyses"][0]["anomalies"]) == 2
    assert event["finding_info"]["analytic"]["type"] == "Statistical"
    event = detection_finding(msgspec.structs.replace(ALERT, facts=SILENT))
    assert event["count"] == 2
    assert event["unmapped"]["figures"] == {"silent_seconds": 900}


@needs_ocsf
@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("time", "2026-12-01", "is no timestamp_t"),
        ("time", 1.5, "is no timestamp_t"),
        ("is_alert", 1, "is no boolean_t"),
        ("count", True, "is no integer_t"),
        ("severity_id", 7, "is none of"),
        ("severity_id", None, "is no integer_t"),
        ("severity", "Fatal", "which 4 is called"),
        ("invented", 1, "unknown attribute"),
        ("evidences", {}, "not an array"),
        ("evidences", [], "says nothing"),
        ("message", "", "says nothing"),
        ("type_uid", 200402, "does not follow"),
        ("category_uid", 1, "is not 2"),
        ("class_uid", 9999, "is no class"),
        ("metadata.product", {}, "says nothing"),
        ("metadata.product", {"version": "1"}, "at least one of"),
        ("metadata.profiles", [], "belongs to the profile incident"),
        ("metadata.profiles", ["invented"], "is none"),
        ("finding_info.uid", ..., "finding_info.uid: required"),
        ("finding_info.analytic.type_id", ..., "analytic.type_id: required"),
        ("finding_info.analytic.type_id", 12, "is none of"),
        ("metadata", ..., "metadata: required"),
        ("evidences.1.file.hashes.0.algorithm_id", 21, "is none of"),
        ("evidences.1.file.hashes.0.invented", 1, "unknown attribute"),
        ("evidences.0.data", ..., "at least one of"),
        ("observables.0.type_id", 4711, "is none of"),
        ("anomaly_analyses.0.anomalies", ..., "anomalies: required"),
        ("ticket", {"uid": "1"}, "deprecated"),
        ("cloud", {"provider": "x"}, "belongs to the profile cloud"),
    ],
)
def test_the_checker_finds_what_is_wrong(path: str, value: Any, fault: str) -> None:
    event = detection_finding(msgspec.structs.replace(ALERT, assigned_to="kim"))
    assert faults(event) == []
    *way, last = path.split(".")
    inner: Any = event
    for step in way:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    assert any(fault in each for each in faults(event)), faults(event)
