"""Analysts at a running gateway: over HTTP at once, at the console, and on the command line."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.api import Answer, Person, header_line, side_by_side, wait_for
from tests.support.browser import assert_accessible, needs_chromium, opened, sign_in
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm
from tests.support.visitor import Visitor, words

pytestmark = needs_softhsm

WIDTH = 360
HOSTILE = '"><script>alert(1)</script>'


def breached() -> list[dict[str, object]]:
    return [header_line(number) for number in range(4)]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Start a daemon whose incidents 1 and 2 are in one group: 2 took the place of 1."""
    with Daemon(tmp_path_factory.mktemp("work")) as daemon:
        daemon.put_in_force(row(1, 2))
        daemon.as_("adaptor").send_lines(breached())
        wait_for("the incidents", lambda: len(daemon.incidents()) == 2)
        yield daemon


def path(number: int, verb: str) -> str:
    return f"/api/v1/incidents/{number}/{verb}"


def post(person: Person, number: int, verb: str, **body: object) -> Answer:
    return person.ask("POST", path(number, verb), json.dumps(body).encode())


def second_analyst(daemon: Daemon) -> Person:
    assert daemon.cli("user", "add", "zoe", "--role", "analyst").returncode == 0
    return daemon.stranger(daemon.cli("user", "issue-token", "zoe").stdout.strip())


def test_two_analysts_at_once(own_daemon: Daemon) -> None:
    """Both decide on the same version at the same time: one is told who was quicker, and what they did."""
    daemon = own_daemon
    daemon.put_in_force(row(1, 100))
    daemon.as_("adaptor").send_lines(breached())
    wait_for("the incident", daemon.incidents)
    people = {"ana": daemon.as_("ana"), "zoe": second_analyst(daemon)}
    for version, state in enumerate(("acknowledged", "investigating", "confirmed", "investigating"), start=1):
        calls = [
            functools.partial(post, person, 1, "step", state=state, reason=f"by {name}", version=version)
            for name, person in people.items()
        ]
        done, refused = sorted(side_by_side(*calls), key=lambda answer: answer.status)
        assert (done.status, refused.status, refused.code) == (200, 409, "incident_changed")
        last = daemon.as_("adam").get("/api/v1/incidents/1").json["steps"][-1]
        assert f"{last['done_by']}, " in refused.json["detail"]
        assert f"{state} ({last['reason']})" in refused.json["detail"]
        assert done.json["version"] == version + 1
    assert daemon.actions("incident/1") == [
        *("incident.opened", "incident.acknowledged", "incident.investigating"),
        *("incident.confirmed", "incident.investigating"),
    ]
    assert daemon.query("SELECT count(*) FROM outbox") == [(5,)], "what was refused is not told"
    assert daemon.verify_audit().returncode == 0


def test_the_life_of_an_incident_at_the_console(own_daemon: Daemon) -> None:
    daemon = own_daemon
    daemon.put_in_force(row(1, 100))
    daemon.as_("adaptor").send_lines(breached())
    wait_for("the incident", daemon.incidents)
    ana, olga = Visitor(daemon.url), Visitor(daemon.url)
    ana.sign_in("ana")
    olga.sign_in("olga")
    assert "(c) loss or interruption of supply" in words(ana.get("/incidents/1"))
    assert "Nobody has decided it." in words(ana.get("/incidents/1"))
    nothing = olga.post("/incidents/1/step", {"version": "1", "reason": "x"})
    assert (nothing.status, "Choose what it becomes" in words(nothing)) == (422, True)
    step = {"to": "acknowledged", "reason": "on it", "version": "1"}
    assert olga.post("/incidents/1/step", step).status == 303
    stale = ana.post("/incidents/1/step", step | {"to": "confirmed", "reason": HOSTILE})
    assert stale.status == 409
    assert "olga, " in words(stale)
    assert b"<script>alert" not in stale.body, "what was written stays in the form"
    assert b"&lt;script&gt;" in stale.body
    assert b'value="2"' in stale.body, "the form is of the incident as it is now"
    for verb, fields in (
        ("assign", {"assigned_to": "ana"}),
        ("ticket", {"ticket": HOSTILE}),
        ("classification", {"licence": ["a", "c"], "sec": "major", "classification_reason": HOSTILE}),
        ("notifications", {"whom": HOSTILE, "told_at": "2026-01-01 08:30", "reference": "SSC-7"}),
        ("notes", {"note": f"{HOSTILE}\nsecond line"}),
        ("marking", {"marking": "confidential", "marking_reason": "supply"}),
    ):
        version = daemon.as_("adam").get("/api/v1/incidents/1").json["version"]
        answer = ana.post(f"/incidents/1/{verb}", fields | {"version": str(version)})
        assert answer.status == 303, words(answer)
    for where in ("/incidents/1", "/incidents/1/work", "/incidents", "/audit", "/overview"):
        assert b"<script>alert" not in ana.get(where).body
    page = words(ana.get("/incidents/1"))
    for text in ("CONFIDENTIAL", "Major Security Incident", "SSC-7", "Assigned to ana", "second line"):
        assert text in page
    for verb, fields in (
        ("merge", {"merge_with": "2", "merge_reason": HOSTILE}),
        ("split", {"split_reason": HOSTILE}),
        ("reopen", {"reason": HOSTILE}),
    ):
        stale = ana.post(f"/incidents/1/{verb}", fields | {"version": "1"})
        assert (stale.status, "was changed meanwhile" in words(stale)) == (409, True), verb
        assert ana.post(f"/incidents/1/{verb}", fields).status == 422, "each form says what it was made of"
    wrong = ana.post("/incidents/1/classification", {"version": "6", "sec": "none"})
    assert (wrong.status, "which of the letters hold" in words(wrong)) == (422, True)


