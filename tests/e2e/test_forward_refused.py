"""Forwarding: what reaches no adaptor, because of its address, its form or its sender."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.adaptor import TestAdaptor
from tests.support.daemon import Daemon
from tests.support.forwarding import fresh, raw, send


@pytest.fixture
def daemon(forwarding: Daemon, adaptor: TestAdaptor) -> Daemon:
    """Return the daemon before the adaptor, which answers as usual."""
    del adaptor
    return forwarding


HOSTILE: Final = [
    "/duis/../api/v1/service-requests",
    "/duis/a/..",
    "/duis/./a",
    "/duis/%2e%2e/a",
    "/duis/.%2E/a",
    "/duis/..;x=1/a",
    "/duis/a%2Fb",
    "/duis/a%5cb",
    "/duis/a%00",
    "/duis/a%0d%0aX-Injected:%201",
    "/duis/%252e%252e/a",
    "/duis/a%zz",
    "/duis//evil.example/a",
    "/duis/a\\b",
    "/duis/a#b",
    "/%64uis/a",
    "http://evil.example/duis/a",
    "//evil.example/duis/a",
]


@pytest.mark.parametrize("target", HOSTILE)
def test_a_hostile_address_reaches_no_adaptor(daemon: Daemon, adaptor: TestAdaptor, target: str) -> None:
    before = len(adaptor.got)
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    status = int(raw(daemon, head.encode()).split()[1])
    assert status in {400, 404, 422}
    assert len(adaptor.got) == before


SMUGGLED: Final = {
    "length and chunks": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": "Content-Length: 0\r\nContent-Length: 30\r\n\r\n",
    "odd length": "Content-Length: +0\r\n\r\n",
    "odd coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "space before colon": "Content-Length : 0\r\n\r\n",
    "folded": "X-A: 1\r\n Content-Length: 0\r\n\r\n",
    "bare line feed in a value": "X-A: 1\nX-B: 2\r\rContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_message_of_two_meanings_reaches_no_adaptor(
    daemon: Daemon, adaptor: TestAdaptor, name: str
) -> None:
    before = len(adaptor.got)
    head = f"POST /duis/a HTTP/1.1\r\nHost: x\r\n{SMUGGLED[name]}"
    answer = raw(daemon, head.encode() + b"POST /duis/smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.split()[1] == b"400"
    assert len(adaptor.got) == before


def test_a_browser_may_not_send(daemon: Daemon, adaptor: TestAdaptor) -> None:
    before = len(adaptor.got)
    answer = send(daemon, fresh()[1], headers={"Origin": "https://evil.example"})
    assert (answer.status, answer.code) == (403, "browser_refused")
    assert len(adaptor.got) == before


def test_only_post_is_passed_on(daemon: Daemon, adaptor: TestAdaptor) -> None:
    before = len(adaptor.got)
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert daemon.stranger().ask(method, "/duis/a").status == 405
    assert len(adaptor.got) == before


def test_access_tokens_are_asked_for_unless_set_otherwise(tmp_path: Path, adaptor: TestAdaptor) -> None:
    before = len(adaptor.got)
    with Daemon(tmp_path, token=False, forward={"url": adaptor.url}) as daemon:
        for name, status in (("", 401), ("x", 401), ("olga", 403)):
            token = daemon.as_(name).access_token if name == "olga" else name
            assert send(daemon, fresh()[1], headers={"X-ADT-Gateway-Token": token}).status == status
        assert send(daemon, fresh()[1], headers={"Authorization": "Basic Zm9v"}).status == 401
        assert len(adaptor.got) == before
        token = daemon.as_("adaptor").access_token
        assert send(daemon, fresh()[1], headers={"Authorization": f"Bearer {token}"}).status == 200
        own = {"X-ADT-Gateway-Token": token, "Authorization": "Bearer of-the-adaptor"}
        assert send(daemon, fresh()[1], headers=own).status == 200
        assert adaptor.got[-1].header("Authorization") == ["Bearer of-the-adaptor"]
        assert adaptor.got[-1].header("X-ADT-Gateway-Token") == []


def test_without_an_adaptor_nothing_is_passed_on(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False) as daemon:
        answer = daemon.as_("adaptor").ask("POST", "/duis/a", fresh()[1])
        assert (answer.status, answer.code) == (404, "forwarding_off")
        assert daemon.stranger().ask("POST", "/duis/a", b"").status == 401
