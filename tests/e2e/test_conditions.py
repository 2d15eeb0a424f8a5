"""What can be wrong besides a count, produced for real: each is one open candidate incident, also across SIGKILL."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.alerts.facts import KINDS
from gateway.clock import to_text
from tests.support.adaptor import TestAdaptor, running_adaptor
from tests.support.api import Answer, header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm

LIMIT: Final = 10_000


def of_kind(daemon: Daemon, kind: str) -> list[dict[str, Any]]:
    """Return the incidents of one kind, oldest first."""
    found = daemon.as_("ana").get(f"/api/v1/incidents?kind={kind}").json["incidents"]
    return list(reversed(found))


def wait_known(daemon: Daemon, kind: str, lasts: bool = True, **wanted: Any) -> dict[str, Any]:
    """Wait until the one incident of this kind says that it lasts or does not, and what else is *wanted*."""

    def look() -> Any:
        found = of_kind(daemon, kind)
        assert len(found) <= 1, found
        return [
            incident
            for incident in found
            if (incident["detail"]["until"] is None) == lasts
            and all(incident["detail"][name] == value for name, value in wanted.items())
        ]

    (incident,) = wait_for(f"the incident of kind {kind}", look)
    assert (incident["state"], incident["level"]) == ("candidate", "warning")
    return dict(incident)


def send(daemon: Daemon, first: int, count: int = 1) -> Answer:
    return daemon.as_("adaptor").send_lines([header_line(number) for number in range(first, first + count)])


def alerts(daemon: Daemon, incident: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the alerts of an incident as the SOC got them."""
    file = daemon.data / "alerts.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [alert for alert in map(json.loads, lines) if alert["incident"] == incident["id"]]


def test_a_silent_source_is_one_incident_across_a_kill(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False, silence={"http_seconds": 3}) as daemon:
        numbers = itertools.count(1)

        def speaks() -> Any:
            assert send(daemon, next(numbers)).status == 202
            return [
                found for found in of_kind(daemon, "source_silent") if found["detail"]["until"] is not None
            ]

        began = wait_known(daemon, "source_silent", subject="http")
        assert daemon.metric("incidents_open", "source_silent") == 1
        daemon.kill()
        daemon.start()
        assert wait_known(daemon, "source_silent") == began
        (ended,) = wait_for("it to speak", speaks)
        assert (ended["id"], ended["detail"]["occurrences"]) == (began["id"], 1)
        assert time.time() - daemon.metric("last_communication_timestamp_seconds", "http") < 60
        wait_known(daemon, "source_silent", occurrences=2)
        wait_for("the alerts", lambda: len(alerts(daemon, began)) == 2)
        assert [alert["event"] for alert in alerts(daemon, began)] == ["opened", "updated"]
        daemon.kill()
        daemon.set("silence", http_seconds=0)
        daemon.start()
        wait_known(daemon, "source_silent", lasts=False)
        words = "--as", "expected-work", "--reason", "a holiday"
        closed = daemon.as_("ana").cli("incidents", "close", str(began["id"]), *words)
        assert closed.returncode == 0
        wait_for("the alert", lambda: alerts(daemon, began)[-1]["event"] == "closed")
        assert alerts(daemon, began)[-1]["facts"]["occurrences"] == 2
        assert daemon.actions(f"incident/{began['id']}") == [
            "incident.opened",
            "incident.updated",
            "incident.expected_work",
            "incident.closed",
        ]
        for alert in alerts(daemon, began):
            (tmp_path / "alert.json").write_text(json.dumps(alert))
            assert daemon.verify_audit("--receipt", tmp_path / "alert.json").returncode == 0


def test_a_full_queue_is_remembered_while_the_store_is_away(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False, ingest={"queue_limit": LIMIT}) as daemon:
        with daemon.locked_database():
            waiting = threading.Thread(target=send, args=(daemon, 0, LIMIT))
            waiting.start()
            wait_for("the queue", lambda: daemon.metric("queued_communications") == LIMIT)
            for number in range(3):
                refused = send(daemon, LIMIT + number)
                assert (refused.status, refused.code) == (503, "queue_full")
            wait_for("the log", lambda: '"event": "condition_began"' in daemon.log)
            assert '"kind": "queue_full"' in daemon.log
        incident = wait_known(daemon, "queue_full")
        assert incident["detail"]["figures"] == {"deliveries": 3, "communications": 3}
        waiting.join()


