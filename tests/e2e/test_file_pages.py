"""The pages of ADT files without a browser: what they say to whom, and that nothing in a file is believed."""

import json
import re
import time

import pytest

from tests.support.adt import HEADER, adt_text
from tests.support.api import Answer, side_by_side
from tests.support.daemon import Daemon, row
from tests.support.past import give_past, kind
from tests.support.visitor import Visitor, words
from tests.support.with_people import OTHER_SUPPLIER, SUPPLIER

EVIL = "<script>alert(1)</script>"


def signed_in(daemon: Daemon, name: str) -> Visitor:
    visitor = Visitor(daemon.url)
    assert visitor.sign_in(name).status == 303
    return visitor


def sent(visitor: Visitor, text: str, do: str = "submit", name: str = "") -> Answer:
    return visitor.post("/files/new", {"content": text, "do": do, "name": name}, {"Origin": visitor.url})


def test_without_files_each_list_says_what_belongs_there(own_daemon: Daemon) -> None:
    visitor = signed_in(own_daemon, "dora")
    assert "There are no ADT files yet" in words(visitor.get("/files"))
    assert "Nothing waits for you" in words(visitor.get("/files?state=waiting"))
    assert "No file is in force now" in words(visitor.get("/files?state=in+force"))
    assert "No file waits for approval" in words(visitor.get("/approve"))


@pytest.mark.parametrize(
    "query",
    ["state=unknown", "page=0", "page=-1", "page=x", "page=99999999", "state=%3Cscript%3E", "page=%C2%B2"],
)
def test_an_address_that_means_nothing_is_no_page(daemon: Daemon, query: str) -> None:
    answer = signed_in(daemon, "alice").get(f"/files?{query}")
    assert (answer.status, EVIL.encode() in answer.body) == (404, False)


def test_a_list_beyond_its_end_says_so(daemon: Daemon) -> None:
    assert "does not go as far" in words(signed_in(daemon, "alice").get("/files?page=1000"))


def test_a_check_stores_nothing_and_a_refusal_its_record_alone(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "sam")
    count = "SELECT (SELECT count(*) FROM adt_files), (SELECT count(*) FROM audit_records)"
    ((files, records),) = daemon.query(count)
    good, bad = adt_text([row(80, 100, service="7.2", communication="SPC")]), adt_text([row(200, 100)])
    assert "has no faults: 1 row" in words(sent(visitor, good, "check"))
    assert sent(visitor, bad, "check").status == 422
    assert daemon.query(count) == [(files, records)]
    answer = sent(visitor, bad)
    assert (answer.status, "was not submitted" in words(answer)) == (422, True)
    assert daemon.query(count) == [(files, records + 1)]
    assert daemon.actions("adt-file")[-1] == "adt_file.refused"


def test_a_fault_is_named_with_its_row_its_cell_and_a_remedy_and_the_text_stays(daemon: Daemon) -> None:
    text = adt_text([row(80, 100), [*row(80, 100)[:4], "many", "100", "2026-12-01T00:00:00Z", ""]])
    answer = sent(signed_in(daemon, "sam"), text)
    page = answer.body.decode()
    assert '<a href="#line-3">Line 3, column 5 WarningThreshold: ' in page
    assert '<tr id="line-3"' in page
    assert re.search(r"<mark>.*?many</mark>", page)
    assert "Write a whole number in plain digits" in words(answer)
    assert f">\n{HEADER}" in page


def test_faults_of_the_whole_file_and_many_faults_are_told(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "sam")
    assert "The whole file: the file name" in words(sent(visitor, adt_text([row(1, 2)]), name="x.txt"))
    assert "cannot be the name of an ADT file" in words(sent(visitor, adt_text([row(1, 2)]), name="../x"))
    assert "Choose a file or paste its text" in words(sent(visitor, ""))
    many = words(
        sent(visitor, adt_text([[*row(9, 8)[:3], f"PT{n + 1}M", *row(9, 8)[4:]] for n in range(300)]))
    )
    assert "And 280 more faults" in many
    assert "the first 100 are shown" in many


@pytest.mark.parametrize(
    "text",
    [
        HEADER + f"\n{EVIL},SR,7.4,PT1H,1,2,2026-12-01T00:00:00Z,\n",
        EVIL,
        "</textarea>" + EVIL,
        f'"{EVIL}\n',
        "\x00\x1b[2J\u202e" + EVIL,
        "," * 10_000 + EVIL,
    ],
)
def test_what_a_file_holds_is_text_and_nothing_else(daemon: Daemon, text: str) -> None:
    answer = sent(signed_in(daemon, "sam"), text)
    assert answer.status == 422
    assert EVIL.encode() not in answer.body
    assert answer.body.count(b"</textarea>") == 1


def test_the_name_of_a_file_that_was_chosen_is_text_and_no_path(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "sam")
    for name in (f"{EVIL}.csv", "..\\..\\x.csv", "/etc/passwd", "a" * 500, "é.csv", ".csv"):
        answer = upload(visitor, name, adt_text([row(9, 8)]).encode())
        assert (answer.status, EVIL.encode() in answer.body) == (422, False), name


