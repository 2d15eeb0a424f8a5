"""What comes with every page: its headers, its static files, and errors that people can read."""

import re
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.visitor import Visitor, words

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HTML = {"Accept": "text/html,*/*"}


def signed_in(daemon: Daemon, name: str) -> Visitor:
    visitor = Visitor(daemon.url)
    assert visitor.sign_in(name).status == 303
    return visitor


def test_every_page_is_kept_nowhere_and_loads_from_here_alone(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "ada")
    for path in ("/login", "/overview", "/account", "/people", "/people/alice", "/people/nobody", "/nothing"):
        headers = visitor.get(path, HTML).headers
        if path == "/login":  # who is signed in goes on
            headers = Visitor(daemon.url).get(path).headers
        assert headers["Content-Security-Policy"] == POLICY, path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


def test_what_is_no_page_shows_nothing_and_stands_in_no_frame(daemon: Daemon) -> None:
    """A picture, a download, an error, a redirection: whatever they hold, a browser runs nothing of it."""
    visitor = Visitor(daemon.url)
    visitor.sign_in("adam")
    icon = re.search(rb"/static/[0-9a-f]{16}/icon[.]svg", visitor.get("/overview").body)
    assert icon
    paths = (icon[0].decode(), "/static/no/x.css", "/api/v1/rates", "/api/v1/nothing", "/healthz", "/metrics")
    for path in (*paths, "/login", "/audit/chain.jsonl"):
        headers = visitor.get(path).headers
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'", path
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path


def test_static_files_are_kept_for_good_and_under_no_other_name(daemon: Daemon) -> None:
    page = Visitor(daemon.url).get("/login").body.decode()
    paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert {path.rpartition("/")[2] for path in paths} == {"console.css", "console.js", "icon.svg"}
    for path in paths:
        answer = Visitor(daemon.url).get(path)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert Visitor(daemon.url).get(re.sub("/[0-9a-f]{16}/", f"/{'0' * 16}/", path)).status == 404
    folder = paths[0].rpartition("/")[0]
    for name in ("..%2fpage.py", "console.css%00.css", "missing.css", "__init__.py"):
        assert Visitor(daemon.url).get(f"{folder}/{name}").status == 404


def test_an_error_is_a_page_for_people_and_a_problem_for_programs(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "ada")
    page = visitor.get("/people/nobody")
    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "There is no person" in words(page)
    assert "Signed in as ada" in words(page)
    assert visitor.get("/nothing", HTML).headers["Content-Type"].startswith("text/html")
    assert visitor.get("/nothing").code == "not_found"
    assert visitor.get("/api/v1/nothing", HTML).code == "not_found"
    assert visitor.get("/api/v1/adt-files/9999", HTML).code == "adt_file_unknown"
    assert visitor.ask("DELETE", "/people", None, HTML).status == 405


def test_what_cannot_be_done_is_said_on_a_page(daemon: Daemon) -> None:
    visitor = signed_in(daemon, "ada")
    taken = visitor.post("/people", {"name": "alice", "roles": "analyst"})
    assert (taken.status, "person_exists" in words(taken)) == (409, True)
    own = visitor.post("/people/ada/disable")
    assert (own.status, "own_access" in words(own)) == (409, True)
    faulty = visitor.post("/people", {"name": "Alice <b>", "roles": "analyst"})
    assert faulty.status == 422
    assert "There is a problem" in words(faulty)
    assert b"<b>" not in faulty.body
    assert visitor.post("/people", {"name": "zoe", "roles": "king"}).status == 422
    large = visitor.post("/people", {"name": "x" * 70_000})
    assert (large.status, "too_large" in words(large)) == (413, True)


def test_what_nobody_foresaw_shows_nothing_of_itself(own_daemon: Daemon) -> None:
    visitor = signed_in(own_daemon, "ada")
    own_daemon.change("UPDATE people SET roles = 'king' WHERE name = 'sam'")
    answer = visitor.get("/people/sam")
    assert (answer.status, answer.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert "The gateway failed" in words(answer)
    assert "king" not in words(answer)
    assert "'king' is not a valid Role" in own_daemon.log


def test_a_store_that_is_away_is_a_page_too_and_may_be_asked_again(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False) as daemon:
        visitor = signed_in(daemon, "ada")
        with daemon.locked_database():
            answer = visitor.post("/people/alice/disable")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "store_unavailable" in words(answer)
        assert "active" in words(visitor.get("/people/alice"))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_safe_method_changes_nothing(daemon: Daemon, method: str) -> None:
    visitor = signed_in(daemon, "ada")
    before = daemon.query("SELECT count(*) FROM audit_records")
    for path in ("/logout", "/people/alice/disable", "/people/alice/password", "/account/tokens"):
        assert visitor.ask(method, path).status == 405
    assert daemon.query("SELECT count(*) FROM audit_records") == before
    assert visitor.get("/people").status == 200