def test_a_token_that_does_not_sign_is_an_incident_until_it_signs(own_daemon: Daemon) -> None:
    daemon = own_daemon
    number = daemon.submit(row(1, 2))
    tokens = daemon.ready_token.directory / "softhsm" / "tokens"
    away = tokens.rename(tokens.with_name("away"))
    tokens.mkdir()
    assert daemon.as_("bob").step(number, "approve").status == 503
    began = wait_known(daemon, "token", subject=daemon.settings("token")["label"])
    assert began["detail"]["figures"]["code"] in began["title"]
    daemon.kill()
    tokens.rmdir()
    away.rename(tokens)
    daemon.start()
    daemon.wait_state(number, "delivered")
    ended = wait_known(daemon, "token", lasts=False, occurrences=1)
    assert ended["id"] == began["id"]


def test_time_on_record_that_is_ahead_of_the_clock_is_an_incident(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False) as daemon:
        daemon.kill()
        daemon.change("UPDATE counted SET evaluated_at = ?", int(time.time()) + 7200)
        daemon.start()
        found = wait_known(daemon, "clock", lasts=False)
        assert 7190 <= found["detail"]["figures"]["seconds"] <= 7200


@pytest.fixture
def adaptor() -> Iterator[TestAdaptor]:
    with running_adaptor() as running:
        yield running


def test_requests_that_went_out_uncounted_are_one_incident(tmp_path: Path, adaptor: TestAdaptor) -> None:
    settings = {"url": adaptor.url, "authenticate": False}
    with Daemon(tmp_path, token=False, forward=settings) as daemon:
        assert daemon.stranger().ask("POST", "/duis/x", b"<no request", "application/xml").status == 200
        found = wait_known(daemon, "not_countable", lasts=False)
        assert found["detail"]["figures"]["code not_well_formed"] == 1
        assert daemon.actions("forward") == ["forward.not_counted"]


def test_a_forecast_is_raised_once_across_a_kill_and_becomes_the_breach(own_daemon: Daemon) -> None:
    daemon = own_daemon
    daemon.put_in_force(row(250, 400, start=-600))
    now = time.time()
    sent = [header_line(number, observed_at=to_text(now - 290 + number * 1.45)) for number in range(200)]
    assert daemon.as_("adaptor").send_lines(sent).json["accepted"] == 200
    wait_for("the forecast", lambda: of_kind(daemon, "forecast"))
    daemon.kill()
    daemon.start()
    (forecast,) = of_kind(daemon, "forecast")
    assert (forecast["state"], forecast["detail"]["limit"]) == ("candidate", 400)
    assert daemon.query("SELECT count(*) FROM forecasts") == [(1,)]
    assert send(daemon, 1000, 201).status == 202
    closed = wait_for("its end", lambda: [i for i in of_kind(daemon, "forecast") if i["state"] == "closed"])
    (quarantine,) = [i for i in of_kind(daemon, "threshold") if i["level"] == "quarantine"]
    assert [each["superseded_by"] for each in closed] == [quarantine["id"]]
    wait_for(
        "the alerts", lambda: len({each["id"] for each in alerts(daemon, forecast)}) == 2
    )  # one may come twice
    assert alerts(daemon, forecast)[-1]["facts"]["outcome"] == "reached"
    assert daemon.verify_audit().returncode == 0


def test_incidents_are_listed_by_kind(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False, silence={"http_seconds": 1, "mqtt_seconds": 1}) as daemon:
        wait_for("both", lambda: len(of_kind(daemon, "source_silent")) == 2)
        assert {kind for kind in KINDS if of_kind(daemon, kind)} == {"source_silent"}
        ana = daemon.as_("ana")
        refused = ana.get("/api/v1/incidents?kind=rumour")
        assert (refused.status, refused.code) == (422, "query_malformed")
        listed = ana.cli("incidents", "--kind", "source_silent")
        assert (listed.returncode, listed.stdout.count("source_silent")) == (0, 2)
        assert "no candidate incidents" in ana.cli("incidents", "--kind", "token").stderr
        shown = ana.cli("incidents", "show", "1")
        assert shown.returncode == 0
        assert "has brought no communication" in shown.stdout
