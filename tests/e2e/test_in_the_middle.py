"""Somebody loses their access while what they send is still on its way: nothing comes of it."""

import http.client
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.adt import adt_text
from tests.support.api import FILES, Answer
from tests.support.daemon import Daemon, row
from tests.support.visitor import FORM, Visitor, words

SENT_FIRST = 20
"""Bytes of a body that are sent before the access is lost."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon"), token=False) as running:
        yield running


def interrupted(
    daemon: Daemon, path: str, headers: Mapping[str, str], body: bytes, meanwhile: Callable[[], None]
) -> Answer:
    """Send a request whose body comes in two parts, with *meanwhile* between them; return the answer."""
    parts = urlsplit(daemon.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        sent = {"Host": parts.netloc, "Content-Length": str(len(body)), "Expect": "100-continue"} | dict(
            headers
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")  # the head was read
        connection.sendall(body[:SENT_FIRST])
        meanwhile()
        connection.sendall(body[SENT_FIRST:])
        with http.client.HTTPResponse(connection) as answer:
            answer.begin()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())


def signed_in(daemon: Daemon, name: str) -> Visitor:
    visitor = Visitor(daemon.url)
    assert visitor.sign_in(name).status == 303
    return visitor


def form(visitor: Visitor, path: str, **fields: str) -> tuple[str, dict[str, str], bytes]:
    """Return what a form of this visitor's page is sent as."""
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    headers = {"Content-Type": FORM, "Cookie": cookies, "Origin": visitor.url}
    return path, headers, urlencode({"form_token": visitor.form_token} | fields).encode()


def end_sessions(daemon: Daemon, name: str) -> None:
    admin = signed_in(daemon, "ada")
    page = admin.get(f"/people/{name}").body.decode()
    ends = re.findall(rf'action="(/people/{name}/sessions/[0-9]+/end)"', page)
    assert ends
    assert {admin.post(end).status for end in ends} == {303}


def disable(daemon: Daemon, name: str) -> None:
    admin = signed_in(daemon, "ada")
    admin.get(f"/people/{name}")
    assert admin.post(f"/people/{name}/disable").status == 303


def test_who_is_disabled_while_a_form_is_on_its_way_approves_nothing(daemon: Daemon) -> None:
    number, carol = daemon.submit(row(1, 2)), signed_in(daemon, "carol")
    sent = form(carol, f"/files/{number}/approve")
    answer = interrupted(daemon, *sent, lambda: disable(daemon, "carol"))
    assert answer.status == 401
    assert "Nothing was done" in words(answer)
    assert daemon.as_("adam").file(number)["state"] == "submitted"


def test_a_session_that_was_ended_issues_no_access_token(daemon: Daemon) -> None:
    sent = form(signed_in(daemon, "olga"), "/account/tokens", roles="operator", label="x", days="366")
    answer = interrupted(daemon, *sent, lambda: end_sessions(daemon, "olga"))
    assert answer.status == 401
    assert "Nothing was done" in words(answer)
    assert "access_token.issued" not in daemon.actions("person/olga")[-2:]


def test_what_was_typed_is_given_back_where_the_session_ended_on_its_way(daemon: Daemon) -> None:
    sent = form(signed_in(daemon, "dora"), "/files/new", name="adt.csv", content="typed for an hour")
    answer = interrupted(daemon, *sent, lambda: end_sessions(daemon, "dora"))
    assert answer.status == 401
    assert "typed for an hour" in words(answer)


def test_an_access_token_that_works_no_more_submits_nothing(daemon: Daemon) -> None:
    sam = daemon.as_("sam")
    headers = {"Authorization": f"Bearer {sam.access_token}", "Content-Type": "text/csv"}
    data = adt_text([row(3, 4)]).encode()
    answer = interrupted(daemon, f"{FILES}?name=late.csv", headers, data, lambda: disable(daemon, "sam"))
    assert answer.code == "access_token_unknown"
    assert all(file["name"] != "late.csv" for file in daemon.as_("adam").get(FILES).json["files"])


def test_roles_that_were_taken_away_do_nothing_more(daemon: Daemon) -> None:
    headers = {"Authorization": f"Bearer {daemon.as_('ana').access_token}"}

    def another_role() -> None:
        assert daemon.cli("user", "set-roles", "ana", "--role", "auditor").returncode == 0

    body = b'{"reason": "maintenance", "ends_at": "2099-01-01T00:00:00Z"}'
    answer = interrupted(daemon, "/api/v1/silences", headers, body, another_role)
    assert answer.code == "role_missing"
    assert daemon.as_("adam").get("/api/v1/silences").json["silences"] == []