def upload(visitor: Visitor, name: str, data: bytes, **fields: str) -> Answer:
    """Send a file as a browser does; *name* as it is."""
    parts = {"form_token": visitor.form_token, "do": "submit", "content": "", **fields}
    body = b"".join(
        f'--B\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in parts.items()
    )
    quoted = name.replace('"', "%22")
    head = f'--B\r\nContent-Disposition: form-data; name="upload"; filename="{quoted}"\r\n\r\n'
    body += head.encode() + data + b"\r\n--B--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=B", "Origin": visitor.url}
    return visitor.ask_raw("POST", "/files/new", body, headers)


def test_a_file_that_is_chosen_is_kept_byte_for_byte(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "sam")
    for number, end in enumerate(("\n", "\r\n")):
        data = adt_text([row(70 + number, 100)], end).encode()
        answer = upload(visitor, "chosen.csv", data, content="what was pasted before")
        assert answer.status == 303, words(answer)
        path = answer.headers["Location"]
        assert visitor.get(f"/api/v1/adt-files/{path.rpartition('/')[2]}/file").body == data


def test_the_same_bytes_again_lead_to_the_file_that_there_is(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "sam")
    text = adt_text([row(61, 99)])
    path = sent(visitor, text).headers["Location"]
    again = sent(visitor, text)
    assert (again.status, f'href="{path}"'.encode() in again.body) == (409, True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("alice", "You submitted this file; a second person must approve it."),
        ("sam", "This needs the role approver."),
        ("adam", "This needs the role approver."),
        ("sam", "alice submitted this file; only they can withdraw it."),
        ("bob", "This needs the role submitter."),
    ],
)
def test_what_cannot_be_done_is_disabled_and_says_why(daemon: Daemon, name: str, reason: str) -> None:
    number = daemon.submit(row(int(time.time() * 1000) % 1000, 5000))
    page = signed_in(daemon, name).get(f"/files/{number}").body.decode()
    assert re.search(rf"disabled[^>]*>[^<]*</button>\s*<span[^>]*>{re.escape(reason)}<", page)


def test_a_form_that_is_sent_all_the_same_is_refused(daemon: Daemon) -> None:
    number = daemon.submit(row(1, 4321), by="dora")
    answer = signed_in(daemon, "dora").post(f"/files/{number}/approve")
    assert (answer.status, "second_person_required" in words(answer)) == (403, True)
    assert daemon.actions(f"adt-file/{number}")[-1] == "adt_file.approval_refused"


def test_a_file_is_compared_with_what_is_in_force_and_later_with_what_it_replaced(own_daemon: Daemon) -> None:
    daemon = own_daemon
    daemon.put_in_force(row(80, 100), row(5, 10, service="4.1.1"), row(7, 9, user=OTHER_SUPPLIER))
    number = daemon.submit(row(100, 150), row(1, 2, service="3.1"), name="second.csv")
    visitor = signed_in(daemon, "adam")

    def told() -> str:
        text = words(visitor.get(f"/files/{number}"))
        return text[text.index("All changes") : text.index("levels.")]

    before = told()
    assert "All changes 3 Raised 1 New 1 Gone 1" in before
    assert "80 → 100 +25 %" in before
    assert "100 → 150 +50 %" in before
    assert OTHER_SUPPLIER not in before
    assert "80 → 100" not in words(visitor.get(f"/files/{number}?change=gone"))
    assert visitor.get(f"/files/{number}?change=other").status == 404
    assert daemon.as_("bob").step(number, "approve").status == 200
    assert daemon.as_("olga").step(number, "acknowledge", reference="DCC-2").status == 200
    daemon.wait_state(number, "in force")
    assert told() == before
    assert "What it changed when it came into force" in words(visitor.get(f"/files/{number}"))
    page = words(visitor.get(f"/files/{number}"))
    done = page[page.index("Who did what") :]
    for record in daemon.query(
        "SELECT number, body FROM audit_records WHERE subject = ?", f"adt-file/{number}"
    ):
        content = json.loads(record[1])
        what = content["action"].removeprefix("adt_file.").replace("_", " ")
        assert re.search(rf" {record[0]} \S+ \S+ \S+ \S+ UTC {content['actor']} {what} ", done)


def test_who_comes_second_is_told_who_was_first(daemon: Daemon) -> None:
    """Two at once: one approves, the other learns of it; the chain has one approval."""
    number = daemon.submit(row(1, 777))
    visitors = [signed_in(daemon, name) for name in ("bob", "carol")]
    for visitor in visitors:
        visitor.get(f"/files/{number}")
    answers = side_by_side(*(lambda v=v: v.post(f"/files/{number}/approve") for v in visitors))
    assert sorted(answer.status for answer in answers) == [303, 409]
    lost = next(answer for answer in answers if answer.status == 409)
    winner = daemon.as_("adam").file(number)["approved_by"]
    assert f"Nothing was done: {winner} approved it at" in words(lost)
    assert daemon.actions(f"adt-file/{number}").count("adt_file.approved") == 1


