"""Alerts of the DCC through a real daemon: over HTTP and MQTT, believed or not, shown on pages and as JSON."""

import csv
import io
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from gateway.web.openapi import describe
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon
from tests.support.dcc import TestDcc, alert, answer, quarantine
from tests.support.mosquitto import Mosquitto, needs_mosquitto
from tests.support.quarantined_daemon import ALERTS, DCC, held, quarantined_daemon, request_id, send
from tests.support.softhsm import needs_softhsm
from tests.support.visitor import Visitor, words
from tests.support.with_people import SUPPLIER

pytestmark = needs_softhsm


def quarantined(daemon: Daemon, query: str = "") -> list[dict[str, Any]]:
    return list(daemon.as_("adam").get(f"/api/v1/quarantined{query}").json["requests"])


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with quarantined_daemon(tmp_path_factory.mktemp("quarantine")) as running:
        yield running


def test_what_the_dcc_holds_is_answered_after_the_commit(daemon: Daemon) -> None:
    before = len(quarantined(daemon))
    answer = send(daemon, held(5, count=3))
    assert answer.json | {"kind": "quarantine", "trust": "verified", "matched": "in_excess"} == answer.json
    assert len(quarantined(daemon)) == before + 1
    assert quarantined(daemon, f"?request_id={request_id(5)}")[0]["alerts"] == 3


def test_each_request_is_matched_to_our_own_count(daemon: Daemon) -> None:
    found = {each["request_id"]: each for each in quarantined(daemon)}
    assert found[request_id(4)]["matched"] == "in_excess"
    assert found[request_id(4)]["sent_at"] == found[request_id(4)]["sent_until"]
    assert found[request_id(2)]["matched"] == "predicted"
    assert found[request_id(666)]["matched"] == "unknown"
    assert found[request_id(666)]["sent_at"] is None
    kinds = {each["kind"]: each for each in daemon.incidents()}
    assert kinds["unknown_request"]["user_id"] == SUPPLIER
    assert kinds["dcc_quarantine"]["level"] == "quarantine"
    assert daemon.metric("incidents_open", "unknown_request") == 1


def test_a_list_is_narrowed_by_its_address(daemon: Daemon) -> None:
    assert {each["matched"] for each in quarantined(daemon, "?matched=unknown")} == {"unknown"}
    assert {each["event_ref"] for each in quarantined(daemon, "?event=7&state=held")} == {"7"}
    assert quarantined(daemon, "?user=90-B3-D5-1F-30-99-99-99") == []
    for query in ("?matched=maybe", "?state=x", "?limit=-1"):
        assert daemon.as_("adam").get(f"/api/v1/quarantined{query}").code == "query_malformed"


def test_a_request_that_the_dcc_answered_by_itself_has_ended_without_a_decision(daemon: Daemon) -> None:
    """Page, command line and audit chain say that nobody here decided on it."""
    send(daemon, held(3, 31))
    send(daemon, DCC.sign(answer(request_id(3), "I0", at=time.time() + 1)))
    wait_for("its end", lambda: quarantined(daemon, "?event=31&state=ended"))
    (ended,) = quarantined(daemon, "?event=31&state=ended")
    assert (ended["decision_id"], ended["answer_code"]) == (None, "I0")
    visitor = Visitor(daemon.url)
    visitor.sign_in("ana")
    assert "ended by the DCC, which answered I0" in words(visitor.get("/quarantine?event=31&state=ended"))
    page = words(visitor.get(f"/quarantine/alerts/{ended['alert_id']}"))
    assert "ended by the DCC itself, nobody decided on it" in page
    held_31 = daemon.as_("ana").cli("quarantine", "held", "--state", "ended", "--event", "31")
    assert "ended by the DCC" in held_31.stdout
    assert daemon.verify_audit().returncode == 0


def test_an_unsigned_alert_is_shown_with_the_reason_and_changes_nothing(daemon: Daemon) -> None:
    unsigned = daemon.as_("adam").get(f"{ALERTS}?trust=unsigned").json["alerts"]
    assert [each["request_id"] for each in unsigned] == [request_id(5)]
    whole = daemon.as_("adam").get(f"{ALERTS}/{unsigned[0]['id']}").json
    assert whole["held"] is None
    assert whole["content"].startswith("<?xml")
    visitor = Visitor(daemon.url)
    visitor.sign_in("adam")
    assert "1 alert is not believed" in words(visitor.get("/quarantine"))
    page = words(visitor.get(f"/quarantine/alerts/{unsigned[0]['id']}"))
    assert "This alert is not believed" in page
    assert "The message has no signature" in page


