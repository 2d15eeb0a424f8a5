"""Forwarding: the request goes on unchanged, is counted once, and nothing holds it back."""

import asyncio
import contextlib
import gzip
import http.client
import itertools
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from tests.support.adaptor import TestAdaptor, plain_answer, running_adaptor
from tests.support.api import Answer, side_by_side, wait_for
from tests.support.daemon import Daemon, ids
from tests.support.duis_messages import firmware_request, request_id, service_request

MIB: Final = 1024 * 1024
_counters = itertools.count(1)


@pytest.fixture(scope="module")
def adaptor() -> Iterator[TestAdaptor]:
    with running_adaptor() as running:
        yield running


@pytest.fixture(autouse=True)
def _usual(adaptor: TestAdaptor) -> None:
    adaptor.answering, adaptor.early, adaptor.bare = plain_answer, False, False


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, adaptor: TestAdaptor) -> Iterator[Daemon]:
    settings = {"url": adaptor.url + "/base", "authenticate": False, "timeout_seconds": 2}
    with Daemon(tmp_path_factory.mktemp("forward"), token=False, forward=settings) as running:
        yield running


def fresh() -> tuple[str, bytes]:
    """Return a RequestID of its own, and a request with it."""
    identity = request_id(next(_counters))
    return identity, service_request(identity, 1, "4.1", "4.1.1")


