"""What the pages of incidents, audit chain, token, settings and overview say, and to whom; without a browser."""

import csv
import io
import json
import signal
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from tests.support.adt import adt_text
from tests.support.api import COMMAND, header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.visitor import Visitor, words
from tests.support.with_people import PASSWORD, SUPPLIER

HOSTILE: Final = "<script>alert(1)</script>\"'&{{7*7}}"
SENT: Final = 64


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon with a quarantine breach of 60 requests in excess, which nobody has closed."""
    with Daemon(tmp_path_factory.mktemp("watched")) as daemon:
        daemon.put_in_force(row(2, 4), name="first.csv")
        daemon.submit(row(3, 5), name="waiting.csv")
        daemon.as_("adaptor").send_lines([header_line(number) for number in range(SENT)])
        wait_for("the breach", lambda: [each for each in daemon.incidents() if each["level"] == "quarantine"])
        yield daemon


def _signed_in(daemon: Daemon, name: str) -> Visitor:
    visitor = Visitor(daemon.url)
    assert visitor.sign_in(name).status == 303
    return visitor


def _breach(daemon: Daemon) -> int:
    return int(next(each["id"] for each in daemon.incidents() if each["level"] == "quarantine"))


def test_an_incident_says_what_happened_who_set_the_limit_and_what_is_on_record(watched: Daemon) -> None:
    number = _breach(watched)
    answer = _signed_in(watched, "ana").get(f"/incidents/{number}")
    said = words(answer)
    assert "were sent than the quarantine level allows: 5 within PT1H, and the limit is 4" in said
    assert said.index("were sent than") < said.index("Count and limit")
    assert "Submitted by alice" in said
    assert "Approved by bob" in said
    assert "Requests 1 to 50 of 60" in said
    assert b'href="/files/1"' in answer.body
    assert b"incident.opened" in answer.body
    second = words(_signed_in(watched, "ana").get(f"/incidents/{number}?page=2"))
    assert "Requests 51 to 60 of 60" in second


def test_all_requests_in_excess_are_downloaded_once_each(watched: Daemon) -> None:
    number = _breach(watched)
    answer = _signed_in(watched, "adam").get(f"/incidents/{number}/excess.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="incident-{number}-excess.csv"' in answer.headers["Content-Disposition"]
    header, *rows = csv.reader(io.StringIO(answer.body.decode()))
    assert header == ["RequestID", "Class", "ObservedAt"]
    stored = watched.query(
        "SELECT request_id FROM excess JOIN episodes ON episodes.id = episode_id WHERE incident_id = ?",
        number,
    )
    assert sorted(each[0] for each in rows) == sorted(each[0] for each in stored)
    assert len(rows) == SENT - 4


def test_a_reason_is_needed_and_a_hostile_one_stays_text(own_daemon: Daemon) -> None:
    own_daemon.put_in_force(row(1, 100))
    own_daemon.as_("adaptor").send_lines([header_line(number) for number in range(3)])
    wait_for("the breach", own_daemon.incidents)
    ana = _signed_in(own_daemon, "ana")
    step = {"to": "false_positive", "version": "1"}
    answer = ana.post("/incidents/1/step", step | {"reason": "  "})
    assert answer.status == 422
    assert "Say why, in 1 to 500 characters." in words(answer)
    assert ana.post("/incidents/1/step", step | {"reason": HOSTILE}).status == 303
    assert ana.post("/incidents/1/notes", {"note": HOSTILE}).status == 303
    step = {"to": "closed", "version": "2", "reason": HOSTILE}
    assert ana.post("/incidents/1/step", step).status == 303
    for path in ("/incidents/1", "/incidents?state=all", "/audit", "/audit?subject=incident%2F1"):
        assert b"<script>alert" not in ana.get(path).body
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;" in ana.get("/incidents/1").body
    again = ana.post("/incidents/1/step", step | {"reason": "again", "version": "3"})
    assert (again.status, "closed already" in words(again)) == (409, True)


@pytest.mark.parametrize(
    "path",
    [
        "/incidents?text=",
        "/incidents?user=",
        "/audit?actor=",
        "/audit?subject=",
        "/audit?action=",
        "/incidents?state=",
        "/audit?since=",
        "/incidents?page=",
        "/audit?first=",
    ],
)
def test_what_stands_in_an_address_is_never_a_part_of_the_page(watched: Daemon, path: str) -> None:
    answer = _signed_in(watched, "adam").get(path + quote(HOSTILE))
    assert answer.status in {200, 422}
    assert b"<script>alert" not in answer.body


def test_hostile_words_of_the_store_are_shown_as_words(own_daemon: Daemon) -> None:
    """A file name, a cell and a header cannot hold them (they are refused before); a changed database can."""
    own_daemon.put_in_force(row(1, 100))
    own_daemon.as_("adaptor").send_lines([header_line(number) for number in range(3)])
    wait_for("the breach", own_daemon.incidents)
    own_daemon.change("UPDATE incidents SET title = ?, user_id = '<img src=x>'", HOSTILE)
    facts = json.loads(own_daemon.query("SELECT detail FROM incidents")[0][0])
    facts["threshold"]["set_by"]["file_name"] = HOSTILE
    facts["threshold"]["service"] = facts["first_request_id"] = HOSTILE
    own_daemon.change("UPDATE incidents SET detail = ?", json.dumps(facts).encode())
    own_daemon.change("UPDATE excess SET request_id = ? || request_id", HOSTILE)
    adam = _signed_in(own_daemon, "adam")
    for path in ("/overview", "/incidents", "/incidents/1"):
        answer = adam.get(path)
        assert answer.status == 200
        assert b"<script>alert" not in answer.body
        assert b"<img src" not in answer.body
        assert b"&lt;script&gt;alert(1)" in answer.body
        assert b"49" not in answer.body.partition(b"&lt;script&gt;")[2][:60]


def test_an_incident_whose_facts_cannot_be_read_still_has_its_page(own_daemon: Daemon) -> None:
    own_daemon.put_in_force(row(1, 100))
    own_daemon.as_("adaptor").send_lines([header_line(number) for number in range(3)])
    wait_for("the breach", own_daemon.incidents)
    for kind, detail in (("threshold", b"\xff{"), ("of a later version", b'{"kind":"of a later version"}')):
        own_daemon.change("UPDATE incidents SET kind = ?, detail = ?", kind, detail)
        answer = _signed_in(own_daemon, "adam").get("/incidents/1")
        assert (answer.status, "cannot be read here" in words(answer)) == (200, True)


def test_hostile_words_that_are_sent_are_refused_and_leave_no_mark(own_daemon: Daemon) -> None:
    """In the name of a file, in a cell, in a header's RequestID and service reference variant."""
    alice, adaptor = own_daemon.as_("alice"), own_daemon.as_("adaptor")
    assert alice.submit(b"UserID\r\n", HOSTILE).status == 422
    assert alice.submit(adt_text([[HOSTILE, *row(1, 2)[1:]]]).encode()).status == 422
    lines = [header_line(1) | {"request_id": HOSTILE}, header_line(2, HOSTILE)]
    assert [each["line"] for each in adaptor.send_lines(lines).json["rejected"]] == [1, 2]
    adam = _signed_in(own_daemon, "adam")
    number = own_daemon.query("SELECT max(number) FROM audit_records")[0][0]
    for path in ("/overview", "/incidents", "/audit", *(f"/audit/{number - each}" for each in range(4))):
        assert b"<script>alert" not in adam.get(path).body


