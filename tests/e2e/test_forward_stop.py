"""A stop while requests are passed on: what is said of them is what became of them."""

import asyncio
import json
import signal
from pathlib import Path

from aiohttp import web

from tests.support.adaptor import TestAdaptor, plain_answer
from tests.support.api import wait_for
from tests.support.daemon import Daemon, ids
from tests.support.forwarding import connected, fresh, send


def test_what_is_said_not_to_be_counted_at_a_stop_is_not_counted_after_that(
    tmp_path: Path, adaptor: TestAdaptor
) -> None:
    """The store is away at the stop and comes back while the stop is put on record."""
    settings = {"url": adaptor.url, "authenticate": False}
    with Daemon(tmp_path, token=False, forward=settings) as daemon:
        sent = [fresh() for _ in range(5)]
        with daemon.locked_database():
            for _, body in sent:
                assert send(daemon, body).status == 200
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGTERM)
            wait_for("what is said", lambda: '"event": "forward_not_counted"' in daemon.log)
        assert daemon.stop() == 0
        rows = daemon.query("SELECT body FROM audit_records WHERE subject = 'forward'")
        told = sum(json.loads(row[0])["detail"]["requests"] for row in rows)
        counted = [identity for identity, _ in sent if identity in ids(daemon.journal())]
        assert told + len(counted) == len(sent), (told, counted)
        assert told > 0, "the store was away for all attempts of some"


def test_what_waits_for_the_adaptor_at_a_stop_is_counted_and_goes_on_again_when_it_is_sent_again(
    tmp_path: Path, adaptor: TestAdaptor
) -> None:
    """A repeat reaches the adaptor, which knows it by its RequestID, and is not counted again."""
    answers = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await answers.wait()
        return await plain_answer(request)

    adaptor.answering = silent
    settings = {"url": adaptor.url, "authenticate": False}
    with Daemon(tmp_path, token=False, forward=settings) as daemon:
        identity, body = fresh()
        begun, got = adaptor.begun, len(adaptor.got)
        with connected(daemon) as connection:
            head = f"POST /duis/a HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            wait_for("the adaptor", lambda: adaptor.begun == begun + 1)
            daemon.restart()
            assert connection.recv(65_536) == b"", "the sender is not told that it was answered"
        assert ids(daemon.journal()).count(identity) == 1
        adaptor.answering = plain_answer
        assert send(daemon, body).status == 200
        wait_for("the repeat", lambda: daemon.metric("duplicates_total") == 1)
        assert [each.body for each in adaptor.got[got:]] == [body, body]
        assert ids(daemon.journal()).count(identity) == 1
        assert "forward_not_counted" not in daemon.log