def send(
    daemon: Daemon,
    body: bytes | Iterator[bytes],
    target: str = "/duis/service",
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send with exactly these headers."""
    connection = http.client.HTTPConnection(urlsplit(daemon.url).netloc, timeout=60)
    with contextlib.closing(connection):
        chunked = not isinstance(body, bytes)
        connection.putrequest("POST", target, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
        else:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(body, encode_chunked=chunked)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())


def connected(daemon: Daemon) -> socket.socket:
    address = urlsplit(daemon.url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=20)


def raw(daemon: Daemon, data: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    with connected(daemon) as connection:
        connection.sendall(data)
        found = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := connection.recv(65_536):
                found += part
        return found


def wait_counted(daemon: Daemon, identity: str, times: int = 1) -> None:
    wait_for(identity, lambda: ids(daemon.journal()).count(identity) == times)


def uncounted(daemon: Daemon, code: str) -> float:
    return daemon.metric("uncounted_total", code)


def wait_uncounted(daemon: Daemon, code: str, times: float) -> None:
    wait_for(code, lambda: uncounted(daemon, code) == times)


def test_a_request_goes_on_unchanged_and_is_counted_once(daemon: Daemon, adaptor: TestAdaptor) -> None:
    identity, body = fresh()
    headers = {"SOAPAction": '"x"', "Authorization": "Basic c2VjcmV0", "X-Many": "a, b", "Cookie": "k=v"}
    target = "/duis/a/b%20c;v=1?x=%2Fy&z"
    assert send(daemon, body, target, headers).status == 200
    got = adaptor.got[-1]
    assert (got.target, got.body) == ("/base/a/b%20c;v=1?x=%2Fy&z", body)
    assert dict(got.headers) == headers | {
        "Host": adaptor.url.removeprefix("http://"),
        "Content-Length": str(len(body)),
    }
    wait_counted(daemon, identity)
    assert send(daemon, body, target, headers).status == 200
    assert adaptor.got[-1].body == body
    wait_for("the duplicate", lambda: daemon.metric("duplicates_total") == 1)
    assert ids(daemon.journal()).count(identity) == 1


def test_headers_for_one_hop_stay_behind(daemon: Daemon, adaptor: TestAdaptor) -> None:
    headers = {
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "Proxy-Authorization": "Basic x",
        "Proxy-Connection": "keep-alive",
        "X-Stays": "1",
    }
    assert send(daemon, fresh()[1], headers=headers).status == 200
    names = {name.lower() for name, _ in adaptor.got[-1].headers}
    assert names == {"host", "content-length", "x-stays"}


def test_an_access_token_of_ours_never_leaves(daemon: Daemon, adaptor: TestAdaptor) -> None:
    token = daemon.as_("adaptor").access_token
    for headers in ({"Authorization": f"Bearer {token}"}, {"X-ADT-Gateway-Token": token}):
        assert send(daemon, fresh()[1], headers=headers).status == 200
        assert token not in repr(adaptor.got[-1].headers)


def test_the_answer_comes_back_unchanged(daemon: Daemon, adaptor: TestAdaptor) -> None:
    packed = gzip.compress(b"<sr:Response/>" * 1000)

    async def answering(request: web.Request) -> web.StreamResponse:
        del request
        headers = {"Content-Encoding": "gzip", "Server": "adaptor/1", "X-Own": "1", "Location": "/else"}
        return web.Response(status=302, reason="Odd", body=packed, headers=headers, content_type="text/odd")

    adaptor.answering = answering
    answer = send(daemon, fresh()[1])
    assert (answer.status, answer.body) == (302, packed)
    date = answer.headers.pop("Date")
    assert date
    assert answer.headers == {
        "Content-Encoding": "gzip",
        "Server": "adaptor/1",
        "X-Own": "1",
        "Location": "/else",
        "Content-Type": "text/odd",
        "Content-Length": str(len(packed)),
    }


def test_nothing_is_added_to_an_answer(daemon: Daemon, adaptor: TestAdaptor) -> None:
    adaptor.bare = True
    assert set(send(daemon, fresh()[1]).headers) == {"Date", "Content-Length"}


def test_an_answer_of_500_comes_back_and_the_request_is_counted(daemon: Daemon, adaptor: TestAdaptor) -> None:
    async def answering(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(status=500, text="no")

    adaptor.answering = answering
    identity, body = fresh()
    answer = send(daemon, body)
    assert (answer.status, answer.body) == (500, b"no")
    wait_counted(daemon, identity)


def test_a_request_in_chunks_and_one_in_gzip_are_counted(daemon: Daemon, adaptor: TestAdaptor) -> None:
    identity, body = fresh()
    assert send(daemon, iter([body[:100], body[100:]])).status == 200
    assert adaptor.got[-1].body == body
    wait_counted(daemon, identity)
    identity, body = fresh()
    packed = gzip.compress(body)
    assert send(daemon, packed, headers={"Content-Encoding": "gzip"}).status == 200
    assert adaptor.got[-1].body == packed
    assert adaptor.got[-1].header("Content-Encoding") == ["gzip"]
    wait_counted(daemon, identity)


def test_other_addresses_unpack_what_is_sent_as_gzip(daemon: Daemon) -> None:
    token = daemon.as_("adaptor").access_token
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Encoding": "gzip",
        "Content-Type": "application/xml",
    }
    answer = send(daemon, gzip.compress(fresh()[1]), "/api/v1/service-requests", headers)
    assert (answer.status, answer.json["accepted"]) == (202, 1)
    bomb = gzip.compress(b" " * (17 * MIB))
    assert send(daemon, bomb, "/api/v1/service-requests", headers).code == "too_large"


def test_what_cannot_be_read_goes_on_and_is_said_to_be_uncounted(
    daemon: Daemon, adaptor: TestAdaptor
) -> None:
    bomb = gzip.compress(b" " * (17 * MIB))
    cases = [
        (b"<no request", {}, "not_well_formed"),
        (b"", {}, "not_well_formed"),
        (b"xyz", {"Content-Encoding": "br"}, "content_encoding"),
        (b"xyz", {"Content-Encoding": "gzip"}, "content_encoding"),
        (bomb, {"Content-Encoding": "gzip"}, "too_large"),
    ]
    for body, headers, code in cases:
        before = uncounted(daemon, code)
        assert send(daemon, body, headers=headers).status == 200
        assert adaptor.got[-1].body == body
        wait_uncounted(daemon, code, before + 1)
    wait_for("the record", lambda: daemon.actions("forward"))
    assert daemon.actions("forward") == ["forward.not_counted"], "one record a minute at the most"
    assert '"event": "forward_not_counted"' in daemon.log


def test_firmware_of_16_mib_is_counted_and_more_passes_uncounted(
    daemon: Daemon, adaptor: TestAdaptor
) -> None:
    body = firmware_request(16 * MIB)
    before = len(daemon.journal())
    assert send(daemon, body).status == 200
    assert adaptor.got[-1].body == body
    wait_for("the count", lambda: len(daemon.journal()) == before + 1)
    too_large = uncounted(daemon, "too_large")
    body = firmware_request(20 * MIB)
    assert send(daemon, body).status == 200
    assert adaptor.got[-1].body == body
    wait_for("the metric", lambda: uncounted(daemon, "too_large") == too_large + 1)
    assert len(daemon.journal()) == before + 1
    adaptor.got.clear()


def test_more_than_memory_holds_passes_and_is_said_to_be_uncounted(
    daemon: Daemon, adaptor: TestAdaptor
) -> None:
    """Nine bodies of 15 MiB at once are more than the 128 MiB that copies may take."""
    got, full, before = len(adaptor.got), uncounted(daemon, "memory_full"), len(daemon.journal())
    bodies = [firmware_request(15 * MIB).replace(b":1<", b":%d<" % (number + 1)) for number in range(1, 10)]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connected(daemon)) for _ in bodies]
        for connection, body in zip(connections, bodies, strict=True):
            head = f"POST /duis/a HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:-10])
        for connection, body in zip(connections, bodies, strict=True):
            connection.sendall(body[-10:])
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert len(adaptor.got) == got + 9
    adaptor.got.clear()
    wait_for("the counts", lambda: len(daemon.journal()) == before + 8)
    assert uncounted(daemon, "memory_full") == full + 1


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


def test_a_sender_who_leaves_half_way_sends_nothing_and_is_not_counted(
    daemon: Daemon, adaptor: TestAdaptor
) -> None:
    identity, body = fresh()
    broken, outcome = adaptor.broken, daemon.metric("forwarded_total", "broken_off")
    head = f"POST /duis/a HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    begun = adaptor.begun
    with connected(daemon) as connection:
        connection.sendall(head + body[:-50])
        wait_for("the first part", lambda: adaptor.begun == begun + 1)
    wait_for("the end", lambda: daemon.metric("forwarded_total", "broken_off") == outcome + 1)
    wait_for("the adaptor to notice", lambda: adaptor.broken == broken + 1)
    assert identity not in ids(daemon.journal())
    assert send(daemon, body).status == 200
    wait_counted(daemon, identity)


def test_a_sender_who_does_not_wait_for_the_answer_is_counted(daemon: Daemon, adaptor: TestAdaptor) -> None:
    async def answering(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.5)
        return await plain_answer(request)

    adaptor.answering = answering
    identity, body = fresh()
    with connected(daemon) as connection:
        begun = adaptor.begun
        head = f"POST /duis/a HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        wait_for("the adaptor", lambda: adaptor.begun == begun + 1)
    wait_counted(daemon, identity)


def test_of_senders_who_leave_at_once_those_are_counted_whose_request_went_out(
    daemon: Daemon, adaptor: TestAdaptor
) -> None:
    def ended() -> float:
        return sum(n for (name, _), n in daemon.metrics().items() if name == "forwarded_total")

    before, sent = ended(), [fresh() for _ in range(60)]
    for number, (_, body) in enumerate(sent):
        with connected(daemon) as connection:
            head = f"POST /duis/a HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            time.sleep(number % 6 / 1000)
    wait_for("all to end", lambda: ended() == before + 60)
    last, body = fresh()
    assert send(daemon, body).status == 200
    wait_counted(daemon, last)
    went_out = {identity for identity, body in sent if any(got.body == body for got in adaptor.got)}
    assert went_out == {identity for identity, _ in sent} & set(ids(daemon.journal()))


def test_a_slow_adaptor_holds_neither_the_count_nor_other_requests_back(
    daemon: Daemon, adaptor: TestAdaptor
) -> None:
    """All are with the adaptor and counted before it answers the first."""
    release = time.monotonic() + 1.5
    waiting = 0

    async def answering(request: web.Request) -> web.StreamResponse:
        nonlocal waiting
        waiting += 1
        while waiting < 150 and time.monotonic() < release:  # noqa: ASYNC110 - of another loop
            await asyncio.sleep(0.01)
        return await plain_answer(request)

    adaptor.answering = answering
    sent = [fresh() for _ in range(150)]
    answers = side_by_side(*(lambda body=body: send(daemon, body) for _, body in sent))
    assert {answer.status for answer in answers} == {200}
    assert waiting == 150
    for identity, _ in sent:
        wait_counted(daemon, identity)


def test_a_silent_adaptor_is_504_and_counted(daemon: Daemon, adaptor: TestAdaptor) -> None:
    async def answering(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(4)
        return await plain_answer(request)

    adaptor.answering = answering
    identity, body = fresh()
    answer = send(daemon, body)
    assert (answer.status, answer.code) == (504, "adaptor_timeout")
    wait_counted(daemon, identity)


def test_an_answer_that_breaks_off_breaks_off_for_the_sender(daemon: Daemon, adaptor: TestAdaptor) -> None:
    headers = {"Content-Length": "1000"}

    async def answering(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(b"x" * 100)
        assert request.transport is not None
        request.transport.close()
        return response

    adaptor.answering = answering
    for _ in ("with a length", "in chunks"):
        identity, body = fresh()
        with pytest.raises(http.client.IncompleteRead):
            send(daemon, body)
        wait_counted(daemon, identity)
        headers.clear()


def test_an_adaptor_that_answers_before_the_body_came_is_passed_back(
    daemon: Daemon, adaptor: TestAdaptor
) -> None:
    """The sender has the answer before it sends the rest, which is read all the same and counted."""
    adaptor.early = True
    identity, body = fresh()
    head = f"POST /duis/a HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with connected(daemon) as connection:
        connection.sendall(head + body[:-50])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(body[-50:])
        wait_counted(daemon, identity)


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


def test_an_adaptor_that_is_down_is_502_counted_and_recovers(tmp_path: Path) -> None:
    with running_adaptor() as first:
        port = urlsplit(first.url).port or 0
    settings = {"url": first.url, "authenticate": False}
    with Daemon(tmp_path, token=False, forward=settings) as daemon:
        identity, body = fresh()
        answer = send(daemon, body)
        assert (answer.status, answer.code) == (502, "adaptor_unreachable")
        wait_counted(daemon, identity)
        large = firmware_request(12 * MIB)
        assert send(daemon, large).code == "adaptor_unreachable"
        wait_for("the count", lambda: len(daemon.journal()) == 2)
        with running_adaptor(port) as back:
            assert send(daemon, body).status == 200
            assert back.got[0].body == body
        assert daemon.stop() == 0
        assert ids(daemon.journal()).count(identity) == 1


def test_a_locked_store_holds_nothing_back_and_is_caught_up(tmp_path: Path, adaptor: TestAdaptor) -> None:
    settings = {"url": adaptor.url, "counting_seconds": 60}
    with Daemon(tmp_path, token=False, forward=settings) as daemon:
        headers = {"X-ADT-Gateway-Token": daemon.as_("adaptor").access_token}
        sent = [fresh() for _ in range(20)]
        with daemon.locked_database():
            for _, body in sent:
                assert send(daemon, body, headers=headers).status == 200
            assert daemon.journal() == []
        for identity, _ in sent:
            wait_counted(daemon, identity)
        assert daemon.metric("uncounted_total", "store_unavailable") == 0


def test_what_a_locked_store_did_not_take_is_said_and_recorded_when_it_can(
    tmp_path: Path, adaptor: TestAdaptor
) -> None:
    settings = {"url": adaptor.url, "authenticate": False, "counting_seconds": 0}
    with Daemon(tmp_path, token=False, forward=settings) as daemon:
        identity, body = fresh()
        with daemon.locked_database():
            assert send(daemon, body).status == 200
            wait_for("the metric", lambda: uncounted(daemon, "store_unavailable") == 1)
            assert '"event": "forward_not_counted"' in daemon.log
        wait_for("the record", lambda: daemon.actions("forward"))
        rows = daemon.query("SELECT body FROM audit_records WHERE subject = 'forward'")
        detail = json.loads(rows[0][0])["detail"]
        assert (detail["requests"], detail["codes"]) == (1, {"store_unavailable": 1})
        assert detail["first_request_id"] == identity
        assert daemon.verify_audit().returncode == 0


def test_an_orderly_stop_counts_what_was_passed_on(tmp_path: Path, adaptor: TestAdaptor) -> None:
    settings = {"url": adaptor.url, "authenticate": False}
    with Daemon(tmp_path, token=False, forward=settings) as daemon:
        sent = [fresh() for _ in range(40)]
        answers = side_by_side(*(lambda body=body: send(daemon, body) for _, body in sent))
        assert daemon.stop() == 0
        assert {answer.status for answer in answers} == {200}
        assert sorted(ids(daemon.journal())) == sorted(identity for identity, _ in sent)


def test_without_an_adaptor_nothing_is_passed_on(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False) as daemon:
        answer = daemon.as_("adaptor").ask("POST", "/duis/a", fresh()[1])
        assert (answer.status, answer.code) == (404, "forwarding_off")
        assert daemon.stranger().ask("POST", "/duis/a", b"").status == 401