def test_what_is_not_there_is_not_found_and_tells_nothing(watched: Daemon) -> None:
    adam = _signed_in(watched, "adam")
    for path in ("/incidents/99999", "/incidents/9999999999", "/incidents/99999/excess.csv", "/audit/99999"):
        answer = adam.get(path)
        assert answer.status == 404
        assert answer.headers["Content-Type"].startswith("text/html")
    assert "There are not so many pages." in words(adam.get("/incidents?state=all&page=2000000000"))


def test_a_role_sees_no_link_to_what_it_may_not_do(watched: Daemon) -> None:
    number = _breach(watched)
    sam, adam = _signed_in(watched, "sam"), _signed_in(watched, "adam")
    for visitor in (sam, adam):
        page = visitor.get(f"/incidents/{number}")
        assert b"<textarea" not in page.body
        assert "A person with the role analyst decides on it and closes it." in words(page)
        assert visitor.post(f"/incidents/{number}/step", {"reason": "x"}).status == 403
    assert b'href="/settings"' not in sam.get("/overview").body
    assert b'href="/people/' not in sam.get("/audit").body
    assert b'href="/people/' in adam.get("/audit").body
    assert sam.get("/settings").status == 403


def test_the_overview_tells_each_what_waits_for_them(watched: Daemon) -> None:
    bob, ana, adam = (words(_signed_in(watched, name).get("/overview")) for name in ("bob", "ana", "adam"))
    assert "ADT files to approve or reject: 1" in bob
    assert "Open incidents to look at: 1" in ana
    assert "Nothing waits for you." in adam
    dora = watched.submit(row(7, 9), by="dora", name="own.csv")
    assert "ADT files to approve or reject: 1" in words(
        _signed_in(watched, "dora").get("/overview")
    )  # not her own
    watched.as_("dora").step(dora, "withdraw", reason="done")
    assert f"{SUPPLIER} 1 0 0" in adam
    assert "1 Breach of a threshold" in adam


def test_an_empty_gateway_says_so_on_every_page(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False) as daemon:
        olga = _signed_in(daemon, "olga")
        assert "No incident is open." in words(olga.get("/overview"))
        assert "No threshold is in force" in words(olga.get("/overview"))
        assert "not heard yet" in words(olga.get("/overview"))
        assert "No candidate incident is open." in words(olga.get("/incidents"))
        assert "The chain was not verified here yet." in words(olga.get("/audit"))
        said = words(olga.get("/token"))
        assert "could not be read" in said
        assert "token_not_set" in said
        assert "This table is not in the settings" in words(olga.get("/settings"))


