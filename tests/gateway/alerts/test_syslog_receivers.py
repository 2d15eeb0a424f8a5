"""Real receivers, configured as docs/alerts.md says, read what the channel sends."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.alerts.channels.syslog import SyslogChannel
from gateway.alerts.message import encode
from gateway.alerts.ocsf import detection_finding
from gateway.alerts.rfc5424 import on_one_line
from gateway.errors import Unavailable
from gateway.syslog_settings import SyslogSettings
from tests.support.alerts import HARD, an_alert, encoded, heartbeat
from tests.support.receivers import GATEWAY, Rsyslog, SyslogNg, needs_rsyslog, needs_syslog_ng
from tests.support.syslog_reading import parse_cef
from tests.support.tls import Authority

TRANSPORTS = ["tls", "tcp", "udp"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def rsyslog(tmp_path: Path, authority: Authority) -> Iterator[Rsyslog]:
    with Rsyslog(tmp_path / "rsyslog", authority) as running:
        yield running


@pytest.fixture
def syslog_ng(tmp_path: Path, authority: Authority) -> Iterator[SyslogNg]:
    with SyslogNg(tmp_path / "syslog-ng", authority) as running:
        yield running


async def send(section: dict[str, object], *messages: bytes) -> str:
    """Send through a channel of its own."""
    channel = SyslogChannel(SyslogSettings.model_validate(section))
    try:
        return await channel.send(messages)
    finally:
        await channel.close()


@needs_rsyslog
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_rsyslog_reads_structured_data_and_body(rsyslog: Rsyslog, transport: str) -> None:
    said = await send(rsyslog.section(transport), encoded(7), encode(heartbeat()))
    assert {"tls": "TLSv1.3 with receiver", "tcp": "TCP", "udp": "UDP"}[transport] in said
    opened, beat = rsyslog.wait_for_lines(2)
    assert (opened["facility"], opened["severity"], opened["kind"]) == ("local4", "crit", "threshold-opened")
    assert opened["at"] == "2026-12-01T10:00:00.123Z"
    ours = opened["rfc5424-sd"]["adtgateway@32473"]
    assert (ours["alert"], ours["incident"], ours["level"]) == ("main/incident/7/opened", "7", "quarantine")
    header, extension = parse_cef(opened["body"])
    assert extension["msg"] == HARD
    apart = opened["cef"]["Extensions"]
    apart["rt"] = apart.pop("rt", None) or apart.pop(
        "t"
    )  # liblognorm 2.0 loses the first letter of the first
    assert apart == extension
    assert [opened["cef"][name] for name in ("DeviceVendor", "SignatureID", "Severity")] == [
        header[place] for place in (1, 4, 6)
    ]
    assert beat["kind"] == "heartbeat"


@needs_rsyslog
async def test_rsyslog_reads_lines(rsyslog: Rsyslog) -> None:
    await send(rsyslog.section("tcp", framing="newline"), encoded(1), encoded(2))
    assert [line["rfc5424-sd"]["adtgateway@32473"]["incident"] for line in rsyslog.wait_for_lines(2)] == [
        "1",
        "2",
    ]


@needs_rsyslog
async def test_rsyslog_reads_an_ocsf_event(rsyslog: Rsyslog) -> None:
    await send(rsyslog.section(format="ocsf"), encoded(1))
    assert json.loads(rsyslog.wait_for_lines(1)[0]["body"]) == detection_finding(an_alert(1))


@needs_rsyslog
async def test_rsyslog_reads_text(rsyslog: Rsyslog) -> None:
    await send(rsyslog.section(format="text"), encoded(1))
    assert rsyslog.wait_for_lines(1)[0]["body"].removeprefix("\ufeff") == on_one_line(HARD)


@needs_rsyslog
async def test_rsyslog_tells_every_escape_in_structured_data(rsyslog: Rsyslog) -> None:
    """The alert's identity is the one text that could hold any: what is in the settings is held to a pattern."""
    hard = HARD.replace("\n", " ")
    await send(rsyslog.section(), encode(msgspec.structs.replace(an_alert(), id=hard)))
    assert rsyslog.wait_for_lines(1)[0]["rfc5424-sd"]["adtgateway@32473"]["alert"] == hard


def unescaped(value: str) -> str:
    """Return a value of CEF without its escapes."""
    return re.sub(r"\\(.)", lambda one: "\n" if one[1] == "n" else one[1], value)


@needs_syslog_ng
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_syslog_ng_reads_structured_data_and_takes_cef_apart(
    syslog_ng: SyslogNg, transport: str
) -> None:
    await send(syslog_ng.section(transport), encoded(7))
    line = syslog_ng.wait_for_lines(1)[0]
    ours = line["_SDATA"]["adtGateway@32473"]
    assert (ours["alert"], ours["level"]) == ("main/incident/7/opened", "quarantine")
    assert (line["PRIORITY"], line["FACILITY"], line["MSGID"]) == ("crit", "local4", "threshold-opened")
    assert line["cef"]["signature"] == "threshold-opened"
    sent = parse_cef(line["MESSAGE"])[1]
    assert {key: unescaped(value) for key, value in line["cef"]["ext"].items()} == sent
    assert sent["msg"] == HARD


@needs_rsyslog
async def test_a_receiver_of_another_authority_is_not_believed(rsyslog: Rsyslog, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another authority")
    with pytest.raises(Unavailable, match="its certificate is not believed") as caught:
        await send(rsyslog.section(ca_file=other.file), encoded())
    assert caught.value.code == "syslog_certificate_wrong"


@needs_rsyslog
async def test_a_receiver_of_another_name_is_not_believed(rsyslog: Rsyslog) -> None:
    with pytest.raises(Unavailable, match="Hostname mismatch") as caught:
        await send(rsyslog.section(server_name="other.example"), encoded())
    assert caught.value.code == "syslog_certificate_wrong"


@pytest.mark.parametrize("whose", ["none", "another authority"])
@pytest.mark.parametrize(
    "receiver",
    [pytest.param("rsyslog", marks=needs_rsyslog), pytest.param("syslog_ng", marks=needs_syslog_ng)],
)
async def test_without_a_client_certificate_that_is_believed_nothing_counts_as_sent(
    receiver: str, whose: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With TLS 1.3 the receiver's refusal comes after the handshake, when we have already written."""
    running = request.getfixturevalue(receiver)
    section = running.section()
    del section["certificate_file"], section["key_file"]
    if whose != "none":
        (tmp_path / "other").mkdir()
        files = Authority(tmp_path / "other", whose).issue(GATEWAY)
        section |= dict(zip(("certificate_file", "key_file"), files, strict=True))
    with pytest.raises(Unavailable):
        await send(section, encoded())
    assert running.lines() == []


@needs_rsyslog
async def test_a_certificate_of_another_name_is_not_enough(rsyslog: Rsyslog) -> None:
    certificate, key = rsyslog.authority.issue("other.example")
    with pytest.raises(Unavailable):
        await send(rsyslog.section(certificate_file=certificate, key_file=key), encoded())
    assert rsyslog.lines() == []
