"""A receiver that is hostile or broken is trouble of one channel, told in words that say what to do.

Every fault is produced by a real server.
"""

import asyncio
import re
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from gateway.alerts.channels.http_client import LONGEST_ANSWER, HttpClient, quoted, retry_after
from gateway.channel_settings import WebhookSettings
from gateway.errors import Unavailable
from tests.support.http_receiver import Misbehave, Receiver, Request, raw_server, server_tls
from tests.support.tls import Authority

SECONDS = 0.7


def client(url: str, **values: object) -> HttpClient:
    given = {"name": "hook", "url": url, "secret_file": "unused", "timeout_seconds": SECONDS}
    return HttpClient(WebhookSettings.model_validate(given | values))


async def trouble(url: str, **values: object) -> Unavailable:
    """Return what a POST to *url* is refused with."""
    made = client(url, **values)
    try:
        with pytest.raises(Unavailable) as caught:
            await made.post(url, b"{}", {})
    finally:
        await made.close()
    assert caught.value.remedy
    return caught.value


def answers(*parts: bytes, pause: float = 0.0, again: bool = False) -> Misbehave:
    """Return what writes *parts*, with a pause after each, once or for ever, and closes."""

    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(parts[0])
        while True:
            for part in parts[1:]:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            if not again:
                return

    return misbehave


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del writer
    await reader.read()


