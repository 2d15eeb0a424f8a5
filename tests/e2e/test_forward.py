"""Forwarding: the request goes on unchanged and is counted once."""

import contextlib
import gzip

import pytest
from aiohttp import web

from tests.support.adaptor import TestAdaptor
from tests.support.api import wait_for
from tests.support.daemon import Daemon, ids
from tests.support.duis_messages import firmware_request
from tests.support.forwarding import MIB, connected, fresh, send, uncounted, wait_counted, wait_uncounted


@pytest.fixture
def daemon(forwarding: Daemon, adaptor: TestAdaptor) -> Daemon:
    """Return the daemon before the adaptor, which answers as usual."""
    del adaptor
    return forwarding


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
