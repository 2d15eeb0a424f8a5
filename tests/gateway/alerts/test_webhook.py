"""A webhook is a CloudEvent that its library reads, signed so that the library of Standard Webhooks agrees."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import get_args

import pytest
from aiohttp import web
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.alerts.channels.webhook import TYPES, WebhookChannel, parsed_secrets
from gateway.alerts.message import Event
from gateway.alerts.ocsf import detection_finding
from gateway.channel_settings import WebhookSettings
from gateway.errors import AlertRefused, Unavailable
from tests.support.alerts import AT, message, sample
from tests.support.http_receiver import Receiver, secret_in

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
NEXT = "whsec_" + base64.b64encode(b"another secret of thirty-two byt").decode()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().running() as running:
        yield running


@pytest.fixture
async def channel(receiver: Receiver, tmp_path: Path) -> AsyncIterator[WebhookChannel]:
    made = channel_to(receiver, tmp_path)
    yield made
    await made.close()


def channel_to(receiver: Receiver, folder: Path, **values: object) -> WebhookChannel:
    secret = secret_in(folder, "secret", SECRET + "\n")
    values = {"name": "hook", "url": receiver.url + "/hook", "secret_file": secret} | values
    return WebhookChannel(WebhookSettings.model_validate(values))


def verified(receiver: Receiver, secret: str = SECRET) -> None:
    """Ask the library whether the last request is signed with *secret*."""
    last = receiver.requests[-1]
    Webhook(secret).verify(last.body, last.headers)


@pytest.mark.parametrize("event", list(TYPES))
@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_the_library_of_cloudevents_reads_what_is_sent(
    receiver: Receiver, tmp_path: Path, mode: str, event: Event
) -> None:
    channel = channel_to(receiver, tmp_path, mode=mode)
    await channel.send([message(event)])
    await channel.close()
    last, alert = receiver.requests[-1], sample(event)
    found = from_http_event(HTTPMessage(last.headers, last.body))
    assert found.get_id() == alert.id == last.headers["webhook-id"]
    assert found.get_type() == TYPES[event]
    assert found.get_source() == "/adt-gateway/main"
    assert found.get_subject() == ("incident/7" if alert.incident else None)
    assert found.get_time() == datetime.fromisoformat(AT)
    assert found.get_data() == detection_finding(alert)
    verified(receiver)


async def test_a_finding_leads_to_its_incident_in_the_console(receiver: Receiver, tmp_path: Path) -> None:
    settings = channel_to(receiver, tmp_path)._settings
    channel = WebhookChannel(settings, "https://gateway.example/")
    for event in get_args(Event):
        await channel.send([message(event)])
    await channel.close()
    found = [
        json.loads(each.body)["data"].get("finding_info", {}).get("src_url") for each in receiver.requests
    ]
    assert found == ["https://gateway.example/incidents/7"] * 3 + [None, None]


async def test_a_marking_travels_in_the_envelope(channel: WebhookChannel, receiver: Receiver) -> None:
    await channel.send([message(marking="classified", facts=None)])
    assert json.loads(receiver.requests[-1].body)["marking"] == "classified"


async def test_a_changed_byte_breaks_the_signature(channel: WebhookChannel, receiver: Receiver) -> None:
    await channel.send([message()])
    last = receiver.requests[-1]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(last.body.replace(b"125", b"100"), last.headers)


async def test_while_a_secret_is_replaced_either_verifies(
    channel: WebhookChannel, receiver: Receiver, tmp_path: Path
) -> None:
    """The file is read at each use: no restart."""
    secret_in(tmp_path, "secret", f"{SECRET}\n{NEXT}\n")
    await channel.send([message()])
    verified(receiver, SECRET)
    verified(receiver, NEXT)
    secret_in(tmp_path, "secret", NEXT)
    await channel.send([message()])
    verified(receiver, NEXT)
    with pytest.raises(WebhookVerificationError):
        verified(receiver, SECRET)


async def test_a_repeat_has_the_same_id(channel: WebhookChannel, receiver: Receiver) -> None:
    await channel.send([message()])
    await channel.send([message()])
    assert len({each.headers["webhook-id"] for each in receiver.requests}) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_an_answer_of_the_200s_is_taken(
    channel: WebhookChannel, receiver: Receiver, status: int
) -> None:
    receiver.answering = lambda _: web.Response(status=status)
    assert str(status) in await channel.send([message()])


@pytest.mark.parametrize("status", [400, 406, 410, 411, 413, 414, 415, 422, 431])
async def test_an_answer_about_the_alert_itself_is_a_refusal(
    channel: WebhookChannel, receiver: Receiver, status: int
) -> None:
    receiver.answering = lambda _: web.Response(status=status, text="no\x1b[31m such\r\nthing" + "!" * 9999)
    with pytest.raises(AlertRefused, match=f"{status} .*no .31m such thing!") as caught:
        await channel.send([message()])
    assert len(caught.value.message) < 400
    assert ("gone for good" in caught.value.message) == (status == 410)
    assert caught.value.remedy


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 407, 409, 418, 421, 423, 426, 428, 451])
async def test_what_a_proxy_says_to_whatever_comes_makes_no_dead_letter(
    channel: WebhookChannel, receiver: Receiver, status: int
) -> None:
    """Such an answer is about the way there: the alert waits, and the words say what to do."""
    receiver.answering = lambda _: web.Response(status=status, text="sign in first")
    with pytest.raises(Unavailable, match=f"{status} .*sign in first") as caught:
        await channel.send([message()])
    assert caught.value.remedy.endswith("It is sent again by itself.")
    receiver.answering = lambda _: web.Response()
    await channel.send([message()])


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_what_passes_by_is_sent_again(channel: WebhookChannel, receiver: Receiver, status: int) -> None:
    receiver.answering = lambda _: web.Response(status=status)
    with pytest.raises(Unavailable, match=str(status)):
        await channel.send([message()])
    receiver.answering = lambda _: web.Response()
    await channel.send([message()])


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "secret", "whsec_!!!!", "whsec_" + "YQ==", f"{SECRET}\n{SECRET}\n{SECRET}", SECRET[6:]],
)
def test_a_secret_of_another_form_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Unavailable) as caught:
        parsed_secrets(text)
    assert SECRET[6:] not in caught.value.message
    assert "openssl rand" in caught.value.remedy


async def test_an_address_that_is_a_secret_is_read_at_each_use_and_never_shown(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Such as those with a key in their query."""
    address = secret_in(tmp_path, "address", f"{receiver.url}/hook?sig=k3y\n")
    channel = channel_to(receiver, tmp_path, url="", url_file=address)
    await channel.send([message()])
    assert receiver.requests[-1].path == "/hook?sig=k3y"
    receiver.answering = lambda _: web.Response(
        status=302, headers={"Location": "https://x.example/?sig=k3y"}
    )
    with pytest.raises(Unavailable, match=r"points to https://x\.example, which") as caught:
        await channel.send([message()])
    found = [caught.value]
    for text in (
        "http://127.0.0.1:1/?sig=k3y",
        "http://x.example/?sig=k3y",
        "ftp://k3y",
        "k3y",
        "http://u:k3y@x",
    ):
        secret_in(tmp_path, "address", text)
        with pytest.raises(Unavailable) as caught:
            await channel.send([message()])
        found.append(caught.value)
    assert not any("k3y" in f"{error.message} {error.remedy}" for error in found)
    await channel.close()


async def test_a_secret_that_cannot_be_read_is_trouble_of_this_channel(
    channel: WebhookChannel, tmp_path: Path, receiver: Receiver
) -> None:
    (tmp_path / "secret").unlink()
    with pytest.raises(Unavailable, match="secret cannot be read: No such file"):
        await channel.send([message()])
    (tmp_path / "secret").write_bytes(b"\xff" * 5000)
    with pytest.raises(Unavailable, match="secret"):
        await channel.send([message()])
    assert receiver.requests == []