OK = b"HTTP/1.1 200 OK\r\n"
FAULTS = {
    "hangs": (hangs, "receiver_silent", "did not answer in full within 0.7 s"),
    "one byte a second": (
        answers(OK + b"Content-Length: 50\r\n\r\n", b"x", pause=0.1, again=True),
        "receiver_silent",
        "did not answer in full",
    ),
    "one byte of a header a second": (
        answers(OK + b"X: ", b"x", pause=0.1, again=True),
        "receiver_silent",
        "did not answer in full",
    ),
    "closes at once": (answers(b""), "receiver_closed", "closed the connection"),
    "closes in the headers": (answers(OK + b"Content-Le"), "receiver_closed", "closed the connection"),
    "closes half way": (
        answers(OK + b"Content-Length: 50\r\n\r\nhalf"),
        "receiver_closed",
        "before its answer was whole",
    ),
    "closes in a chunk": (
        answers(OK + b"Transfer-Encoding: chunked\r\n\r\n50\r\nhalf"),
        "receiver_closed",
        "before its answer was whole",
    ),
    "endless body": (
        answers(OK + b"\r\n", b"x" * 30_000, again=True),
        "receiver_garbled",
        f"more than {LONGEST_ANSWER} bytes",
    ),
    "10 MB in one header": (
        answers(OK + b"X: " + b"x" * 10_000_000 + b"\r\n\r\n"),
        "receiver_garbled",
        "headers that are too long",
    ),
    "10 MB of headers": (
        answers(OK, b"X-Many: " + b"x" * 992 + b"\r\n", again=True),
        "receiver_garbled",
        "headers that are too long",
    ),
    "no HTTP": (answers(b"220 mail.example ESMTP\r\n\r\n"), "receiver_garbled", "not HTTP"),
    "500": (answers(b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops"), "receiver_trouble", "500 .*oops"),
    "redirects": (
        answers(b"HTTP/1.1 307 T\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"),
        "receiver_moved",
        "307 and points to http://169.254.169.254, which is not followed",
    ),
    "compressed bomb": (
        answers(OK + b"Content-Encoding: gzip\r\n\r\n" + b"\x1f\x8b" + b"0" * 100_000),
        "receiver_garbled",
        "more than",
    ),
}


@pytest.mark.parametrize(("misbehave", "code", "words"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_is_told_in_words(misbehave: Misbehave, code: str, words: str) -> None:
    async with raw_server(misbehave) as port:
        error = await trouble(f"http://127.0.0.1:{port}/hook")
    assert error.code == code, error.message
    assert re.search(words, error.message), error.message


async def test_a_port_where_nobody_listens_is_told() -> None:
    async with raw_server(hangs) as port:
        pass
    error = await trouble(f"http://127.0.0.1:{port}")
    assert (error.code, "refused" in error.message.lower()) == ("receiver_unreachable", True)


async def test_a_name_that_nobody_knows_is_told() -> None:
    error = await trouble("https://receiver.invalid", timeout_seconds=9)
    assert error.code in {"receiver_unreachable", "receiver_silent"}
    assert "receiver.invalid" in error.message


async def test_a_redirection_is_not_followed() -> None:
    async with Receiver().running() as elsewhere, Receiver().running() as first:
        first.answering = lambda _: web.Response(status=302, headers={"Location": elsewhere.url})
        await trouble(first.url)
        assert elsewhere.requests == []


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_nothing_is_sent_to_a_certificate_of_somebody_else(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "another authority")
    async with Receiver().running(server_tls(other, "other")) as receiver:
        error = await trouble(receiver.url, ca_file=authority.file)
    assert error.code == "receiver_certificate"
    assert error.message.startswith("nothing was sent")
    assert "unable to get local issuer certificate" in error.message
    assert receiver.requests == []


async def test_nothing_is_sent_to_a_certificate_of_another_name(authority: Authority) -> None:
    async with Receiver().running(server_tls(authority, "named")) as receiver:
        error = await trouble(receiver.url.replace("127.0.0.1", "localhost"), ca_file=authority.file)
    assert error.code == "receiver_certificate"
    assert "mismatch, certificate is not valid for 'localhost'" in error.message
    assert receiver.requests == []


async def test_tls_before_1_2_is_refused(authority: Authority) -> None:
    old = server_tls(authority, "old")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with Receiver().running(old) as receiver:
        error = await trouble(receiver.url, ca_file=authority.file)
    assert error.code == "receiver_certificate"
    assert receiver.requests == []


async def test_a_client_certificate_is_shown_and_missed_where_it_is_asked_for(authority: Authority) -> None:
    certificate, key = authority.issue("gateway")
    async with Receiver().running(server_tls(authority, "asking", asks_client=True)) as receiver:
        error = await trouble(receiver.url, ca_file=authority.file)
        # With TLS 1.3 the server says no after the handshake, or just closes.
        assert error.code in {"receiver_closed", "receiver_certificate"}
        assert "client certificate" in error.remedy
        assert receiver.requests == []
        made = client(receiver.url, ca_file=authority.file, certificate_file=certificate, key_file=key)
        assert (await made.post(receiver.url, b"{}", {})).status == 204
        await made.close()


async def test_a_new_authority_counts_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another authority")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(other.file.read_bytes())
    async with Receiver().running(server_tls(authority, "new")) as receiver:
        made = client(receiver.url, ca_file=trusted)
        with pytest.raises(Unavailable):
            await made.post(receiver.url, b"{}", {})
        trusted.write_bytes(other.file.read_bytes() + authority.file.read_bytes())
        assert (await made.post(receiver.url, b"{}", {})).status == 204
        await made.close()


async def test_files_for_tls_that_are_no_good_are_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        error = await trouble("https://127.0.0.1:1", ca_file=tmp_path / name)
        assert error.code == "channel_files"
        assert name in error.message


@pytest.fixture
async def busy() -> AsyncIterator[Receiver]:
    async with Receiver().running() as receiver:
        yield receiver


def steady(times: list[float]) -> Callable[[], float]:
    return lambda: times[0]


def asking(status: int, seconds: str, request: Request) -> web.Response:
    del request
    return web.Response(status=status, headers={"Retry-After": seconds})


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(busy: Receiver, status: int) -> None:
    """But for 300 s at the most: one that asks for a year would never be told anything again."""
    now = [1000.0]
    settings = {"name": "hook", "url": busy.url, "secret_file": "unused"}
    made = HttpClient(WebhookSettings.model_validate(settings), steady(now))
    for asked, left in (("20", 20), ("31536000", 300)):
        busy.answering = partial(asking, status, asked)
        busy.requests.clear()
        with pytest.raises(Unavailable, match=f"left alone for {left} s"):
            await made.post(busy.url, b"{}", {})
        now[0] += left - 1
        with pytest.raises(Unavailable, match="another 1 s"):
            await made.post(busy.url, b"{}", {})
        assert len(busy.requests) == 1
        now[0] += 1
    busy.answering = lambda _: web.Response()
    assert (await made.post(busy.url, b"{}", {})).status == 200
    await made.close()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("-5", 0),
        ("soon", 0),
        ("", 0),
        ("9" * 400, 0),
        ("1e9", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float) -> None:
    assert retry_after(text, 1445412480.0) == seconds


async def test_proxies_of_the_environment_are_not_used(
    busy: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    made = client(busy.url)
    assert (await made.post(busy.url, b"{}", {})).status == 204
    await made.close()


async def test_a_proxy_that_is_set_is_used(busy: Receiver) -> None:
    made = client("http://127.0.0.1:9/hook", proxy=busy.url)
    assert (await made.post("http://127.0.0.1:9/hook", b"{}", {})).status == 204
    assert busy.requests[0].headers["host"] == "127.0.0.1:9"
    await made.close()


async def test_a_cookie_is_not_kept(busy: Receiver) -> None:
    busy.answering = lambda _: web.Response(headers={"Set-Cookie": "a=b"})
    made = client(busy.url)
    for _ in range(2):
        await made.post(busy.url, b"{}", {})
    assert "cookie" not in busy.requests[1].headers
    await made.close()


def test_what_is_quoted_is_one_short_printable_line() -> None:
    assert quoted("a\r\n\x1b[2J\u202eb" + "c" * 1000) == "a [2J b" + "c" * 153 + "…"
