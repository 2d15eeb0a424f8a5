"""From the DCC's alert to the end of each request: decided by two people, signed, delivered by SFTP, seen to have ended."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import XML, side_by_side, wait_for
from tests.support.daemon import Daemon
from tests.support.dcc import TestDcc, answer, quarantine
from tests.support.duis_messages import request_id
from tests.support.pki import openssl_accepts_cms
from tests.support.softhsm import needs_softhsm
from tests.support.sshd import Sshd, needs_sshd

pytestmark = [needs_softhsm, needs_sshd]

DECISIONS = "/api/v1/quarantine/decisions"
DCC = TestDcc()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with Sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def gateway(tmp_path: Path, sshd: Sshd) -> Iterator[Daemon]:
    certificates = DCC.write(tmp_path / "certificates")
    delivery = {"channel": "sftp", "sftp": sshd.section, "retry_seconds": 1}
    (tmp_path / "daemon").mkdir()
    dcc = {"certificates_folder": str(certificates)}
    with Daemon(tmp_path / "daemon", dcc=dcc, delivery=delivery) as running:
        yield running


def hold(daemon: Daemon, *counters: int, event: int = 42) -> None:
    """Let the DCC say that it holds these requests."""
    for counter in counters:
        tell(daemon, quarantine(request_id(counter), event, at=time.time()))


def tell(daemon: Daemon, message: bytes) -> None:
    """Let the DCC send a message that it signed."""
    said = daemon.as_("adaptor").ask("POST", "/api/v1/dcc-alerts", DCC.sign(message), XML)
    assert said.status == 202, said


def propose(daemon: Daemon, by: str = "ana", action: str = "RELEASE", **chosen: Any) -> Any:
    body = {"action": action, "reason": "our own campaign", "chosen": chosen}
    return daemon.as_(by).ask("POST", DECISIONS, json.dumps(body).encode())


def get(daemon: Daemon, number: int) -> Any:
    return daemon.as_("adam").get(f"{DECISIONS}/{number}").json


def test_an_alert_of_the_dcc_ends_as_a_release_that_two_people_signed_for(
    gateway: Daemon, sshd: Sshd, tmp_path: Path
) -> None:
    hold(gateway, 1, 2, 3)
    made = propose(gateway, event_ref="42")
    assert made.status == 201, made
    number = made.json["number"]
    assert (made.json["requests"], made.json["state"]) == (3, "submitted")
    own = gateway.as_("ana").post(f"{DECISIONS}/{number}/approve")
    assert (own.status, own.code) == (403, "role_missing")
    assert gateway.as_("bob").post(f"{DECISIONS}/{number}/approve").status == 200

    # Signed and delivered: what the server has is what was approved, and any OpenSSL verifies it.
    wait_for("the delivery", lambda: get(gateway, number)["state"] == "delivered")
    there = {path.name: path.read_bytes() for path in (sshd.files / str(number)).iterdir()}
    name = made.json["file"]["name"]
    assert set(there) == {name, f"{name}.p7s", f"{name}.receipt.json"}
    lines = there[name].decode().split("\r\n")
    assert lines[0] == "UserID,QuarantineEventRef,RequestID,Action"
    assert lines[1].endswith(f",42,{request_id(1)},RELEASE")
    trust = gateway.ready_token.trust_file
    assert openssl_accepts_cms(tmp_path, there[name], there[f"{name}.p7s"], trust)
    delivery = get(gateway, number)["delivery"]
    assert (delivery["channel"], "OpenSSH" in delivery["said"]) == ("sftp", True)
    assert "SHA-256" in delivery["said"]

    # The DCC answers: the requests end one by one, the decision with the last.
    acknowledged = gateway.as_("olga").post(f"{DECISIONS}/{number}/acknowledge", {"reference": "SSI 7"})
    assert acknowledged.json["state"] == "acknowledged"
    for counter in (1, 2):
        tell(gateway, answer(request_id(counter), at=time.time()))
    wait_for("two ended requests", lambda: get(gateway, number)["ended_requests"] == 2)
    confirmed = gateway.as_("ana").post(f"{DECISIONS}/{number}/ended", {"reason": "seen at the SSI"})
    assert (confirmed.status, confirmed.json["state"]) == (200, "ended")
    assert [row["ended_how"] for row in get(gateway, number)["rows"]] == ["answered", "answered", "confirmed"]
    assert gateway.actions(f"exit-quarantine/{number}")[:5] == [
        "exit_quarantine.submitted",
        "exit_quarantine.approved",
        "exit_quarantine.signing",
        "exit_quarantine.signed",
        "exit_quarantine.delivered",
    ]

    # An auditor verifies the chain with the receipt on another machine.
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(there[f"{name}.receipt.json"])
    assert gateway.verify_audit("--receipt", receipt).returncode == 0
    changed = json.loads(receipt.read_text())
    changed["approved"]["by"] = "ana"
    receipt.write_text(json.dumps(changed))
    assert gateway.verify_audit("--receipt", receipt).returncode != 0
    doctor = gateway.cli("doctor", "--json")
    findings = [each for each in json.loads(doctor.stdout)["findings"] if "profile" not in each["name"]]
    assert "exit-quarantine" not in json.dumps(findings) + doctor.stderr
    assert gateway.as_("adam").get("/api/v1/adt-files").json["files"] == []


def test_two_analysts_who_decide_at_once_never_share_a_request(gateway: Daemon) -> None:
    hold(gateway, *range(1, 9))
    answers = side_by_side(
        *[
            lambda by=by, action=action: propose(gateway, by, action, event_ref="42")
            for by, action in (("ana", "RELEASE"), ("olga", "DELETE"), ("ana", "DELETE"), ("olga", "RELEASE"))
        ]
    )
    assert sorted(each.status for each in answers) == [201, 409, 409, 409]
    assert {each.code for each in answers if each.status == 409} <= {"nothing_held", "quarantine_changed"}
    rows = gateway.query("SELECT quarantined_id FROM decision_rows WHERE live")
    assert len(rows) == len(set(rows)) == 8


def test_a_delivery_waits_for_a_server_that_is_away_and_for_one_that_is_the_right_one(
    gateway: Daemon, sshd: Sshd
) -> None:
    hold(gateway, 1)
    sshd.stop()
    number = propose(gateway, event_ref="42").json["number"]
    assert gateway.as_("bob").post(f"{DECISIONS}/{number}/approve").json["state"] == "signed"
    trouble = wait_for("a failed attempt", lambda: get(gateway, number)["delivery"])
    assert (trouble["error_code"], trouble["delivered_at"]) == ("sftp_unreachable", None)
    sshd.start()
    wait_for("the delivery", lambda: get(gateway, number)["state"] == "delivered", 30)
    assert get(gateway, number)["delivery"]["error"] is None


def test_the_command_line_decides_approves_and_hands_over(
    gateway: Daemon, sshd: Sshd, tmp_path: Path
) -> None:
    sshd.stop()
    hold(gateway, 1, 2)
    ana, bob, olga = (gateway.as_(name) for name in ("ana", "bob", "olga"))
    listed = olga.cli("quarantine", "held", "--event", "42")
    assert (listed.returncode, listed.stdout.count("unknown")) == (0, 2)
    assert request_id(2) in listed.stdout
    assert "No request matches" in olga.cli("quarantine", "held", "--event", "43").stderr
    done = ana.cli(
        "quarantine", "decide", "delete", "--event", "42", "--reason", "not ours", "--yes", "--json"
    )
    assert done.returncode == 0, done.stderr
    number = str(json.loads(done.stdout)["number"])
    late = olga.cli("quarantine", "decide", "release", "--event", "42", "--reason", "ours", "--yes")
    assert (late.returncode, "nothing_held" in late.stderr) == (1, True)
    assert bob.cli("quarantine", "approve", number).returncode == 0
    assert olga.cli("quarantine", "handed-over", number, "--reference", "mail 7").returncode == 0
    shown = olga.cli("quarantine", "show", number)
    assert "by_hand" in shown.stdout
    assert request_id(2) in shown.stdout
    assert (
        olga.cli("quarantine", "ended", number, "--reason", "SSI says deleted", "--line", "2").returncode == 0
    )
    listed = olga.cli("quarantine", "decisions")
    assert "1 of 2" in listed.stdout
    fetched = olga.cli("quarantine", "fetch", number, "-o", tmp_path / "out", "--json")
    assert len(json.loads(fetched.stdout)["files"]) == 3
    assert gateway.verify_audit().returncode == 0


def test_requests_that_wait_are_measured_by_state_and_by_their_limit(gateway: Daemon) -> None:
    hold(gateway, 1, 2)
    wait_for("the clock", lambda: gateway.metric("quarantine_requests", "held") == 2)
    assert gateway.metric("quarantine_overdue") == 0
    gateway.change("UPDATE quarantined SET received_at_ms = received_at_ms - 15000000")
    wait_for("the limit", lambda: gateway.metric("quarantine_overdue") == 2)
    assert gateway.metric("quarantine_oldest_seconds", "held") > 14_400
