"""An OpenSSH server of the test's own, on a free port, that serves SFTP; and a way to it that can be cut."""

import asyncio
import getpass
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

from tests.support.api import wait_for

SSHD: Final = Path("/usr/sbin/sshd")
needs_sshd = pytest.mark.skipif(not SSHD.exists(), reason="OpenSSH's server is not installed")

WRAPPER: Final = tuple(Path("/usr/lib").glob("*/libnss_wrapper.so"))
"""Lets the server see an account that this machine does not have."""
needs_accounts = pytest.mark.skipif(not WRAPPER, reason="libnss-wrapper is not installed")

HOST: Final = "127.0.0.1"

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "quarantine.md"


def documented(folder: Path, port: int, user: str, *, password: bool = False) -> str:
    """Return the server's settings of the document, for this folder, port and user; by *password*, if not by key."""
    text = DOCUMENT.read_text("utf-8").partition("```sshd\n")[2].partition("```")[0]
    other = {
        "Port 22": f"ListenAddress {HOST}:{port}",
        "/etc/ssh/ssh_host_ed25519_key": f"{folder}/host_key",
        "/etc/ssh/authorized_keys/%u": f"{folder}/authorized_keys",
        "AllowUsers adt-gateway": f"AllowUsers {user}",
        "PermitRootLogin no": "PermitRootLogin yes",  # the tests may run as root
    }
    if password:
        other |= {
            "AuthenticationMethods publickey": "AuthenticationMethods password",
            "PasswordAuthentication no": "PasswordAuthentication yes",
        }
    for theirs, ours in other.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    return text + "PidFile none\nUsePAM no\nStrictModes no\nLogLevel VERBOSE\n"


class Sshd:
    """A server; as a context it is started, and stopped at the end. Files go into `files`.

    With a *password* it takes that alone, of a user whom it alone knows.
    """

    def __init__(self, folder: Path, password: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._password = password
        self._user = "sftp-tester" if password else getpass.getuser()
        self._environment = os.environ | (accounts(folder, self._user, password) if password else {})
        self.files = folder / "files"
        self.files.mkdir()
        self.port = _free_port()
        self.key_file = make_key(folder / "user_key")
        make_key(folder / "host_key")
        (folder / "authorized_keys").write_text(public_key(self.key_file) + "\n")
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
        """The settings for this server, `delivery.sftp`."""
        return {
            "host": HOST,
            "port": self.port,
            "username": self._user,
            "host_keys": [public_key(self._folder / "host_key")],
            "key_file": str(self.key_file),
            "folder": str(self.files),
            "timeout_seconds": 10,
        }

    def start(self) -> None:
        """Start it; wait until it listens."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd wants it where root starts it
        config = self._folder / "sshd_config"
        config.write_text(documented(self._folder, self.port, self._user, password=bool(self._password)))
        with (self._folder / "log").open("ab") as log:
            command: list[str | Path] = [SSHD, "-D", "-e", "-f", config]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        wait_for("the SSH server", self._listens)

    def stop(self) -> None:
        """Stop it."""
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None

    def change_host_key(self) -> None:
        """Give the server another host key."""
        self.stop()
        for name in ("host_key", "host_key.pub"):
            (self._folder / name).unlink()
        make_key(self._folder / "host_key")
        self.start()

    def _listens(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


def accounts(folder: Path, user: str, password: str) -> dict[str, str]:
    """Write the accounts of this machine and one more; return what shows them to a program (nss_wrapper)."""
    command = ["openssl", "passwd", "-6", "-stdin"]
    hashed = subprocess.run(command, input=password, text=True, capture_output=True, check=True).stdout
    files = {
        "PASSWD": Path("/etc/passwd").read_text()
        + f"{user}:x:{os.geteuid()}:{os.getegid()}::{folder}:/bin/sh\n",
        "SHADOW": f"{user}:{hashed.strip()}:19000:0:99999:7:::\n",
        "GROUP": Path("/etc/group").read_text(),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return {"LD_PRELOAD": str(WRAPPER[0])} | {f"NSS_WRAPPER_{name}": str(folder / name) for name in files}


def make_key(path: Path) -> Path:
    """Make a key without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path


def public_key(path: Path) -> str:
    """Return the public half of a key as settings have it."""
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


class Cut:
    """A TCP relay that cuts each connection once it has carried *after* bytes towards the server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.after = 2**60
        self.port = 0
        self.ended = asyncio.Event()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until one side ends it, or it is cut."""
        there, back = await asyncio.open_connection(HOST, self._port)
        ways = [_pump(reader, back, self.after), _pump(there, writer, 2**60)]
        tasks = [asyncio.get_running_loop().create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for end in (writer, back):
                end.transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.ended.set()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, most: int) -> None:
    carried = 0
    while carried < most and (data := await source.read(min(16_384, most - carried))):
        carried += len(data)
        sink.write(data)
        await sink.drain()


@asynccontextmanager
async def cut_before(port: int) -> AsyncIterator[Cut]:
    """Put a relay before the server at *port*."""
    cut = Cut(port)
    server = await asyncio.start_server(cut.relay, HOST, 0)
    cut.port = server.sockets[0].getsockname()[1]
    try:
        yield cut
    finally:
        server.close()
        await cut.ended.wait()
        await asyncio.sleep(0.05)  # the loop closes what was aborted


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
