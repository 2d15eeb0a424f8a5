"""Whatever an HTTP receiver does, each channel says that it is trouble, what to do, and goes on afterwards."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from gateway.alerts.channels.alertmanager import AlertmanagerChannel
from gateway.alerts.channels.channel import Channel
from gateway.alerts.channels.splunk import SplunkChannel
from gateway.alerts.channels.webhook import WebhookChannel
from gateway.alerts.line import trouble
from gateway.alerts.message import Alert
from gateway.channel_settings import AlertmanagerSettings, SplunkSettings, WebhookSettings
from gateway.errors import Unavailable
from tests.support.alerts import message
from tests.support.http_receiver import Misbehave, Receiver, raw_server, secret_in, server_tls
from tests.support.tls import Authority

KINDS: Final = ("webhook", "splunk", "alertmanager")
SECRET: Final = "whsec_" + base64.b64encode(bytes(32)).decode()


async def nothing() -> AsyncIterator[list[Alert]]:
    yield []


def channel_to(kind: str, url: str, folder: Path, ca_file: Path | None = None) -> Channel:
    common = {"name": kind, "url": url, "timeout_seconds": 0.7, "ca_file": ca_file}
    if kind == "webhook":
        given = common | {"secret_file": secret_in(folder, "secret", SECRET)}
        return WebhookChannel(WebhookSettings.model_validate(given))
    if kind == "splunk":
        given = common | {"token_file": secret_in(folder, "token", "a-token")}
        return SplunkChannel(SplunkSettings.model_validate(given), "main")
    return AlertmanagerChannel(AlertmanagerSettings.model_validate(common), "", nothing)


def answering(*parts: bytes, repeat: bool = False) -> Misbehave:
    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(parts[0])
        while repeat:
            writer.write(parts[1])
            await writer.drain()
            await asyncio.sleep(0.01 if len(parts[1]) == 1 else 0)

    return misbehave


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del writer
    await reader.read()


OK: Final = b"HTTP/1.1 200 OK\r\n"
FAULTS: Final[dict[str, Misbehave]] = {
    "hangs": hangs,
    "answers 500": answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"),
    "closes half way": answering(OK + b"Content-Length: 30\r\n\r\n{"),
    "one byte after another": answering(OK + b"Content-Length: 9999\r\n\r\n", b" ", repeat=True),
    "endless body": answering(OK + b"\r\n", b" " * 50_000, repeat=True),
    "redirects": answering(b"HTTP/1.1 308 P\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n"),
    "endless headers": answering(OK, b"A: " + b"b" * 1000 + b"\r\n", repeat=True),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_is_trouble_that_passes(kind: str, fault: str, tmp_path: Path) -> None:
    async with raw_server(FAULTS[fault]) as port:
        channel = channel_to(kind, f"http://127.0.0.1:{port}", tmp_path)
        with pytest.raises(Unavailable) as caught:
            await channel.send([message()])
    assert caught.value.remedy
    assert trouble(caught.value).endswith(caught.value.remedy), "who looks at the channel reads what to do"
    assert not any(secret in caught.value.message for secret in (SECRET, "a-token"))
    await channel.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_certificate_gets_no_secret_and_no_alert(kind: str, tmp_path: Path) -> None:
    ours, other = Authority(tmp_path), Authority(tmp_path, "another authority")
    async with Receiver().running(server_tls(other, "other")) as receiver:
        channel = channel_to(kind, receiver.url, tmp_path, ours.file)
        with pytest.raises(Unavailable, match="nothing was sent"):
            await channel.send([message()])
        assert receiver.requests == []
        await channel.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_channel_goes_on_after_trouble(kind: str, tmp_path: Path) -> None:
    async with Receiver().running() as receiver:
        channel = channel_to(kind, receiver.url, tmp_path)
        receiver.answering = lambda _: web.Response(status=502)
        with pytest.raises(Unavailable, match="502"):
            await channel.send([message()])
        receiver.answering = lambda _: web.json_response({"text": "Success", "code": 0})
        assert await channel.send([message()])
        await channel.close()