def test_a_file_is_added_and_downloaded_without_being_shown(watched: Daemon) -> None:
    ana = Visitor(watched.url)
    ana.sign_in("ana")
    page = b"<html><script>alert(1)</script></html>"
    part = b'Content-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    parts = [
        part % (b"form_token", b"", ana.form_token.encode()),
        part % (b"upload", b'; filename="page.html"', page),
    ]
    body = b"".join(b"--x\r\n" + each for each in parts) + b"--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ana.ask_raw("POST", "/incidents/2/attachments", body, headers).status == 303
    (added,) = watched.as_("adam").get("/api/v1/incidents/2").json["attachments"]
    for answer in (
        ana.get(f"/incidents/2/attachments/{added['sha256']}"),
        watched.as_("adam").get(path(2, f"attachments/{added['sha256']}")),
    ):
        assert answer.body == page
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="page.html"')
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"] == "application/octet-stream"


def test_a_file_over_the_limit_is_refused_before_it_is_read(watched: Daemon) -> None:
    large = watched.as_("ana").ask("POST", path(2, "attachments?name=a"), b"x" * (1024 * 1024 + 1))
    assert (large.status, large.code) == (413, "too_large")


def test_the_command_line_works_on_an_incident(watched: Daemon, tmp_path: Path) -> None:
    ana = watched.as_("ana")
    (tmp_path / "log.txt").write_text("a log")
    steps = [
        ("acknowledge", "2", "--reason", "on it"),
        ("investigate", "2", "--reason", "the adaptor's log"),
        ("assign", "2", "ana"),
        ("ticket", "2", "CHG-12"),
        ("note", "2", "line one\nline two"),
        ("attach", "2", str(tmp_path / "log.txt")),
        ("classify", "2", "--licence", "c", "--sec", "compromise", "--reason", "supply"),
        ("notify", "2", "--whom", "SSC", "--at", "2026-01-01T08:30:00Z", "--reference", "SSC-7"),
        ("split", "2", "--reason", "another cause"),
        ("merge", "2", "--with", "1", "--reason", "one cause after all"),
        ("mark", "2", "confidential", "--reason", "supply"),
        ("dismiss", "2", "--as", "expected-work", "--reason", "a campaign"),
        ("close", "2", "--reason", "all done"),
        ("reopen", "2", "--reason", "not all"),
    ]
    for verb, *more in (("split",), ("merge", "--with", "1"), ("reopen",)):
        stale = ana.cli("incidents", verb, "2", *more, "--reason", "x", "--version", "99")
        assert (stale.returncode, "incident_changed" in stale.stderr) == (1, True)
    for step in steps:
        ran = ana.cli("incidents", *step)
        assert (ran.returncode, ran.stdout) == (0, ""), (step, ran.stderr)
    shown = ana.cli("incidents", "show", "2").stdout
    for text in ("CONFIDENTIAL", "CHG-12", "line two", "46.6/40.6: (c)", "SSC-7", "log.txt", "a campaign"):
        assert text in shown, shown
    found = json.loads(ana.cli("incidents", "show", "2", "--json").stdout)
    sha256 = next(file["sha256"] for file in found["attachments"] if file["name"] == "log.txt")
    output = tmp_path / "taken"
    assert ana.cli("incidents", "download", "2", sha256, "-o", output).returncode == 0
    assert output.read_text() == "a log"
    assert ana.cli("incidents", "download", "2", sha256, "-o", output).returncode != 0, "never over a file"
    assert watched.as_("olga").cli("incidents", "close", "1", "--reason", "x").returncode == 5
    again = ana.cli("incidents", "acknowledge", "2", "--reason", "x")
    assert (again.returncode, "incident_closed" in again.stderr) == (1, True)


