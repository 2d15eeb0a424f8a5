"""Thresholds in force, breaches and candidate incidents, with who set the threshold and which record says so."""

import json
import time
from typing import Any

from tests.support.adt import adt_text
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm
from tests.support.with_people import OTHER_SUPPLIER, SUPPLIER

pytestmark = needs_softhsm


def send(daemon: Daemon, first: int, count: int, variant: str = "7.4", user: str = SUPPLIER) -> None:
    lines = [header_line(number, variant) for number in range(first, first + count)]
    lines = [line | {"request_id": line["request_id"].replace(SUPPLIER, user)} for line in lines]
    assert daemon.as_("adaptor").send_lines(lines).json["accepted"] == count


def alerts(daemon: Daemon) -> list[dict[str, Any]]:
    file = daemon.data / "alerts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def levels(daemon: Daemon) -> dict[str, tuple[int, int]]:
    """Return the levels in force, by service."""
    found = daemon.as_("adam").get("/api/v1/thresholds").json["thresholds"]
    return {f"{t['user_id']} {t['service']}": (t["warning"], t["quarantine"]) for t in found}


def test_a_breach_is_one_chain_from_the_file_to_the_alert(own_daemon: Daemon) -> None:
    daemon = own_daemon
    send(daemon, 0, 2)  # counted before anything is in force; they count all the same
    number = daemon.acknowledge(row(3, 5))
    file = daemon.wait_state(number, "in force")
    assert daemon.incidents() == []
    send(daemon, 10, 1)
    assert daemon.as_("olga").cli("rates").returncode == 0
    assert daemon.incidents() == [], "a count equal to the level does not breach"
    send(daemon, 20, 1)
    (warning,) = wait_for("the warning", daemon.incidents)
    assert (warning["level"], warning["state"], warning["user_id"]) == ("warning", "candidate", SUPPLIER)
    facts = warning["detail"]
    assert (facts["count"], facts["limit"]) == (4, 3)
    assert facts["first_request_id"] == header_line(20)["request_id"]
    assert facts["threshold"]["set_by"] == {
        "file_id": number,
        "file_name": "adt.csv",
        "file_sha256": file["sha256"],
        "line": 2,
        "submitted_by": "alice",
        "approved_by": "bob",
        "in_force_at": file["in_force_at"],
        "in_force_record": file["in_force_record"],
    }
    rates = daemon.as_("olga").cli("rates")
    assert (rates.returncode, "warning" in rates.stdout) == (4, True)
    send(daemon, 30, 2)
    wait_for("the quarantine", lambda: len(daemon.incidents()) == 2)
    warning, quarantine = daemon.incidents()
    assert (warning["state"], warning["closed_by"], warning["superseded_by"]) == ("closed", "system", 2)
    assert (quarantine["level"], quarantine["detail"]["supersedes"]) == ("quarantine", 1)
    shown = daemon.as_("ana").get("/api/v1/incidents/2").json
    assert [excess["request_id"] for excess in shown["excess"]] == [header_line(31)["request_id"]]
    send(daemon, 40, 2)
    assert wait_for(
        "the excess",
        lambda: daemon.as_("ana").get("/api/v1/incidents/2").json["excess_count"] == 3,
    )
    assert len(daemon.incidents()) == 2, "one episode is one incident"
    wait_for("the alerts", lambda: len(alerts(daemon)) == 3)
    assert [(a["event"], a["incident"]) for a in alerts(daemon)] == [
        ("opened", 1),
        ("opened", 2),
        ("closed", 1),
    ]
    for alert in alerts(daemon):
        alert_file = daemon.folder / "alert.json"
        alert_file.write_text(json.dumps(alert))
        assert daemon.verify_audit("--receipt", alert_file).returncode == 0


