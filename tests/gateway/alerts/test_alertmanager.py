"""A real Alertmanager shows what is open, goes on showing it, and stops when it is closed."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from sqlalchemy import update

from gateway import tasks
from gateway.alerts.candidate import Candidate, Candidates
from gateway.alerts.channels.alertmanager import PATIENCE, AlertmanagerChannel, labels_of
from gateway.alerts.channels.channel import Working
from gateway.alerts.firing import AT_ONCE
from gateway.alerts.message import Alert, Event
from gateway.channel_settings import AlertmanagerSettings
from gateway.clock import to_text
from gateway.errors import AlertRefused, Unavailable
from gateway.store.database import Database
from gateway.store.incidents import get_incident
from gateway.store.schema import outbox
from tests.support.alerts import AT, BREACH, SILENT, message, sample
from tests.support.firing import fires
from tests.support.http_receiver import Receiver, Request, secret_in
from tests.support.real_alertmanager import PASSWORD, USER, Alertmanager, needs_alertmanager

CONSOLE = "https://gateway.example:8470/"


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with Alertmanager(tmp_path_factory.mktemp("alertmanager") / "folder") as running:
        yield running


class Open:
    """Says what is open."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    async def __call__(self) -> AsyncIterator[list[Alert]]:
        for start in range(0, len(self.alerts), AT_ONCE):
            yield self.alerts[start : start + AT_ONCE]


def channel_to(url: str, is_open: Open | None = None, **values: object) -> AlertmanagerChannel:
    settings = AlertmanagerSettings.model_validate({"name": "am", "url": url} | values)
    return AlertmanagerChannel(settings, CONSOLE, is_open or Open())


def real(alertmanager: Alertmanager, folder: Path, **values: object) -> AlertmanagerChannel:
    password = secret_in(folder, "password", PASSWORD + "\n")
    given: dict[str, Any] = {
        "ca_file": alertmanager.authority.file,
        "username": USER,
        "password_file": password,
    }
    return channel_to(alertmanager.url, **(given | values))


def now(event: Event = "opened", incident: int = 7, **values: Any) -> bytes:
    """Return an alert of this moment: Alertmanager looks at the time."""
    at = {"at": to_text(time.time()), "opened_at": to_text(time.time() - 60)}
    return message(event, incident, **(at | values))


async def shown(alertmanager: Alertmanager, incident: int) -> list[dict[str, Any]]:
    active = await asyncio.to_thread(alertmanager.active)
    return [each for each in active if each["labels"].get("incident") == str(incident)]


@needs_alertmanager
async def test_a_real_one_shows_an_incident_until_it_is_closed(
    alertmanager: Alertmanager, tmp_path: Path
) -> None:
    channel = real(alertmanager, tmp_path)
    assert "200" in await channel.send([now("opened", 1), now("opened", 2)])
    (found,) = await shown(alertmanager, 1)
    assert found["labels"] == {
        "alertname": "AdtGatewayIncident",
        "gateway": "main",
        "incident": "1",
        "severity": "critical",
        "kind": "threshold",
    }
    assert found["annotations"]["summary"] == "quarantine threshold passed: 125 of 100 SPC 7.2 in PT1H"
    assert found["annotations"]["count"] == "125"
    assert found["generatorURL"] == "https://gateway.example:8470/incidents/1"
    await channel.send([now("updated", 1, assigned_to="analyst")])
    (found,) = await shown(alertmanager, 1)
    assert found["annotations"]["assigned_to"] == "analyst"
    await channel.send([now("closed", 1)])
    assert await shown(alertmanager, 1) == []
    assert len(await shown(alertmanager, 2)) == 1
    await channel.close()


@needs_alertmanager
@pytest.mark.parametrize("event", ["test", "heartbeat"])
async def test_a_real_one_takes_tests_and_heartbeats(
    alertmanager: Alertmanager, tmp_path: Path, event: Event
) -> None:
    channel = real(alertmanager, tmp_path)
    await channel.send([now(event, opened_at="")])
    names = {each["labels"]["alertname"] for each in await asyncio.to_thread(alertmanager.active)}
    assert {"test": "AdtGatewayTest", "heartbeat": "AdtGatewayWatchdog"}[event] in names
    await channel.close()


@needs_alertmanager
async def test_a_real_one_takes_a_close_of_a_clock_that_was_set_back(
    alertmanager: Alertmanager, tmp_path: Path
) -> None:
    channel = real(alertmanager, tmp_path)
    await channel.send([now("opened", 3)])
    await channel.send(
        [now("closed", 3, at=to_text(time.time() - 7200), opened_at=to_text(time.time() - 3600))]
    )
    assert await shown(alertmanager, 3) == []
    await channel.close()


@needs_alertmanager
async def test_what_a_marking_holds_back_ends_under_its_earlier_labels(
    alertmanager: Alertmanager, tmp_path: Path
) -> None:
    channel = real(alertmanager, tmp_path)
    await channel.send([now("opened", 4)])
    held_back = {"facts": None, "opened_at": "", "user_id": "", "by": "", "marking": "classified"}
    await channel.send([now("updated", 4, **held_back)])
    (found,) = await shown(alertmanager, 4)
    assert "kind" not in found["labels"]
    assert found["labels"]["severity"] == "critical"
    assert found["annotations"]["marking"] == "classified"
    await channel.send([now("closed", 4, **held_back)])
    assert await shown(alertmanager, 4) == []
    await channel.close()


