"""Silences and planned work at the daemon: API, command line, console, and across a kill."""

import json
import time
from typing import Any

from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm
from tests.support.visitor import Visitor, words
from tests.support.with_people import SUPPLIER

pytestmark = needs_softhsm


def alerts(daemon: Daemon) -> list[dict[str, Any]]:
    file = daemon.data / "alerts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def breach(daemon: Daemon, first: int, count: int) -> None:
    before = len(daemon.incidents())
    daemon.as_("adaptor").send_lines([header_line(first + number) for number in range(count)])
    wait_for("the breach", lambda: len(daemon.incidents()) > before)


def test_planned_work_is_muted_shown_and_told_when_it_is_over(own_daemon: Daemon) -> None:
    """Neither a kill in between nor the restart loses what was muted, or tells it twice."""
    daemon = own_daemon
    daemon.put_in_force(row(2, 400))
    about = ["--user-id", SUPPLIER, "--kind", "threshold", "--class", "SR", "--service", "7.4"]
    made = daemon.as_("olga").cli(
        "silences", "add", "--reason", "CHG-7 firmware", "--for", "4h", "--planned-work", *about, "--json"
    )
    assert made.returncode == 0, made.stderr
    silence = json.loads(made.stdout)
    assert (silence["state"], silence["muted_count"], silence["quarantine"]) == ("active", 0, False)
    breach(daemon, 0, 5)
    (incident,) = daemon.incidents()
    assert daemon.actions(f"incident/{incident['id']}") == ["incident.opened", "alert.muted"]
    found = daemon.as_("adam").get(f"/api/v1/incidents/{incident['id']}").json
    assert (found["planned_work"], found["silences"]) == ("planned work: CHG-7 firmware", [silence["id"]])
    assert found["excess_count"] == 3
    visitor = Visitor(daemon.url)
    visitor.sign_in("adam")
    assert "Planned work : CHG-7 firmware" in words(visitor.get("/incidents/1")).replace("work:", "work :")
    assert "CHG-7 firmware" in words(visitor.get(f"/silences/{silence['id']}"))
    daemon.kill()
    daemon.start()
    time.sleep(1.5)
    assert alerts(daemon) == []
    ended = daemon.as_("ana").cli("silences", "end", str(silence["id"]), "--reason", "done")
    assert ended.returncode == 0, ended.stderr
    wait_for("the alert", lambda: alerts(daemon))
    # Until it is on record as sent, a stop has it sent again, under the same id.
    wait_for("it to be on record", lambda: daemon.metric("alerts_waiting", "file") == 0)
    daemon.restart()
    time.sleep(1.5)
    (alert,) = alerts(daemon)
    assert (alert["event"], alert["incident"]) == ("opened", incident["id"])
    assert alert["opened_at"] == incident["opened_at"]
    assert alert["title"].endswith("(planned work: CHG-7 firmware)")
    shown = daemon.as_("adam").get(f"/api/v1/silences/{silence['id']}").json
    assert (shown["state"], shown["muted_count"]) == ("over", 1)
    assert shown["muted"][0]["told_at"] is not None
    listed = daemon.as_("adam").cli("silences", "list", "--all")
    assert "CHG-7 firmware" in listed.stdout
    assert "No silence" in daemon.as_("adam").cli("silences").stderr
    assert daemon.verify_audit().returncode == 0


def test_a_silence_is_made_and_ended_at_the_console(daemon: Daemon) -> None:
    visitor = Visitor(daemon.url)
    visitor.sign_in("ana")
    fields = {"reason": "a test", "kind": "queue_full", "what": "silence", "ends_at": "2020-01-01T00:00"}
    refused = visitor.post("/silences/new", fields)
    assert refused.status == 422
    assert "must end after it begins" in words(refused)
    end = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + 3600))
    made = visitor.post("/silences/new", fields | {"ends_at": end})
    assert made.status == 303
    path = made.headers["Location"]
    assert "no quarantine-level incident" in words(visitor.get(path))
    assert visitor.post(f"{path}/end", {"reason": " "}).status == 422
    assert visitor.post(f"{path}/end", {"reason": "done"}).status == 303
    assert "Ended early" in words(visitor.get(path))
    assert visitor.get("/silences/99999").status == 404
    answer = daemon.as_("olga").ask("POST", "/api/v1/silences", b'{"reason": "x"}', "application/json")
    assert (answer.status, answer.code) == (422, "body_malformed")
    body = b'{"reason": "x", "ends_at": "tomorrow", "kind": "clock"}'
    answer = daemon.as_("olga").ask("POST", "/api/v1/silences", body, "application/json")
    assert (answer.status, answer.code) == (422, "silence_ends")
