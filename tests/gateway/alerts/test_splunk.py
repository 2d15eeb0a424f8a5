"""Splunk's collector takes what is sent; what it says is told without making more of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from gateway.alerts.channels.splunk import TAKES_NONE, TAKES_THESE_NOT, SplunkChannel
from gateway.alerts.ocsf import detection_finding
from gateway.channel_settings import SplunkSettings
from gateway.errors import AlertRefused, Unavailable
from tests.support.alerts import SILENT, message, sample
from tests.support.fake_splunk import CODES, TOKEN, FakeSplunk
from tests.support.http_receiver import secret_in


@pytest.fixture
async def splunk() -> AsyncIterator[FakeSplunk]:
    fake = FakeSplunk(indexes=("main", "soc"))
    async with fake.running():
        yield fake


@pytest.fixture
async def acknowledging() -> AsyncIterator[FakeSplunk]:
    fake = FakeSplunk(acknowledges=True)
    async with fake.running():
        yield fake


def channel_to(splunk: FakeSplunk, folder: Path, **values: object) -> SplunkChannel:
    token = secret_in(folder, "token", TOKEN + "\n")
    given = {"name": "splunk", "url": splunk.url, "token_file": token}
    return SplunkChannel(SplunkSettings.model_validate(given | values), "main")


async def test_events_have_the_documented_shape(splunk: FakeSplunk, tmp_path: Path) -> None:
    channel = channel_to(splunk, tmp_path, index="soc", host="gw1", source="adt", sourcetype="adt:x")
    said = await channel.send([message()])
    assert "accepted 1" in said
    assert "not yet indexed" in said
    (event,) = splunk.events
    assert event["time"] == 1796119200.123
    assert [event[key] for key in ("host", "source", "sourcetype", "index")] == ["gw1", "adt", "adt:x", "soc"]
    assert event["event"] == detection_finding(sample())
    assert event["fields"] == {
        "alert_id": "main/incident/7/opened",
        "gateway": "main",
        "alert_event": "opened",
        "incident": "7",
        "incident_state": "candidate",
        "kind": "threshold",
        "level": "quarantine",
        "dcc_user": "90-B3-D5-1F-30-01-00-00",
    }
    await channel.close()


async def test_many_alerts_are_one_request_in_their_order(splunk: FakeSplunk, tmp_path: Path) -> None:
    channel = channel_to(splunk, tmp_path)
    alerts = [
        message(incident=1, title="}{ \n\u2028 é"),
        message("test"),
        message("heartbeat"),
        message("updated", incident=2, facts=SILENT),
        message("closed", incident=1, facts=None, marking="classified"),
    ]
    assert len(alerts) < channel.batch
    await channel.send(alerts)
    assert splunk.posts == 1
    told = [each["fields"]["alert_event"] for each in splunk.events]
    assert told == ["opened", "test", "heartbeat", "updated", "closed"]
    assert "index" not in splunk.events[0]
    await channel.close()


async def test_the_token_is_read_at_each_use(splunk: FakeSplunk, tmp_path: Path) -> None:
    channel = channel_to(splunk, tmp_path)
    secret_in(tmp_path, "token", "of somebody else")
    with pytest.raises(Unavailable, match="does not hold a token alone"):
        await channel.send([message()])
    secret_in(tmp_path, "token", "0" * 36)
    with pytest.raises(Unavailable, match=r"HEC code 4 \(403\): Invalid token") as caught:
        await channel.send([message()])
    assert "token_file" in caught.value.remedy
    secret_in(tmp_path, "token", TOKEN)
    await channel.send([message()])
    await channel.close()


@pytest.mark.parametrize("code", sorted(set(CODES) - {0}))
async def test_each_code_says_what_to_do(splunk: FakeSplunk, tmp_path: Path, code: int) -> None:
    """What is wrong with the token or the index waits for somebody; what is wrong with the events does not."""
    splunk.code = code
    channel = channel_to(splunk, tmp_path)
    kind = AlertRefused if code in TAKES_THESE_NOT else Unavailable
    with pytest.raises(kind, match=CODES[code][1]) as caught:
        await channel.send([message()])
    assert caught.value.remedy == {**TAKES_NONE, **TAKES_THESE_NOT}.get(code, caught.value.remedy)
    assert len(caught.value.remedy) > 10
    assert TOKEN not in caught.value.message
    await channel.close()


async def test_a_wrong_index_waits_and_nothing_is_lost(splunk: FakeSplunk, tmp_path: Path) -> None:
    channel = channel_to(splunk, tmp_path, index="typo")
    with pytest.raises(Unavailable, match="Incorrect index"):
        await channel.send([message()])
    assert splunk.events == []
    await channel.close()


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(text="<html>welcome</html>"),
        lambda: web.Response(status=404, text="nothing here"),
        lambda: web.json_response([]),
        lambda: web.json_response({"ok": True}),
        lambda: web.Response(body=b"[" * 50_000),
    ],
)
async def test_a_yes_of_something_else_is_no_yes(splunk: FakeSplunk, tmp_path: Path, answer: object) -> None:
    assert callable(answer)
    splunk.answering = lambda _: answer()
    channel = channel_to(splunk, tmp_path)
    with pytest.raises(Unavailable, match="no HTTP Event Collector"):
        await channel.send([message()])
    await channel.close()


async def test_acknowledgement_is_waited_for(acknowledging: FakeSplunk, tmp_path: Path) -> None:
    channel = channel_to(acknowledging, tmp_path, acknowledge=True)

    async def index() -> None:
        await acknowledging.polled.wait()
        acknowledging.indexed.add(0)

    said, _ = await asyncio.gather(channel.send([message(), message("closed")]), index())
    assert said == "the indexer acknowledged 2"
    assert acknowledging.posts == 1
    await channel.close()


async def test_events_that_wait_for_acknowledgement_are_not_posted_twice(
    acknowledging: FakeSplunk, tmp_path: Path
) -> None:
    """The next attempt asks on, also where more has joined the batch."""
    channel = channel_to(acknowledging, tmp_path, acknowledge=True, timeout_seconds=0.3)
    with pytest.raises(Unavailable, match="has not acknowledged them yet"):
        await channel.send([message()])
    acknowledging.indexed |= {0, 1}
    assert await channel.send([message(), message("closed")]) == "the indexer acknowledged 2"
    assert [each["fields"]["alert_event"] for each in acknowledging.events] == ["opened", "closed"]
    acknowledging.indexed.add(2)
    await channel.send([message()])
    assert acknowledging.posts == 3, "what was acknowledged is forgotten"
    await channel.close()


async def test_a_token_without_acknowledgement_is_told(splunk: FakeSplunk, tmp_path: Path) -> None:
    channel = channel_to(splunk, tmp_path, acknowledge=True)
    with pytest.raises(Unavailable) as caught:
        await channel.send([message()])
    assert "acknowledge = false" in caught.value.remedy
    await channel.close()


async def test_a_token_that_asks_for_acknowledgement_takes_events_of_a_channel_too(
    acknowledging: FakeSplunk, tmp_path: Path
) -> None:
    channel = channel_to(acknowledging, tmp_path)
    assert "not yet indexed" in await channel.send([message()])
    await channel.close()
