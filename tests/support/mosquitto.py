"""A Mosquitto of the test's own, on a free port, which keeps what it holds over a restart."""

import getpass
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.support.api import wait_for
from tests.support.examples import example, with_replaced
from tests.support.tls import Authority

MOSQUITTO: Final = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="Mosquitto is not installed")

HOST: Final = "127.0.0.1"


class Mosquitto:
    """A broker; as a context it is started, and stopped at the end."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} {HOST}\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 100000\n"
            f"persistence true\npersistence_location {folder}/\nuser {_account()}\n"
        )
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def section(self) -> dict[str, Any]:
        """The daemon's settings for this broker."""
        return {"host": HOST, "port": self.port}

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(MOSQUITTO), "-c", self._config, "-v"], stdout=log, stderr=log
            )
        wait_for("the broker", self._listens)

    def stop(self) -> None:
        """Stop in order, so that the broker keeps its sessions and messages."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def client(self, *topics: str) -> "Client":
        return Client(self.port, topics)


class DocumentedMosquitto(Mosquitto):
    """As docs/alerts.md configures it: `port` asks for a client certificate, `password_port` for a password."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(folder)
        self.authority = authority
        self.password_port = _free_port()
        certificate, key = authority.issue("broker")
        passwords, acl = folder / "passwords", folder / "acl"
        acl.write_text(example("mosquitto-acl"))
        replaced = {
            "/etc/soc/ca.pem": authority.file,
            "/etc/soc/broker.pem": certificate,
            "/etc/soc/broker.key": key,
            "/etc/soc/acl": acl,
            "/etc/soc/passwords": passwords,
            "listener 8883": f"listener {self.port} {HOST}",
            "listener 8884": f"listener {self.password_port} {HOST}",
        }
        text = with_replaced(example("mosquitto"), replaced)
        self._config.write_text(f"{text}\npersistence_location {folder}/\nuser {_account()}\n")
        self.password_file = folder / "password"
        self.password_file.write_text("correct horse")
        for user in ("gateway", "soc"):
            new = ["-c"] if user == "gateway" else []
            command = ["mosquitto_passwd", *new, "-b", str(passwords), user, "correct horse"]
            subprocess.run(command, check=True, capture_output=True)

    @property
    def section(self) -> dict[str, Any]:
        """The daemon's settings for the listener that asks for a client certificate."""
        certificate, key = self.authority.issue("gateway.example")
        ours = {"ca_file": self.authority.file, "certificate_file": certificate, "key_file": key}
        return {"host": HOST, "port": self.port} | ours

    @property
    def password_section(self) -> dict[str, Any]:
        """The daemon's settings for the other."""
        ours = {"ca_file": self.authority.file, "username": "gateway", "password_file": self.password_file}
        return {"host": HOST, "port": self.password_port} | ours

    def soc(self, *topics: str) -> "Client":
        """Return the SOC's receiver."""
        return Client(self.port, topics, self.authority.trusting(self.authority.issue("soc")))


class Client:
    """Somebody else at the broker, who collects what comes at *topics*."""

    def __init__(self, port: int, topics: tuple[str, ...], tls: ssl.SSLContext | None = None) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _client, _data, message: self.messages.append(message)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        if tls:
            self._client.tls_set_context(tls)
        self._client.connect(HOST, port)
        self._client.loop_start()
        if topics:
            self._client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])
            assert self._subscribed.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, payload: bytes, topic: str = "duis/requests") -> None:
        """Publish with QoS 1; return when the broker has it."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(20)

    def payloads(self, topic: str) -> list[bytes]:
        """Return what came at *topic* so far."""
        return [bytes(message.payload) for message in list(self.messages) if message.topic == topic]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _account() -> str:
    """Return our own account: started by root, Mosquitto would change to another that cannot write here."""
    return getpass.getuser()
