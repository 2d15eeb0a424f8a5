"""The receivers' examples in docs/alerts.md were run, and are run here."""

import asyncio
import base64
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from gateway.alerts.channels.webhook import WebhookChannel
from gateway.channel_settings import WebhookSettings
from gateway.errors import Unavailable
from tests.support.alerts import message
from tests.support.api import wait_for
from tests.support.examples import example
from tests.support.http_receiver import secret_in
from tests.support.oidc_provider import free_port

AMTOOL: Final = shutil.which("amtool")
SECRET: Final = "whsec_" + base64.b64encode(bytes(range(32))).decode() + "\n"
OTHER: Final = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode() + "\n"


@contextmanager
def receiver(folder: Path) -> Iterator[tuple[int, Path]]:
    """Run the example of the documents; yield its port and what it prints into."""
    program, secret, port = folder / "receiver.py", secret_in(folder, "secret", SECRET), free_port()
    program.write_text(example("python"))
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, program, secret, str(port)], stdout=out, stderr=errors, cwd=folder
        )
        try:
            yield port, folder / "out"
        finally:
            process.terminate()
            process.wait(20)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_the_receiver_of_webhooks_believes_what_is_signed_and_drops_repeats(tmp_path: Path) -> None:
    (tmp_path / "receiver").mkdir()
    with receiver(tmp_path / "receiver") as (port, out):
        await asyncio.to_thread(wait_for, "the receiver", lambda: listens(port))
        secret = secret_in(tmp_path, "secret", SECRET)
        settings = WebhookSettings(name="hook", url=f"http://127.0.0.1:{port}/x", secret_file=secret)
        channel = WebhookChannel(settings)
        for event in ("opened", "opened", "closed", "test"):
            assert "204" in await channel.send([message(event)])
        secret_in(tmp_path, "secret", OTHER)
        with pytest.raises(Unavailable, match="401") as caught:
            await channel.send([message("updated")])
        assert "secret_file" in caught.value.remedy
        secret_in(tmp_path, "secret", OTHER + SECRET)
        await channel.send([message("updated")])
        await channel.close()
        lines = [line.split()[:2] for line in out.read_text().splitlines()]
    assert lines == [
        ["adt-gateway.incident.opened", "incident/7"],
        ["adt-gateway.incident.closed", "incident/7"],
        ["adt-gateway.test", "-"],
        ["adt-gateway.incident.updated", "incident/7"],
    ]


@pytest.mark.skipif(AMTOOL is None, reason="Alertmanager is not installed")
@pytest.mark.parametrize(
    ("labels", "to"),
    [
        (["alertname=AdtGatewayIncident", "severity=critical", "kind=threshold"], "soc-page"),
        (["alertname=AdtGatewayIncident", "severity=warning", "kind=forecast"], "soc-mail"),
        (["alertname=AdtGatewayWatchdog", "severity=none"], "dead-man"),
        (["alertname=AdtGatewayTest", "severity=none"], "soc-mail"),
    ],
)
def test_alertmanager_routes_as_its_example_says(tmp_path: Path, labels: list[str], to: str) -> None:
    config = tmp_path / "config.yml"
    config.write_text(example("yaml"))
    subprocess.run([str(AMTOOL), "check-config", config], check=True, capture_output=True)
    routed = subprocess.run(
        [str(AMTOOL), "config", "routes", "test", f"--config.file={config}", *labels],
        check=True,
        capture_output=True,
        text=True,
    )
    assert routed.stdout.strip() == to