def test_what_cannot_be_read_is_a_problem_and_nothing_is_kept(daemon: Daemon) -> None:
    before = daemon.as_("adam").get(ALERTS).json["count"]
    codes = {
        b"": "not_well_formed",
        b"<a/>": "not_a_response",
        b"<!DOCTYPE a [<!ENTITY e 'x'>]>" + quarantine(): "dtd_not_allowed",
        quarantine(event="x" * 30): "element_malformed",
        b"x" * (4 * 1024 * 1024 + 1): "too_large",
    }
    for data, code in codes.items():
        assert send(daemon, data).code == code
    assert daemon.as_("adaptor").ask("POST", ALERTS, b"{}", "application/json").status == 415
    assert daemon.as_("adam").get(ALERTS).json["count"] == before
    assert daemon.metric("dcc_refused_total", "dtd_not_allowed") == 1


def test_pages_show_waiting_time_match_and_filters(daemon: Daemon) -> None:
    visitor = Visitor(daemon.url)
    visitor.sign_in("ana")
    page = words(visitor.get("/quarantine"))
    assert "in our excess" in page
    assert "not seen leaving" in page
    assert "No request matches" in words(visitor.get("/quarantine?event=99999"))
    number = quarantined(daemon, "?event=7")[0]["alert_id"]
    detail = words(visitor.get(f"/quarantine/alerts/{number}"))
    assert "verified" in detail
    assert "A quarantine level of ours was passed then" in detail
    assert visitor.get("/quarantine?state=nonsense").status == 422


def test_the_difference_between_our_thresholds_and_the_dccs_is_shown(daemon: Daemon) -> None:
    found = daemon.as_("adam").get("/api/v1/quarantine/differences").json
    (expected,) = found["expected"]
    assert (expected["excess"], expected["user_id"]) == (2, SUPPLIER)
    assert expected["verdict"] in {"waits", "all_held"}
    visitor = Visitor(daemon.url)
    visitor.sign_in("olga")
    assert "Quarantine levels of ours" in words(visitor.get("/quarantine/differences"))


def test_dsp_pm_11_is_a_page_json_and_csv(daemon: Daemon) -> None:
    month = time.strftime("%Y-%m", time.gmtime())
    path = "/api/v1/performance-measures/pm-11"
    found = daemon.as_("adam").get(f"{path}?month={month}").json
    assert found["measure"] == "DSP PM 11"
    sums = found["sums"]
    assert sums["count"] == len(found["requests"]) >= 2
    assert (sums["share"], sums["not_seen"]) == (1.0, 1)
    answer = daemon.as_("adam").get(f"{path}.csv?month={month}")
    lines = list(csv.reader(io.StringIO(answer.body.decode())))
    assert len(lines) == sums["count"] + 1
    assert "dsp-pm-11" in answer.headers["Content-Disposition"]
    assert daemon.as_("adam").get(f"{path}?month=2026-13").code == "query_malformed"
    assert daemon.as_("adam").get(f"{path}.csv?month=x").code == "query_malformed"
    visitor = Visitor(daemon.url)
    visitor.sign_in("adam")
    page = words(visitor.get("/quarantine/pm-11"))
    assert "DSP PM 11" in page
    assert "100.0 %" in page
    assert visitor.get(f"/quarantine/pm-11/requests.csv?month={month}").body == answer.body
    assert "told us of no request" in words(visitor.get("/quarantine/pm-11?month=1999-01"))


def test_what_is_answered_is_described_whole(daemon: Daemon) -> None:
    """A schema lets more keys pass: here a key that is not described is found."""
    description = describe()
    closed = json.loads(json.dumps(description["components"]))
    for schema in closed["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    for path in (
        ALERTS,
        f"{ALERTS}/{{number}}",
        "/api/v1/quarantined",
        "/api/v1/quarantine/differences",
        "/api/v1/performance-measures/pm-11",
    ):
        answers = description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        found = daemon.as_("adam").get(path.replace("{number}", "1"))
        validator = Draft202012Validator(
            answers["schema"] | {"components": closed}, format_checker=FormatChecker()
        )
        validator.validate(found.json)
        with pytest.raises(ValidationError):
            validator.validate(found.json | {"more": 1})


