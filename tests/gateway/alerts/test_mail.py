"""Mail goes over TLS or not at all; what the server says decides what becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.alerts.channels.mail import PASSWORD_REST, MailChannel
from gateway.channel_settings import MailSettings
from gateway.errors import AlertRefused, Unavailable
from tests.support.alerts import message
from tests.support.http_receiver import raw_server, secret_in, server_tls
from tests.support.mail_server import PASSWORD, USER, MailServer
from tests.support.tls import Authority

SOC, CISO = "soc@example.org", "ciso@example.org"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[MailServer]:
    async with MailServer().running(server_tls(authority, "mail")) as running:
        yield running


def channel_to(port: int, authority: Authority | None, **values: Any) -> MailChannel:
    given: dict[str, Any] = {
        "name": "mail",
        "host": "127.0.0.1",
        "port": port,
        "ca_file": authority.file if authority else None,
        "sender": "adt@gateway.example",
        "recipients": (SOC, CISO),
    }
    return MailChannel(MailSettings.model_validate(given | values), "https://gateway.example")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_arrives_over_tls(authority: Authority, security: str) -> None:
    async with MailServer().running(server_tls(authority, "mail"), security) as server:
        said = await channel_to(server.port, authority, security=security).send([message()])
    assert said == "the SMTP server took it for 2: queued as 1"
    assert server.recipients == [[SOC, CISO]]
    assert b"\r\nSubject: ADT Gateway main" in server.raw[0]
    assert server.mails[0]["Subject"].startswith("ADT Gateway main, incident 7 opened: quarantine threshold")


async def test_a_server_without_starttls_gets_nothing(authority: Authority) -> None:
    """Somebody in between may have taken the word out of what the server offers."""
    said: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        while line := await reader.readline():
            said.append(line)
            writer.write(b"250-mail.test\r\n250 SIZE 1000000\r\n" if line[:4] == b"EHLO" else b"221 Bye\r\n")

    async with raw_server(plain) as port:
        with pytest.raises(Unavailable) as caught:
            await channel_to(port, authority).send([message()])
    assert caught.value.code == "mail_unprotected"
    assert "nothing was sent" in caught.value.message
    assert {line.split()[0] for line in said} <= {b"EHLO", b"QUIT"}


async def test_what_somebody_puts_before_tls_is_not_believed(authority: Authority) -> None:
    """Replies injected after STARTTLS, before the handshake (CVE-2011-0411 and its kin), end the attempt."""

    async def injects(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        await reader.readline()
        writer.write(b"250-mail.test\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go\r\n250-mail.test\r\n250 AUTH PLAIN\r\n" + b"250 OK\r\n" * 5)
        await reader.read()

    async with raw_server(injects) as port:
        with pytest.raises(Unavailable):
            await channel_to(port, authority, timeout_seconds=1).send([message()])


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_of_somebody_else_gets_nothing(
    authority: Authority, tmp_path: Path, security: str
) -> None:
    other = Authority(tmp_path, "another authority")
    async with MailServer().running(server_tls(other, "other"), security) as server:
        with pytest.raises(Unavailable) as caught:
            await channel_to(server.port, authority, security=security).send([message()])
    assert caught.value.code == "mail_certificate", caught.value.message
    assert server.mails == []


async def test_user_and_password_are_given_over_tls(authority: Authority, tmp_path: Path) -> None:
    password = secret_in(tmp_path, "password", PASSWORD + "\n")
    async with MailServer().running(server_tls(authority, "mail"), sign_in=True) as server:
        await channel_to(server.port, authority, username=USER, password_file=password).send([message()])
        assert len(server.mails) == 1
        with pytest.raises((Unavailable, AlertRefused), match="530"):
            await channel_to(server.port, authority).send([message()])


async def test_a_refused_password_is_not_tried_until_it_changes(authority: Authority, tmp_path: Path) -> None:
    """Mail servers lock an account after a few; after a quarter of an hour it is tried once more."""
    password, now = secret_in(tmp_path, "password", "wrong"), [0.0]
    async with MailServer().running(server_tls(authority, "mail"), sign_in=True) as server:
        channel = channel_to(server.port, authority, username=USER, password_file=password)
        channel._steady = lambda: now[0]
        with pytest.raises(Unavailable, match="535") as caught:
            await channel.send([message()])
        assert "wrong" not in caught.value.message
        tried = server.sign_ins
        for _ in range(3):
            with pytest.raises(Unavailable, match="not tried again until the file changes"):
                await channel.send([message()])
        assert server.sign_ins == tried
        now[0] += PASSWORD_REST
        with pytest.raises(Unavailable, match="535"):
            await channel.send([message()])
        assert server.sign_ins > tried
        secret_in(tmp_path, "password", PASSWORD)
        await channel.send([message()])
        assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("command", "reply", "fault"),
    [
        ("DATA", "554 5.7.1 never", AlertRefused),
        ("MAIL", "552 5.3.4 too large", AlertRefused),
        ("MAIL", "530 5.7.0 sign in first", Unavailable),
        ("MAIL", "550 5.7.1 relaying denied", Unavailable),
    ],
)
async def test_a_permanent_reply_about_the_mail_is_a_refusal_and_another_is_not(
    server: MailServer, authority: Authority, command: str, reply: str, fault: type[Exception]
) -> None:
    """What a server says before it has seen the mail it says to any: those of that hour are no dead letters."""
    channel = channel_to(server.port, authority)
    server.replies = {command: "451 4.3.0 later\x07"}
    with pytest.raises(Unavailable, match=r"451 4\.3\.0 later$"):
        await channel.send([message()])
    server.replies = {command: reply}
    with pytest.raises(fault, match=reply):
        await channel.send([message()])
    server.replies = {}
    await channel.send([message()])


async def test_who_has_taken_it_does_not_get_it_again_while_others_wait(
    server: MailServer, authority: Authority
) -> None:
    channel = channel_to(server.port, authority)
    server.replies = {CISO: "450 4.2.0 greylisted"}
    with pytest.raises(Unavailable, match=r"ciso@example\.org: 450"):
        await channel.send([message()])
    server.replies = {}
    await channel.send([message()])
    assert server.recipients == [[SOC], [CISO]]
    await channel.send([message("closed")])
    assert server.recipients[-1] == [SOC, CISO]


async def test_one_address_that_is_refused_keeps_nobody_else_from_it_and_is_told(
    server: MailServer, authority: Authority
) -> None:
    channel = channel_to(server.port, authority)
    server.replies = {CISO: "550 5.1.1 no such user"}
    said = await channel.send([message()])
    assert "took it for 1" in said
    assert "refused for good for ciso@example.org: 550 5.1.1 no such user" in said
    server.replies[SOC] = "550 5.1.1 nor this"
    with pytest.raises(Unavailable, match="refused for everybody"):
        await channel.send([message("closed")])
    server.replies = {}
    await channel.send([message("closed")])
    assert server.recipients[-1] == [SOC, CISO]


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del writer
    await reader.read()


async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    writer.write(b"220")
    while True:
        writer.write(b"-")
        await asyncio.sleep(0.1)


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    while True:
        writer.write(b"220-" + b"x" * 1000 + b"\r\n")
        await writer.drain()


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.test ESMTP\r\n")
    await reader.readline()


async def no_smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()


@pytest.mark.parametrize(
    ("misbehave", "code"),
    [
        (hangs, "mail_silent"),
        (trickles, "mail_silent"),
        (floods, "mail_unreachable"),
        (closes, "mail_unreachable"),
        (no_smtp, "mail_unreachable"),
    ],
)
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_broken_server_is_trouble_in_words(
    authority: Authority, misbehave: Any, code: str, security: str
) -> None:
    tls = server_tls(authority, "broken") if security == "tls" else None
    async with raw_server(misbehave, tls) as port:
        channel = channel_to(port, authority, security=security, timeout_seconds=0.7)
        with pytest.raises(Unavailable) as caught:
            await channel.send([message()])
    assert caught.value.code == code, caught.value.message
    assert f"127.0.0.1:{port}" in caught.value.message
    assert caught.value.remedy


async def test_a_port_where_nobody_listens_is_told(authority: Authority) -> None:
    async with raw_server(hangs) as port:
        pass
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} cannot be used"):
        await channel_to(port, authority).send([message()])
