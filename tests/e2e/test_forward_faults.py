"""Forwarding while sender, adaptor or store fail: nothing is held back, and what went out is counted."""

import asyncio
import http.client
import json
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from tests.support.adaptor import TestAdaptor, plain_answer, running_adaptor
from tests.support.api import side_by_side, wait_for
from tests.support.daemon import Daemon, ids
from tests.support.duis_messages import firmware_request
from tests.support.forwarding import MIB, connected, fresh, send, uncounted, wait_counted
from tests.support.raw_adaptor import raw_adaptor


@pytest.fixture
def daemon(forwarding: Daemon, adaptor: TestAdaptor) -> Daemon:
    """Return the daemon before the adaptor, which answers as usual."""
    del adaptor
    return forwarding


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

    def at_rest() -> bool:
        """Where a sender has left before the gateway came to it, nothing begins and so nothing ends."""
        until_now = ended()
        time.sleep(1)
        return ended() == until_now

    sent = [fresh() for _ in range(60)]
    for number, (_, body) in enumerate(sent):
        with connected(daemon) as connection:
            head = f"POST /duis/a HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            time.sleep(number % 6 / 1000)
    last, body = fresh()
    assert send(daemon, body).status == 200
    wait_counted(daemon, last)
    wait_for("all to end", at_rest)
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


def shown_adaptor(daemon: Daemon) -> str:
    """Return what `/readyz` says of the adaptor; the gateway is ready without it."""
    answer = daemon.stranger().get("/readyz")
    (part,) = [part for part in answer.json["parts"] if part["part"] == "adaptor"]
    assert (answer.status, part["needed"], part["works"]) == (200, False, not part["detail"])
    return str(part["detail"])


def test_an_adaptor_that_is_down_is_502_counted_and_recovers(tmp_path: Path) -> None:
    with running_adaptor() as first:
        port = urlsplit(first.url).port or 0
    settings = {"url": first.url, "authenticate": False}
    with Daemon(tmp_path, token=False, forward=settings) as daemon:
        identity, body = fresh()
        answer = send(daemon, body)
        assert (answer.status, answer.code) == (502, "adaptor_unreachable")
        assert "cannot be reached" in shown_adaptor(daemon)
        wait_counted(daemon, identity)
        large = firmware_request(12 * MIB)
        assert send(daemon, large).code == "adaptor_unreachable"
        wait_for("the count", lambda: len(daemon.journal()) == 2)
        with running_adaptor(port) as back:
            assert send(daemon, body).status == 200
            assert back.got[0].body == body
            assert shown_adaptor(daemon) == ""
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


@pytest.mark.parametrize("size", [0, 12 * MIB])
def test_a_black_hole_in_place_of_the_adaptor_is_504_and_counted(tmp_path: Path, size: int) -> None:
    """It takes the connection and never reads: a large body does not even go out, and waits no longer for that."""
    with raw_adaptor() as url:
        settings = {"url": url, "authenticate": False, "timeout_seconds": 2}
        with Daemon(tmp_path, token=False, forward=settings) as daemon:
            identity, body = fresh()
            body = body.ljust(size)
            began = time.monotonic()
            answer = send(daemon, body)
            assert (answer.status, answer.code) == (504, "adaptor_timeout")
            assert time.monotonic() - began < 8
            wait_counted(daemon, identity)
            assert daemon.metric("forwarded_total", "timeout") == 1
            assert daemon.stranger().get("/readyz").status == 200


GARBAGE: Final = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "bytes": bytes(range(256)) * 4,
    "a status that is none": b"HTTP/1.1 abc OK\r\n\r\n",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "nothing": b"\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_place_of_an_answer_is_502_and_counted(tmp_path: Path, name: str) -> None:
    with raw_adaptor(GARBAGE[name]) as url:
        settings = {"url": url, "authenticate": False, "timeout_seconds": 2}
        with Daemon(tmp_path, token=False, forward=settings) as daemon:
            identity, body = fresh()
            answer = send(daemon, body)
            assert (answer.status, answer.code) == (502, "adaptor_unreachable")
            wait_counted(daemon, identity)
            assert "Traceback" not in daemon.log
            assert daemon.metric("forwarded_total", "unreachable") == 1
