"""A breach in a real daemon reaches a webhook, Splunk, a real Alertmanager and a mailbox, also after trouble."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook

from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.fake_splunk import TOKEN, FakeSplunk
from tests.support.http_receiver import Receiver, secret_in, server_tls
from tests.support.mail_server import MailServer
from tests.support.real_alertmanager import PASSWORD, USER, Alertmanager, needs_alertmanager
from tests.support.softhsm import needs_softhsm
from tests.support.tls import Authority

pytestmark = needs_softhsm

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def send(daemon: Daemon, first: int, count: int) -> None:
    lines = [header_line(number, "7.4") for number in range(first, first + count)]
    assert daemon.as_("adaptor").send_lines(lines).json["accepted"] == count


def breach(daemon: Daemon) -> None:
    """Have a warning, and a quarantine that takes its place."""
    daemon.put_in_force(row(1, 3))
    send(daemon, 0, 2)
    wait_for("the warning", daemon.incidents)
    send(daemon, 10, 2)
    wait_for("the quarantine", lambda: len(daemon.incidents()) == 2)


async def until(what: str, look: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(wait_for, what, look)


def told(receiver: Receiver) -> list[tuple[str, str]]:
    """Return type and subject of each webhook, in order; each is verified."""
    found = []
    for request in receiver.requests:
        event = Webhook(SECRET).verify(request.body, request.headers)
        found.append((event["type"].removeprefix("adt-gateway.incident."), event["subject"]))
    return found


@needs_alertmanager
async def test_each_other_side_is_told_of_the_same(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    hook, splunk, mail = Receiver(), FakeSplunk(), MailServer()
    alertmanager = Alertmanager(tmp_path / "alertmanager")
    async with (
        hook.running(server_tls(authority, "hook")),
        splunk.running(server_tls(authority, "splunk")),
        mail.running(server_tls(authority, "mail")),
    ):
        with alertmanager:
            alerts = {
                "console_url": "https://gateway.example",
                "webhook": [
                    {"name": "hook", "url": hook.url + "/adt", "ca_file": authority.file}
                    | {"secret_file": secret_in(tmp_path, "secret", SECRET)}
                ],
                "splunk": [
                    {"name": "splunk", "url": splunk.url, "ca_file": authority.file}
                    | {"token_file": secret_in(tmp_path, "token", TOKEN)}
                ],
                "alertmanager": [
                    {"name": "am", "url": alertmanager.url, "ca_file": alertmanager.authority.file}
                    | {"username": USER, "password_file": secret_in(tmp_path, "password", PASSWORD)}
                    | {"resend_seconds": 5}
                ],
                "mail": [
                    {"name": "mail", "host": "127.0.0.1", "port": mail.port, "ca_file": authority.file}
                    | {"sender": "adt@gateway.example", "recipients": ["soc@example.org"]}
                ],
            }
            with Daemon(tmp_path / "daemon", alerts=alerts) as daemon:
                await asyncio.to_thread(breach, daemon)
                await until("webhooks", lambda: len(hook.requests) == 3)
                await until("events", lambda: len(splunk.events) == 3)
                await until("mails", lambda: len(mail.mails) == 3)
                await until("one that fires", lambda: len(alertmanager.active()) == 1)
                assert sorted(told(hook)) == [
                    ("closed", "incident/1"),
                    ("opened", "incident/1"),
                    ("opened", "incident/2"),
                ]
                ids = {request.headers["webhook-id"] for request in hook.requests}
                assert ids == {each["fields"]["alert_id"] for each in splunk.events}
                threads = {each["Subject"].split(":")[0]: each["References"] for each in mail.mails}
                assert threads["ADT Gateway test, incident 1 closed"] == (
                    "<test.incident.1.opened@gateway.example>"
                )
                alertmanager.forget()
                assert alertmanager.active() == []
                await until("the same again", lambda: len(alertmanager.active()) == 1)
                labels = alertmanager.active()[0]["labels"]
                assert (labels["incident"], labels["severity"]) == ("2", "critical")


async def test_what_a_receiver_missed_comes_after_a_crash_in_order_and_under_the_same_id(
    tmp_path: Path,
) -> None:
    hook = Receiver()
    async with hook.running():
        secret = secret_in(tmp_path, "secret", SECRET)
        alerts = {"webhook": [{"name": "hook", "url": hook.url, "secret_file": secret}]}
        hook.answering = lambda _: web.Response(status=503)
        with Daemon(tmp_path / "daemon", alerts=alerts) as daemon:
            await asyncio.to_thread(breach, daemon)
            await until("an attempt", lambda: hook.requests)
            await asyncio.to_thread(daemon.kill)
            refused = {request.headers["webhook-id"] for request in hook.requests}
            hook.requests.clear()
            hook.answering = lambda _: web.Response()
            await asyncio.to_thread(daemon.start)
            await until("all", lambda: len({r.headers["webhook-id"] for r in hook.requests}) == 3)
            assert refused <= {request.headers["webhook-id"] for request in hook.requests}
            first = list(dict.fromkeys(told(hook)))
            assert first.index(("opened", "incident/1")) < first.index(("closed", "incident/1"))
            assert json.loads(hook.requests[0].body)["source"] == "/adt-gateway/test"
