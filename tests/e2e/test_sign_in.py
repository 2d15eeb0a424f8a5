"""Sessions of the console: how they begin, what they open, and when they end."""

import functools
import json
import re
import time
from pathlib import Path

import pytest

from tests.support.api import header_line, side_by_side, wait_for
from tests.support.daemon import Daemon, row
from tests.support.visitor import Visitor, words
from tests.support.with_people import PASSWORD

RATES = "/api/v1/rates"


def signed_in(daemon: Daemon, name: str, password: str = PASSWORD) -> Visitor:
    visitor = Visitor(daemon.url)
    assert visitor.sign_in(name, password).status == 303
    return visitor


def test_a_session_opens_the_api_for_reading(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "adam")
    assert visitor.get(RATES).status == 200
    assert Visitor(daemon.url).get(RATES).code == "access_token_missing"


def test_what_changes_something_over_the_api_needs_the_form_token_too(daemon: Daemon) -> None:
    number = daemon.submit(row(1, 2))
    visitor, other = signed_in(daemon, "bob"), signed_in(daemon, "bob")
    path = f"/api/v1/adt-files/{number}/reject"
    note = {"reason": "x"}
    for token in ("", "guess", other.form_token):
        assert visitor.ask("POST", path, note, {"X-CSRF-Token": token}).code == "form_token_wrong"
    cross = {"X-CSRF-Token": visitor.form_token, "Origin": "https://elsewhere.example"}
    assert visitor.ask("POST", path, note, cross).code == "other_site"
    assert daemon.as_("adam").file(number)["state"] == "submitted"
    right = {"X-CSRF-Token": visitor.form_token, "Origin": daemon.url}
    assert visitor.ask("POST", path, note, right).code == "body_malformed"  # a form, not JSON: it was let in


def test_a_session_is_new_at_each_sign_in_and_over_after_signing_out(daemon: Daemon) -> None:
    visitor = Visitor(daemon.url)
    visitor.cookies["adt-gateway"] = "chosen-by-somebody-else"
    assert visitor.sign_in("ana").status == 303
    first = dict(visitor.cookies)
    assert first["adt-gateway"] != "chosen-by-somebody-else"
    assert visitor.post("/logout").status == 303
    assert "adt-gateway" not in visitor.cookies
    visitor.cookies = first
    assert visitor.get(RATES).code == "session_over"
    assert visitor.get("/account").status == 303


def test_who_signs_in_anew_leaves_no_session_behind(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "ana")
    first = dict(visitor.cookies)
    assert visitor.sign_in("ana", "wrong").status == 401
    assert visitor.get("/account").status == 200
    assert visitor.sign_in("olga").status == 303
    assert visitor.get("/account").status == 200
    visitor.cookies = first
    assert visitor.get(RATES).code == "session_over"
    assert daemon.actions("person/ana")[-1] == "session.ended"


def test_the_cookie_is_for_this_server_and_no_script(daemon: Daemon) -> None:
    answer = Visitor(daemon.url).sign_in("ana")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(answer.headers["Set-Cookie"].split("; "))


def test_only_its_hash_is_kept_and_nothing_of_it_is_logged(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "ana")
    secret = visitor.cookies["adt-gateway"].encode()
    for place in [daemon.log_file, *daemon.data.glob("gateway.sqlite*")]:
        assert secret not in place.read_bytes()
        assert PASSWORD.encode() not in place.read_bytes()


@pytest.mark.parametrize(
    "following",
    [
        "//elsewhere.example",
        "https://elsewhere.example",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        "/a\r\nb",
    ],
)
def test_nobody_is_led_to_another_site(daemon: Daemon, following: str) -> None:
    answer = Visitor(daemon.url).sign_in("ana", following=following)
    assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_one_is_led_to_where_one_wanted(daemon: Daemon) -> None:
    assert (
        Visitor(daemon.url).get("/people?a=1&b=2").headers["Location"]
        == "/login?next=%2Fpeople%3Fa%3D1%26b%3D2"
    )
    answer = Visitor(daemon.url).sign_in("ada", following="/people?a=1&b=2")
    assert answer.headers["Location"] == "/people?a=1&b=2"


