"""Large messages and many of them: what is held is bounded, what is too large is refused, nothing is lost."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.ingest.document import DOCUMENT_MAX_BYTES
from gateway.ingest.receive import BATCH_LINES
from gateway.mqtt import IN_FLIGHT_BYTES, MAXIMUM_PACKET_BYTES
from tests.e2e.test_mqtt import counted, message, wait_connected
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon
from tests.support.duis_messages import request_id, service_request
from tests.support.mosquitto import Mosquitto, needs_mosquitto

pytestmark = needs_mosquitto

MIB = 1024 * 1024


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def daemon(tmp_path: Path, broker: Mosquitto) -> Iterator[Daemon]:
    with Daemon(tmp_path / "daemon", token=False, mqtt=broker.section) as running:
        wait_connected(running)
        yield running


def test_what_is_not_acknowledged_is_bounded_in_bytes_and_nothing_is_lost(
    daemon: Daemon, broker: Mosquitto
) -> None:
    """Five times as much as may be in flight waits at the broker while nothing can be committed."""
    messages = 5 * IN_FLIGHT_BYTES // (4 * MIB)
    before = daemon.resident_bytes
    highest = 0
    with broker.client() as sender, daemon.locked_database():
        for number in range(messages):
            sender.publish(service_request(request_id(number), 1, "4.1", "4.1.1").ljust(4 * MIB))
            highest = max(highest, daemon.resident_bytes)
        wait_for("some to wait", lambda: daemon.metric("queued_communications") > 0)
        highest = max(highest, daemon.resident_bytes)
    assert highest - before < 3 * IN_FLIGHT_BYTES
    wait_for("all of them", lambda: counted(daemon) == messages, 120)
    assert "already connected" not in broker.log


def test_the_largest_document_is_taken_and_what_is_larger_stays_at_the_broker(
    daemon: Daemon, broker: Mosquitto
) -> None:
    with broker.client() as sender:
        sender.publish(b"<".ljust(MAXIMUM_PACKET_BYTES, b" "))
        sender.publish(service_request(request_id(1), 1, "4.1", "4.1.1").ljust(DOCUMENT_MAX_BYTES))
        wait_for("the largest document", lambda: counted(daemon) == 1, 60)
        sender.publish(message(2))
        wait_for("the next", lambda: counted(daemon) == 2)
    assert '"message_refused"' not in daemon.log


def test_a_message_of_too_many_lines_is_refused_and_acknowledged(daemon: Daemon, broker: Mosquitto) -> None:
    lines = b"\n".join(json.dumps(header_line(number)).encode() for number in range(BATCH_LINES))
    with broker.client() as sender:
        sender.publish(lines + b"\n{}")
        wait_for("the refusal", lambda: '"too_many_lines"' in daemon.log)
        sender.publish(lines)
        wait_for("the most lines", lambda: counted(daemon) == BATCH_LINES, 60)
    assert daemon.log.count('"too_many_lines"') == 1