def test_a_flood_is_held_off_with_retry_after_and_what_was_taken_is_on_record(tmp_path: Path) -> None:
    """Whoever is told 503 sends again; requests are counted meanwhile."""
    folder = DCC.write(tmp_path / "dcc")
    settings = {"certificates_folder": str(folder), "queue_limit": 100}
    with Daemon(tmp_path / "daemon", token=False, dcc=settings) as daemon:
        data = [held(number, number % 3) for number in range(400)]

        def send_until_taken(message: bytes) -> int:
            refusals = 0
            while (answer := send(daemon, message)).status == 503:
                assert answer.headers["Retry-After"]
                refusals += 1
                time.sleep(0.1)
            assert answer.status == 202
            return refusals

        with ThreadPoolExecutor(130) as pool:
            with daemon.locked_database():
                waiting = [pool.submit(send_until_taken, message) for message in data]
                wait_for("a full queue", lambda: '"queue_full"' in daemon.log)
            counted = daemon.as_("adaptor").send_lines([header_line(number) for number in range(1000, 1100)])
            assert counted.json["accepted"] == 100
            assert sum(future.result() for future in waiting) > 0
        assert daemon.as_("adam").get("/api/v1/quarantined?limit=1").json["count"] == 400
        assert len(daemon.journal()) == 100


def test_without_certificates_nothing_is_believed_and_a_new_one_is_taken_by_a_signal(tmp_path: Path) -> None:
    other = TestDcc()
    folder = other.write(tmp_path / "dcc")
    with Daemon(tmp_path / "daemon", token=False, dcc={"certificates_folder": str(folder)}) as daemon:
        assert send(daemon, held(1)).json["trust"] == "unknown_signer"
        DCC.write(folder)
        assert daemon.process is not None
        os.kill(daemon.process.pid, signal.SIGHUP)
        wait_for("the certificate", lambda: send(daemon, held(2)).json["trust"] == "verified")
        wait_for("what came before it", lambda: quarantined(daemon, f"?request_id={request_id(1)}"))
        (folder / "broken.pem").write_text("no certificate")
        os.kill(daemon.process.pid, signal.SIGHUP)
        wait_for("the refusal", lambda: "dcc_certificates_refused" in daemon.log)
        assert send(daemon, held(3)).json["trust"] == "verified"


def test_what_was_answered_is_there_after_a_power_cut(tmp_path: Path) -> None:
    folder = DCC.write(tmp_path / "dcc")
    with Daemon(tmp_path / "daemon", token=False, dcc={"certificates_folder": str(folder)}) as daemon:
        data = [held(number) for number in range(60)]
        with ThreadPoolExecutor(8) as pool:
            assert {each.status for each in pool.map(lambda each: send(daemon, each), data)} == {202}
        daemon.kill()
        daemon.start()
        assert daemon.as_("adam").get("/api/v1/quarantined").json["count"] == 60
        assert send(daemon, data[0]).json["repeated"]
        assert daemon.verify_audit().returncode == 0


@needs_mosquitto
def test_alerts_over_mqtt_are_acknowledged_after_the_commit_and_poison_passes(tmp_path: Path) -> None:
    folder = DCC.write(tmp_path / "dcc")
    settings = {"certificates_folder": str(folder)}
    with (
        Mosquitto(tmp_path / "broker") as broker,
        Daemon(tmp_path / "daemon", token=False, mqtt=broker.section, dcc=settings) as daemon,
    ):
        wait_for("the broker", lambda: daemon.metric("ready", "broker") == 1)
        with broker.client() as sender:
            with daemon.locked_database():
                sender.publish(held(1), "duis/alerts")
                wait_for("a refused commit", lambda: "dcc_messages_not_recorded" in daemon.log)
            for data in (b"", b"poison", b"<a/>", held(2), alert("<sr:PowerOutageEvent/>", at=time.time())):
                sender.publish(data, "duis/alerts")
            sender.publish(DCC.sign(answer(request_id(1), "I0", at=time.time() + 1)), "duis/alerts")
            sender.publish(b"\n".join([b'{"request_id": 1}']), "duis/requests")
        wait_for("both requests", lambda: len(quarantined(daemon)) == 2)
        first, second = quarantined(daemon)
        assert (first["request_id"], second["request_id"]) == (request_id(1), request_id(2)), "as they came"
        wait_for("the answer", lambda: quarantined(daemon)[0]["answer_code"] == "I0")
        assert {each["source"] for each in daemon.as_("adam").get(ALERTS).json["alerts"]} == {"mqtt"}
        assert daemon.log.count("dcc_message_refused") == 3
        assert daemon.metric("dcc_messages_total", "alert", "unsigned") == 1