@needs_alertmanager
async def test_a_wrong_password_waits_for_the_right_one(alertmanager: Alertmanager, tmp_path: Path) -> None:
    channel = real(alertmanager, tmp_path)
    secret_in(tmp_path, "password", "wrong")
    with pytest.raises(Unavailable, match="401") as caught:
        await channel.send([now("opened", 5)])
    assert "user" in caught.value.remedy
    secret_in(tmp_path, "password", PASSWORD)
    await channel.send([now("opened", 5)])
    await channel.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().running() as running:
        running.answering = lambda _: web.Response()
        yield running


def posted(receiver: Receiver) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(receiver.requests[-1].body)
    return found


async def test_what_is_open_is_sent_again_with_an_end_that_moves_on(receiver: Receiver) -> None:
    is_open = Open()
    is_open.alerts = [sample("opened", number) for number in range(AT_ONCE + 1)]
    channel = channel_to(receiver.url + "/prefix/", is_open)
    channel._clock = lambda: 1_900_000_000.0
    await channel.resend()
    assert [each.path for each in receiver.requests] == ["/prefix/api/v2/alerts"] * 2
    (last,) = posted(receiver)
    assert last["endsAt"] == to_text(1_900_000_000.0 + PATIENCE * 60)
    await channel.close()


async def test_what_is_added_to_a_closed_one_does_not_make_it_fire_again(receiver: Receiver) -> None:
    channel = channel_to(receiver.url, Open())
    await channel.send([message("closed")])
    await channel.send([message("updated", state="closed", ticket="INC-1")])
    (last,) = posted(receiver)
    assert last["endsAt"] == AT
    await channel.close()


async def test_it_is_sent_again_for_ever_also_after_trouble(receiver: Receiver) -> None:
    is_open = Open()
    is_open.alerts = [sample()]
    channel = channel_to(receiver.url, is_open)
    channel._settings = channel._settings.model_copy(update={"resend_seconds": 0.01})
    fifth = asyncio.Event()

    def answer(request: Request) -> web.Response:
        del request
        if len(receiver.requests) == 5:
            fifth.set()
        return web.Response(status=500 if len(receiver.requests) < 3 else 200)

    receiver.answering = answer
    assert isinstance(channel, Working)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        work = tasks.start(group, "work", channel.run())
        await fifth.wait()
        work.cancel()
    await channel.close()


async def test_a_heartbeat_lasts_until_four_are_missed(receiver: Receiver) -> None:
    channel = channel_to(receiver.url, heartbeat_seconds=600)
    channel._clock = lambda: 1_800_000_000.0
    await channel.send([message("heartbeat")])
    (watchdog,) = posted(receiver)
    assert watchdog["labels"] == {"alertname": "AdtGatewayWatchdog", "gateway": "main", "severity": "none"}
    assert watchdog["endsAt"] == to_text(1_800_000_000.0 + 4 * 600)
    await channel.close()


async def test_a_fault_in_an_alert_is_a_refusal_and_another_answer_is_not(receiver: Receiver) -> None:
    channel = channel_to(receiver.url)
    receiver.answering = lambda _: web.json_response("bad label", status=400)
    with pytest.raises(AlertRefused, match="bad label"):
        await channel.send([message()])
    receiver.answering = lambda _: web.Response(status=404)
    with pytest.raises(Unavailable, match="does not take alerts"):
        await channel.send([message()])
    await channel.close()


@pytest.mark.parametrize("facts", [BREACH, SILENT, None])
def test_labels_are_few_short_and_the_same_for_life(facts: Any) -> None:
    """Nothing of them comes from a device or from people's words."""
    opened = sample("opened", facts=facts)
    closed = sample("closed", facts=facts, title="other", reason="why", assigned_to="a", by="b", ticket="T")
    assert labels_of(opened) == labels_of(closed)
    assert set(labels_of(opened)) <= {"alertname", "gateway", "incident", "severity", "kind"}
    assert all(0 < len(value) <= 40 for value in labels_of(opened).values())


async def test_what_is_open_is_what_this_channel_took(database: Database) -> None:
    """An incident that is closed, or that was never told (silenced), is not told again."""
    candidates = Candidates("test", ("am", "other"), lambda: None)
    numbers = []
    for subject in "abcd":
        async with database.write() as connection:
            new = Candidate(SILENT, f"about {subject}", 1e9, subject_key=subject)
            numbers.append(await candidates.open(connection, new, 1e9))
    assert await fires(database, "am") == [], "what is not sent yet comes by its own way"
    async with database.write() as connection:
        await connection.execute(update(outbox).where(outbox.c.incident_id != numbers[3]).values(sent_at=1))
        first = await get_incident(connection, numbers[0])
        await candidates.update(connection, first, SILENT, "changed", 2e9)
        await connection.execute(update(outbox).where(outbox.c.incident_id == numbers[0]).values(sent_at=2))
        await candidates.close(
            connection, await get_incident(connection, numbers[1]), by="analyst", reason="done", now=3e9
        )
    found = await fires(database, "am")
    assert [(each.incident, each.event, each.title) for each in found] == [
        (numbers[0], "updated", "changed"),
        (numbers[2], "opened", "about c"),
    ]
    assert await fires(database, "nobody") == []