def test_what_was_withdrawn_or_rejected_meanwhile_says_so(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "bob")
    for by, step, told in (
        ("alice", "withdraw", "alice withdrew it (too early)"),
        ("carol", "reject", "somebody rejected it (too early)"),
    ):
        number = daemon.submit(row(1, 888))
        assert daemon.as_(by).step(number, step, reason="too early").status == 200
        answer = visitor.post(f"/files/{number}/approve")
        assert (answer.status, told in words(answer)) == (409, True)


def test_what_is_in_force_has_changed_since_somebody_looked(own_daemon: Daemon) -> None:
    number = own_daemon.submit(row(1, 999), name="waits.csv")
    visitor = signed_in(own_daemon, "bob")
    (seen,) = re.findall(r'name="in_force" value="(\d+)"', visitor.get(f"/files/{number}").body.decode())
    own_daemon.put_in_force(row(5, 6))
    answer = visitor.post(f"/files/{number}/approve", {"in_force": seen})
    assert (answer.status, "has changed since you looked" in words(answer)) == (409, True)
    (seen,) = re.findall(r'name="in_force" value="(\d+)"', answer.body.decode())
    assert visitor.post(f"/files/{number}/approve", {"in_force": seen}).status == 303


def test_a_reason_is_asked_for_at_its_field(daemon: Daemon) -> None:
    number = daemon.submit(row(1, 555))
    visitor = signed_in(daemon, "bob")
    answer = visitor.post(f"/files/{number}/reject", {"reason": "  "})
    assert (answer.status, b'href="#reason-reject"' in answer.body) == (422, True)
    assert visitor.post(f"/files/{number}/reject", {"reason": EVIL}).status == 303
    page = visitor.get(f"/files/{number}")
    assert (EVIL.encode() in page.body, EVIL in words(page)) == (False, True)


def test_a_session_that_ended_gives_back_what_was_pasted_and_to_no_other_site(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "sam")
    visitor.cookies = {"adt-gateway": "over"}
    text = "</textarea>" + EVIL
    answer = sent(visitor, text)
    assert (answer.status, "Your session has ended" in words(answer)) == (401, True)
    assert (EVIL.encode() in answer.body, b"&lt;/textarea&gt;&lt;script&gt;" in answer.body) == (False, True)
    for headers in ({}, {"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = visitor.post("/files/new", {"content": text}, headers)
        assert (answer.status, answer.headers["Location"]) == (303, "/login")
    answer = sent(visitor, "x" * 2**21)
    assert (answer.status, "too large to be given back" in words(answer)) == (401, True)


def test_whatever_comes_after_the_end_of_a_session_is_told_to_have_done_nothing(daemon: Daemon) -> None:
    """And the way leads back to the page where the form is, with what was typed into it."""
    number = daemon.submit(row(1, 556))
    visitor = signed_in(daemon, "bob")
    path, here = f"/files/{number}", {"Origin": daemon.url}
    old_token, visitor.cookies = visitor.form_token, {"adt-gateway": "over"}
    for step, typed in (("approve", ""), ("reject", "too high, and why"), ("acknowledge", "")):
        answer = visitor.post(f"{path}/{step}", {"reason": typed}, here)
        assert (answer.status, "Nothing was done" in words(answer)) == (401, True)
        assert typed in words(answer)
        assert f'href="/login?next={path}"'.encode() in answer.body
        assert visitor.post(f"{path}/{step}", {"reason": typed}).status == 303  # nobody says that it is ours
    visitor.cookies.clear()
    visitor.sign_in("bob")
    answer = visitor.post(f"{path}/reject", {"reason": "too high, and why", "form_token": old_token}, here)
    assert (answer.status, "You have signed in anew" in words(answer)) == (403, True)
    assert "too high, and why" in words(answer)
    assert f'<a href="{path}">open the page again'.encode() in answer.body
    assert daemon.as_("bob").file(number)["state"] == "submitted"


def test_the_past_is_told_with_numbers_and_a_failure_never_as_zero(own_daemon: Daemon) -> None:
    daemon = own_daemon
    daemon.put_in_force(row(300, 400))
    now = int(time.time()) // 60 * 60
    give_past(daemon, kind(SUPPLIER), now - 2 * 86_400, [3 if n % 700 else 150 for n in range(2 * 1440)])
    number = daemon.submit(row(200, 320), name="past.csv")
    visitor = signed_in(daemon, "bob")
    path = f"/files/{number}/backtest"
    assert "Look again" in words(visitor.get(path))
    end = time.monotonic() + 60
    while "Look again" in (page := words(visitor.get(path))) and time.monotonic() < end:
        time.sleep(0.1)
    assert "with this file 1 warning, 5 quarantines" in page
    assert "with what is in force now 5 warnings, 0 quarantines" in page