def test_the_whole_chain_is_verified_elsewhere_as_it_was_downloaded(watched: Daemon, tmp_path: Path) -> None:
    adam = _signed_in(watched, "adam")
    export = tmp_path / "audit-chain.jsonl"
    export.write_bytes(adam.get("/audit/chain.jsonl").body)
    command = [str(COMMAND), "audit", "verify", str(export)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    export.write_text(export.read_text().replace("alice", "mallo", 1))
    assert subprocess.run(command, capture_output=True, check=False).returncode == 7


def test_verify_now_tells_a_broken_chain_and_the_count_goes_on(own_daemon: Daemon) -> None:
    adam = _signed_in(own_daemon, "adam")
    own_daemon.change("UPDATE audit_records SET body = replace(body, 'alice', 'mallo') WHERE number = 1")
    assert adam.post("/audit/verify").headers["Location"] == "/audit#verification"
    taken = own_daemon.as_("adaptor").send_lines([header_line(1)])
    assert taken.status == 202
    wait_for("the verdict", lambda: "broken" in words(adam.get("/audit")))
    said = words(adam.get("/audit"))
    assert "Record 1" in said
    assert "by adam" in said
    assert "is not that of the bytes below" in words(adam.get("/audit/1"))


def test_a_record_is_shown_as_the_bytes_that_are_hashed(watched: Daemon) -> None:
    number, body, digest = watched.query("SELECT number, body, hash FROM audit_records ORDER BY number")[29]
    answer = _signed_in(watched, "adam").get(f"/audit/{number}")
    assert bytes(body).decode() in unescape(answer.body.decode())
    assert digest.encode() in answer.body
    assert json.loads(body)["previous"].encode() in answer.body
    assert "is that of the bytes below" in words(answer)


def test_records_are_searched_over_the_page(watched: Daemon) -> None:
    adam = _signed_in(watched, "adam")
    said = words(adam.get("/audit?action=adt_file.approved&actor=bob"))
    assert "adt_file.approved adt-file/1" in said
    assert "adt_file.submitted" not in said
    assert "No record matches." in words(adam.get("/audit?actor=nobody"))
    answer = adam.get("/audit?actor=alice&since=2026-13-01&first=x")
    assert (answer.status, "Write the time such as 2026-12-01" in words(answer)) == (422, True)
    assert (b'value="alice"' in answer.body, b'value="2026-13-01"' in answer.body) == (True, True)
    assert (b'<a href="#since">' in answer.body, b'<a href="#first">' in answer.body) == (True, True)
    assert "No record matches" not in words(answer)
    assert adam.get("/audit?since=2020-01-01+12:00&until=2099-01-01").status == 200


def test_the_token_is_shown_with_its_key_and_certificate(watched: Daemon) -> None:
    said = words(_signed_in(watched, "adam").get("/token"))
    for part in (
        "works",
        "not extractable",
        "never was extractable",
        "Days left",
        "Files signed 1",
        "nothing",
    ):
        assert part in said


def test_a_token_that_could_not_be_read_is_told_apart_from_a_wrong_one(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        daemon.ready_token.config.pin_file.write_text("000000")
        said = words(_signed_in(daemon, "adam").get("/token"))
        pin = daemon.ready_token.config.pin_file.read_text()
    assert "could not be read" in said
    assert "pin_refused" in said
    assert "That says nothing about the key" in said
    assert pin not in said


def test_a_token_that_hangs_holds_no_page_for_long(own_daemon: Daemon) -> None:
    adam = _signed_in(own_daemon, "adam")
    assert "works" in words(adam.get("/token"))
    [child] = own_daemon.children
    child.send_signal(signal.SIGSTOP)
    try:
        wait_for("a look that fails", lambda: "could not be read" in words(adam.get("/token")), 40)
        said = words(adam.get("/token"))
        assert "token_timeout" in said
        assert own_daemon.as_("adaptor").send_lines([header_line(2)]).status == 202
    finally:
        child.send_signal(signal.SIGCONT)


def test_settings_show_names_of_files_and_no_secret(watched: Daemon) -> None:
    answer = _signed_in(watched, "olga").get("/settings")
    said = words(answer)
    token = watched.ready_token.config
    assert str(token.pin_file) in said
    assert token.pin_file.read_text().strip() not in said
    assert PASSWORD not in said
    assert "unverified" in said
    assert "http.port 0 file needs a restart" in said
    assert "log.level info default at once" in said


def test_a_page_that_asks_by_itself_keeps_no_session_going(own_daemon: Daemon) -> None:
    visitor = _signed_in(own_daemon, "adam")
    own_daemon.stop()
    own_daemon.change("UPDATE sessions SET used_at = used_at - 1200, created_at = created_at - 1200")
    own_daemon.start()
    visitor.url = own_daemon.url
    before = own_daemon.query("SELECT used_at FROM sessions")
    assert visitor.get("/overview", {"X-Follow": "1"}).status == 200
    own_daemon.stop()
    assert own_daemon.query("SELECT used_at FROM sessions") == before
    own_daemon.start()
    visitor.url = own_daemon.url
    assert visitor.get("/overview").status == 200
    own_daemon.stop()
    assert own_daemon.query("SELECT used_at FROM sessions") != before