def test_what_is_classified_is_closed_to_auditor_and_admin_on_every_way(own_daemon: Daemon) -> None:
    daemon = own_daemon
    daemon.put_in_force(row(1, 100))
    daemon.as_("adaptor").send_lines(breached())
    wait_for("the incident", daemon.incidents)
    marked = post(daemon.as_("ana"), 1, "marking", marking="classified", reason="supply", nominees=["olga"])
    assert marked.status == 200
    for name in ("adam", "ada"):
        visitor = Visitor(daemon.url)
        visitor.sign_in(name)
        for where in ("/incidents/1", "/incidents/1/excess.csv", f"/incidents/1/attachments/{'0' * 64}"):
            assert visitor.get(where).status == 403
        for where in ("/overview", "/incidents", "/incidents?state=all&text=threshold", "/audit"):
            assert b"threshold passed" not in visitor.get(where).body
        assert b"threshold passed" not in visitor.get("/audit/chain.jsonl").body
        assert "withheld" in words(visitor.get("/audit?subject=incident%2F1"))
        assert daemon.as_(name).get("/api/v1/incidents/1").code == "incident_classified"
        verified = daemon.as_(name).cli("audit", "verify")
        assert (verified.returncode, "NOT VERIFIED" in verified.stdout) == (8, True)
    visitor = Visitor(daemon.url)
    visitor.sign_in("olga")
    assert "That you look at it now is on record." in words(visitor.get("/incidents/1"))
    assert daemon.as_("olga").cli("incidents", "show", "1").returncode == 0
    assert daemon.actions("incident/1")[-2:] == ["incident.looked_at"] * 2
    assert daemon.as_("olga").cli("audit", "verify").returncode == 0
    alerts = [json.loads(line) for line in (daemon.data / "alerts.jsonl").read_text().splitlines()]
    assert alerts[-1]["marking"] == "classified"
    assert alerts[-1]["facts"] is None
    assert "threshold passed" not in alerts[-1]["title"]


@needs_chromium
def test_everybody_can_work_on_an_incident(browser: Browser, watched: Daemon) -> None:
    """axe-core finds nothing, nothing is wider than a telephone, and the forms work with a fault first."""
    with opened(browser, watched.url) as page:
        sign_in(page, "ana")
        for where in ("/incidents/1", "/incidents/1/work", "/incidents?state=all"):
            page.goto(where)
            assert "ADT Gateway <" not in page.get_by_role("contentinfo").inner_text()  # it says its version
            assert_accessible(page)
            page.set_viewport_size({"width": WIDTH, "height": 740})
            assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
        page.goto("/incidents/1/work")
        page.get_by_label("Number of an incident it belongs together with").fill("999")
        page.get_by_label("Reason", exact=True).last.fill("one cause")
        page.get_by_role("button", name="Put into one group").click()
        page.get_by_text("there is no candidate incident 999").first.wait_for()
        page.goto("/incidents/1/work")
        page.get_by_label("Major Security Incident").check()
        page.get_by_role("group", name="In the words of the SEC").wait_for()
        form = page.locator("form[action$='/classification']")
        form.get_by_label("Reason").fill("supply")
        form.get_by_role("button").click()
        page.get_by_role("alert").get_by_text("Choose which of the letters hold").wait_for()
        assert_accessible(page)
        page.get_by_label("(c) loss or interruption").check()
        page.get_by_role("button", name="Decide the classification").click()
        page.get_by_text("The classification is decided.").wait_for()