def test_another_sites_page_signs_nobody_in(daemon: Daemon) -> None:
    fields = {"name": "ana", "password": PASSWORD}
    for headers in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = Visitor(daemon.url).ask("POST", "/login", fields, headers)
        assert (answer.status, "other_site" in words(answer)) == (403, True)


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(own_daemon: Daemon) -> None:
    """And so does a person without a password, a disabled one and a machine."""
    assert own_daemon.cli("user", "disable", "carol").returncode == 0
    answers = set()
    for name, password in (
        ("ana", "wrong"),
        ("nobody", "wrong"),
        ("carol", PASSWORD),
        ("adaptor", PASSWORD),
        ("", ""),
        ("Not a name", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")),
    ):
        answer = Visitor(own_daemon.url).sign_in(name, password)
        answers.add(
            (answer.status, re.sub(r"""id="name".*|This page was made at .*""", "", answer.body.decode()))
        )
    assert len(answers) == 1
    assert own_daemon.metric("sign_ins_total", "refused") == 6


def test_guessing_is_slowed_and_locks_nobody_out(own_daemon: Daemon) -> None:
    visitor = Visitor(own_daemon.url)
    for name in ("ana", "nobody"):
        answers = [visitor.sign_in(name, f"wrong {number}") for number in range(5)]
        while len(answers) < 12 and answers[-1].status == 401:  # the delay outgrows the slowest machine
            answers.append(visitor.sign_in(name, "wrong"))
        assert {answer.status for answer in answers[:-1]} == {401}
        assert answers[-1].status == 429
        assert int(answers[-1].headers["Retry-After"]) >= 1
    wait_for("the delay to pass", lambda: visitor.sign_in("ana").status == 303, seconds=60)


def test_failed_attempts_are_on_record_once_a_minute_and_none_names_who_does_not_exist(
    own_daemon: Daemon,
) -> None:
    visitor = Visitor(own_daemon.url)
    for name in ("ana", "ana", "nobody", "somebody"):
        assert visitor.sign_in(name, "wrong").status == 401
    assert own_daemon.actions("person/ana")[-1] != "sign_in.refused"
    assert own_daemon.stop() == 0  # what waits for its minute is written at the end
    rows = own_daemon.query("SELECT body FROM audit_records ORDER BY number")
    records = [json.loads(body) for (body,) in rows]
    refused = {r["subject"]: r["detail"] for r in records if r["action"] == "sign_in.refused"}
    assert refused == {"person/ana": {"attempts": 2}, "person/unknown": {"attempts": 2}}


def test_a_session_ends_with_what_made_it(own_daemon: Daemon) -> None:
    """With the person, their roles or their password; each is on record."""
    steps = (
        ("ana", ("user", "disable", "ana")),
        ("bob", ("user", "set-roles", "bob", "--role", "analyst")),
    )
    for name, command in steps:
        visitor = signed_in(own_daemon, name)
        assert visitor.get("/account").status == 200
        assert own_daemon.cli(*command).returncode == 0
        assert visitor.get("/account").status == 303
        assert visitor.get(RATES).code == "session_over"


def test_changing_ones_password_ends_the_other_sessions(own_daemon: Daemon) -> None:
    here, there = signed_in(own_daemon, "olga"), signed_in(own_daemon, "olga")
    wanted = "seven brown otters swim"
    refused = here.post("/account/password", {"present": "wrong", "wanted": wanted, "again": wanted})
    assert (refused.status, "present password is wrong" in words(refused)) == (422, True)
    weak = here.post(
        "/account/password", {"present": PASSWORD, "wanted": "password1234", "again": "password1234"}
    )
    assert weak.status == 422
    changed = here.post("/account/password", {"present": PASSWORD, "wanted": wanted, "again": wanted})
    assert (changed.status, changed.headers["Location"]) == (303, "/account")
    assert "Your password is changed" in words(here.get("/account"))
    assert "Your password is changed" not in words(here.get("/account"))
    assert there.get("/account").status == 303
    assert Visitor(own_daemon.url).sign_in("olga").status == 401
    assert signed_in(own_daemon, "olga", wanted).get("/account").status == 200
    assert own_daemon.actions("person/olga").count("password.set") == 2


def test_an_admin_ends_a_session_and_revokes_an_access_token(own_daemon: Daemon) -> None:
    visitor, admin = signed_in(own_daemon, "ana"), signed_in(own_daemon, "ada")
    page = admin.get("/people/ana").body.decode()
    for action in re.findall(r'action="(/people/ana/(?:sessions|tokens)/[^"]+)"', page):
        assert admin.post(action).status == 303
    assert visitor.get("/account").status == 303
    assert own_daemon.as_("ana").get(RATES).code == "access_token_unknown"
    assert {"session.ended", "access_token.revoked"} <= set(own_daemon.actions("person/ana"))


def test_nobody_ends_or_revokes_what_is_somebody_elses(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "ana")
    signed_in(daemon, "sam")
    ((session,),) = daemon.query(
        "SELECT max(s.id) FROM sessions s JOIN people p ON p.id = s.person_id WHERE p.name = 'sam'"
    )
    ((token,),) = daemon.query(
        "SELECT t.id FROM access_tokens t JOIN people p ON p.id = t.person_id WHERE p.name = 'sam'"
    )
    assert visitor.post(f"/account/sessions/{session}/end").status == 404
    assert visitor.post(f"/account/tokens/{token}/revoke").status == 404
    assert daemon.as_("sam").get(RATES).status == 200


def test_an_access_token_of_ones_own_works_and_shows_its_last_use(own_daemon: Daemon) -> None:
    visitor = signed_in(own_daemon, "dora")
    page = visitor.post("/account/tokens", {"label": "export", "roles": ["submitter"], "days": "30"})
    token = re.search(r"adtgw_[A-Za-z0-9_-]{43}", page.body.decode())
    assert token
    assert own_daemon.stranger(token[0]).get(RATES).status == 200
    number = own_daemon.submit(row(1, 2))
    assert own_daemon.stranger(token[0]).step(number, "approve").code == "role_missing"
    assert token[0].encode() not in visitor.get("/account").body
    for fields in (
        {"roles": ["approver", "admin"], "days": "30"},
        {"roles": [], "days": "30"},
        {"roles": ["submitter"], "days": "367"},
    ):
        assert (
            visitor.ask("POST", "/account/tokens", {"form_token": visitor.form_token, **fields}).status == 422
        )
    own_daemon.restart()
    again = signed_in(own_daemon, "dora").get("/account")
    assert re.search(r"export.*?submitter.*?works.*?<time", again.body.decode(), re.DOTALL)
    ((used_at,),) = own_daemon.query("SELECT used_at FROM access_tokens WHERE label = 'export'")
    assert abs(used_at - time.time()) < 60


def test_a_flood_of_sign_ins_neither_stops_the_count_nor_eats_memory(tmp_path: Path) -> None:
    """1,000 at once: each is answered soon, the memory grows by a hash or two, and the count goes on."""
    with Daemon(tmp_path, token=False) as daemon:
        signed_in(daemon, "ana")
        before = daemon.resident_bytes
        adaptor = daemon.as_("adaptor")

        def flood(worker: int) -> list[int]:
            return [
                Visitor(daemon.url).sign_in(f"somebody-{worker}-{number}", "wrong").status
                for number in range(20)
            ]

        def count(times: list[float]) -> list[int]:
            for number in range(40):
                began = time.monotonic()
                assert adaptor.send_lines([header_line(number)]).json["accepted"] == 1
                times.append(time.monotonic() - began)
            return []

        times: list[float] = []
        workers = [functools.partial(flood, worker) for worker in range(50)]
        floods = side_by_side(*workers, functools.partial(count, times))
        statuses = [status for statuses in floods for status in statuses]
        assert len(statuses) == 1000
        assert set(statuses) <= {401, 429}
        assert statuses.count(429) > 900  # the address is slowed
        assert sorted(times)[len(times) // 2] < 1.0
        assert daemon.resident_bytes - before < 200 * 2**20
        assert len(daemon.journal()) == 40
