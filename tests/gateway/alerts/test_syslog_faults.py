"""What a syslog receiver can do to us: nothing that was not handed over counts as sent, and what may be lost comes again."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway import tasks
from gateway.alerts.channels.syslog import MOST_REPEATS, SyslogChannel
from gateway.errors import AlertRefused, Unavailable
from gateway.syslog_settings import SyslogSettings
from tests.support.alerts import encoded
from tests.support.odd_receiver import HOST, OddReceiver
from tests.support.receivers import Rsyslog, free_port, needs_rsyslog
from tests.support.tls import Authority

LARGE = [encoded(number, "x" * 7000) for number in range(1000)]
"""More than the systems of both sides take for a receiver that does not read."""


def make(port: int, **other: Any) -> SyslogChannel:
    values = {"name": "soc", "transport": "tcp", "host": HOST, "port": port}
    return SyslogChannel(SyslogSettings.model_validate(values | other))


@asynccontextmanager
async def running(channel: SyslogChannel) -> AsyncIterator[SyslogChannel]:
    """Run what the channel does between alerts, as the daemon does."""
    async with asyncio.TaskGroup() as group:
        task = tasks.start(group, "channel", tasks.supervise("channel", channel.run))
        yield channel
        await channel.close()
        task.cancel()


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not look():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.02)


def incidents(messages: list[bytes]) -> list[int]:
    found = [re.search(rb' incident="(\d+)"', message) for message in messages]
    return [int(one[1]) for one in found if one]


async def test_nobody_there_is_said_in_words() -> None:
    with pytest.raises(Unavailable, match="Connect"):
        await make(free_port()).send([encoded()])


async def test_a_name_that_is_none_is_said_in_words() -> None:
    with pytest.raises(Unavailable, match="syslog at"):
        await make(601, host="a..b").send([encoded()])


async def test_datagrams_to_a_closed_port_do_not_count_as_sent() -> None:
    with pytest.raises(Unavailable, match="refused"):
        await make(free_port(), transport="udp").send([encoded()])


async def test_a_datagram_is_never_longer_than_it_may_be() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as receiver:
        receiver.bind((HOST, 0))
        channel = make(receiver.getsockname()[1], transport="udp")
        await channel.send([encoded(1, "x" * 9000)])
        await channel.close()
        receiver.settimeout(10)
        datagram = receiver.recv(65_536)
    assert len(datagram) <= 2048
    assert b' cut="' in datagram


async def test_what_is_no_alert_is_refused_for_good() -> None:
    with pytest.raises(AlertRefused):
        await make(free_port()).send([b"{}"])


async def test_one_connection_is_used_for_all_alerts() -> None:
    async with OddReceiver() as receiver:
        channel = make(receiver.port)
        for number in range(3):
            await channel.send([encoded(number), encoded(number)])
        await until(lambda: len(receiver.messages) == 6)
        assert receiver.connections == 1
        await channel.close()


async def test_a_receiver_that_does_not_read_has_not_taken_the_alerts() -> None:
    async with OddReceiver() as receiver:
        receiver.reads = False
        with pytest.raises(Unavailable, match="within 1 s"):
            await make(receiver.port, timeout_seconds=1.0).send(LARGE)


async def test_a_receiver_that_takes_a_byte_a_second_has_not_taken_them_and_gets_them_when_it_reads() -> None:
    async with OddReceiver() as receiver:
        receiver.piece, receiver.pause = 1, 1.0
        channel = make(receiver.port, timeout_seconds=1.0)
        with pytest.raises(Unavailable, match="within 1 s"):
            await channel.send(LARGE)
        receiver.piece, receiver.pause = 65_536, 0.0
        receiver.forget()
        await channel.send([encoded(1)])
        await until(lambda: bool(incidents(receiver.messages)))
        assert incidents(receiver.messages) == [1]
        await channel.close()


async def test_a_tls_receiver_that_never_answers_is_given_up() -> None:
    async with OddReceiver() as receiver:
        with pytest.raises(Unavailable, match="within 1 s"):
            await make(receiver.port, transport="tls", timeout_seconds=1.0).send([encoded()])


async def test_a_receiver_that_closes_half_way_has_not_taken_the_alerts() -> None:
    async with OddReceiver() as receiver:
        receiver.close_after = 10_000
        channel = make(receiver.port)
        with pytest.raises(Unavailable):
            await channel.send(LARGE[:100])
        receiver.close_after = None
        receiver.forget()
        await channel.send(LARGE[:100])
        await until(lambda: len(receiver.messages) == 100)
        await channel.close()


async def test_a_connection_that_the_receiver_closed_is_found_before_anything_is_written() -> None:
    async with OddReceiver() as receiver:
        channel = make(receiver.port, repeat_seconds=0)
        await channel.send([encoded(1)])
        await receiver.stop()
        await receiver.start()
        await channel.send([encoded(2)])
        await until(lambda: incidents(receiver.messages) == [1, 2])
        await channel.close()


async def test_what_a_receiver_died_with_is_sent_again_without_waiting_for_the_next_alert() -> None:
    """Its system had acknowledged it; the bytes of the repeat, and so its identity, are the same."""
    async with OddReceiver() as receiver:
        receiver.reads = False
        async with running(make(receiver.port)) as channel:
            await channel.send([encoded(1), encoded(2)])
            await receiver.stop()
            receiver.reads = True
            await receiver.start()
            await until(lambda: incidents(receiver.messages) == [1, 2])


async def test_it_connects_before_the_first_alert_and_again_when_the_receiver_is_back() -> None:
    async with OddReceiver() as receiver, running(make(receiver.port)) as channel:
        await until(lambda: receiver.connections == 1)
        await receiver.stop()
        await receiver.start()
        await until(lambda: receiver.connections == 2)
        await channel.send([encoded(1)])
        await until(lambda: incidents(receiver.messages) == [1])
        assert receiver.connections == 2


async def test_what_is_older_than_that_is_not_sent_again() -> None:
    async with OddReceiver() as receiver:
        channel = make(receiver.port, repeat_seconds=0.2)
        await channel.send([encoded(1)])
        await asyncio.sleep(0.3)
        await channel.send([encoded(2)])
        await receiver.stop()
        await receiver.start()
        receiver.forget()
        await channel.send([encoded(3)])
        await until(lambda: 3 in incidents(receiver.messages))
        assert incidents(receiver.messages) in ([2, 3], [3])
        await channel.close()


async def test_a_receiver_that_takes_and_closes_gets_each_message_a_few_times_at_the_most() -> None:
    async with OddReceiver() as receiver:
        channel = make(receiver.port)
        await channel.send([encoded(1)])
        for number in range(2, 3 + MOST_REPEATS + 2):
            await receiver.stop()
            await receiver.start()
            await channel.send([encoded(number)])
        await channel.close()
        await until(lambda: number in incidents(receiver.messages))
        assert incidents(receiver.messages).count(1) == 1 + MOST_REPEATS


async def test_an_old_version_of_tls_is_not_spoken(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("receiver"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    async with OddReceiver(tls=context) as receiver:
        with pytest.raises(Unavailable) as caught:
            await make(receiver.port, transport="tls", ca_file=authority.file).send([encoded()])
    assert caught.value.code in {"syslog_tls_failed", "syslog_unavailable"}


async def test_a_key_with_a_password_is_an_error_and_no_question_on_the_terminal(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("gateway.example")
    encrypted = BestAvailableEncryption(b"a password")
    private = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted))
    channel = make(1, transport="tls", certificate_file=certificate, key_file=key)
    with pytest.raises(Unavailable) as caught:
        await channel.send([encoded()])
    assert caught.value.code == "channel_files"
    assert "a password" not in caught.value.message


@needs_rsyslog
@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
async def test_every_alert_reaches_a_receiver_that_is_restarted_in_the_middle(
    tmp_path: Path, *, kill: bool
) -> None:
    receiver = Rsyslog(tmp_path / "rsyslog", Authority(tmp_path))
    with receiver:
        async with running(SyslogChannel(SyslogSettings.model_validate(receiver.section()))) as channel:
            await channel.send([encoded(number) for number in range(1, 6)])
            await asyncio.to_thread(receiver.stop, kill=kill)
            with pytest.raises(Unavailable):
                await channel.send([encoded(6)])
            await asyncio.to_thread(receiver.start)
            for number in range(6, 11):
                await channel.send([encoded(number)])
            await until(lambda: len(_arrived(receiver)) == 10)
    assert list(_arrived(receiver)) == list(range(1, 11))


def _arrived(receiver: Rsyslog) -> dict[int, None]:
    """Return the incidents in the order in which each arrived first."""
    found = [int(line["rfc5424-sd"]["adtgateway@32473"]["incident"]) for line in receiver.lines()]
    return dict.fromkeys(found)