def test_an_incident_is_closed_once_by_an_analyst(own_daemon: Daemon) -> None:
    daemon = own_daemon
    daemon.put_in_force(row(1, 2))
    send(daemon, 0, 3)
    wait_for("the incident", daemon.incidents)
    number = daemon.incidents()[-1]["id"]
    path = f"/api/v1/incidents/{number}/close"
    for name in ("alice", "bob", "olga", "adam", "adaptor"):
        refused = daemon.as_(name).post(path, {"reason": "x"})
        assert (refused.status, refused.code) == (403, "role_missing")
    assert daemon.as_("ana").post(path, {"reason": "  "}).code == "reason_required"
    assert daemon.as_("ana").post(path).code == "body_malformed"
    assert daemon.as_("ana").post("/api/v1/incidents/99/close", {"reason": "x"}).status == 404
    assert daemon.as_("ana").post(path, {"reason": "a campaign"}).code == "incident_step", "what was it?"
    closed = daemon.as_("ana").post(path, {"reason": "a campaign", "finding": "expected_work"})
    assert (closed.json["state"], closed.json["closed_by"], closed.json["reason"]) == (
        "closed",
        "ana",
        "a campaign",
    )
    again = daemon.as_("ana").cli("incidents", "close", str(number), "--reason", "again")
    assert (again.returncode, "incident_closed" in again.stderr) == (1, True)
    assert daemon.as_("ana").post(path, {"reason": "again"}).status == 409
    wait_for("the alert", lambda: alerts(daemon)[-1]["event"] == "closed")
    assert (alerts(daemon)[-1]["by"], alerts(daemon)[-1]["reason"]) == ("ana", "a campaign")


def test_the_second_file_replaces_the_first_for_the_users_it_names(own_daemon: Daemon) -> None:
    daemon = own_daemon
    first = daemon.put_in_force(row(10, 20), row(30, 40, service="4.1.1"), row(50, 60, user=OTHER_SUPPLIER))
    second = daemon.put_in_force(row(11, 21), name="second.csv")
    assert levels(daemon) == {f"{SUPPLIER} 7.4": (11, 21), f"{OTHER_SUPPLIER} 7.4": (50, 60)}
    assert daemon.as_("adam").file(first)["state"] == "in force", "one of its users is still its own"
    daemon.put_in_force(row(51, 61, user=OTHER_SUPPLIER), name="third.csv")
    daemon.wait_state(first, "superseded")
    assert daemon.as_("adam").file(second)["state"] == "in force"
    assert daemon.actions(f"adt-file/{first}")[-1] == "adt_file.superseded"


def test_a_lower_threshold_finds_the_breach_in_what_was_counted_before(own_daemon: Daemon) -> None:
    daemon = own_daemon
    daemon.put_in_force(row(10, 20))
    send(daemon, 0, 5)
    daemon.put_in_force(row(2, 4), name="lower.csv")
    (incident,) = wait_for("the breach", daemon.incidents)
    assert (incident["level"], incident["detail"]["count"]) == ("quarantine", 5)
    assert incident["detail"]["threshold"]["set_by"]["file_name"] == "lower.csv"


def test_a_file_comes_into_force_at_its_second(own_daemon: Daemon) -> None:
    daemon = own_daemon
    send(daemon, 0, 3)
    line = row(1, 2, start=3)
    due = int(time.time()) + 3
    number = daemon.submit(line)
    assert daemon.as_("bob").step(number, "approve").status == 200
    acknowledged = daemon.as_("olga").step(number, "acknowledge", reference="DCC-2").json
    if time.time() < due - 0.5:
        assert acknowledged["state"] == "acknowledged"
        assert daemon.rates() == []
        assert daemon.incidents() == []
    file = daemon.wait_state(number, "in force")
    due_text = line[6].replace("Z", ".000Z")
    assert file["in_force_at"] >= due_text
    (incident,) = wait_for("the breach", daemon.incidents)
    assert incident["opened_at"] >= due_text
    assert adt_text([line]).encode() == daemon.as_("adam").part(number, "file").body
