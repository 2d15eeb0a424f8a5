"""rsyslog and syslog-ng as docs/alerts.md configures them, from Debian, unpacked by `.ci/packages`."""

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

import pytest

from tests.support.api import wait_for
from tests.support.examples import example, with_replaced
from tests.support.tls import Authority

HOST: Final = "127.0.0.1"
GATEWAY: Final = "gateway.example"
"""The name in our client certificate that the documented configurations permit."""
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
SOC: Final = Path(__file__).parents[2] / "config" / "soc"
UNPACKED: Final = CACHE / "adt-gateway" / "receivers"


def _found(name: str) -> str | None:
    unpacked = UNPACKED / "usr" / "sbin" / name
    return str(unpacked) if unpacked.exists() else shutil.which(name) or shutil.which(f"/usr/sbin/{name}")


RSYSLOG: Final = _found("rsyslogd")
SYSLOG_NG: Final = _found("syslog-ng")
needs_rsyslog = pytest.mark.skipif(RSYSLOG is None, reason="rsyslog is not there: run .ci/packages test")
needs_syslog_ng = pytest.mark.skipif(
    SYSLOG_NG is None, reason="syslog-ng is not there: run .ci/packages test"
)


def free_port() -> int:
    """Return a port that is free for TCP and UDP."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind((HOST, 0))
        port = int(tcp.getsockname()[1])
        udp.bind((HOST, port))
        return port


class Receiver:
    """A syslog receiver of the test's own; as a context it is started, and stopped at the end."""

    language = ""
    files: Mapping[str, Path] = MappingProxyType({})
    """Files of the project that the documented configuration reads, by where it expects them."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.authority = authority
        self.ports = {"6514": free_port(), "601": free_port(), "514": free_port()}
        self._log = folder / "receiver.log"
        self._out = folder / "adt-gateway.jsonl"
        self._config = folder / "receiver.conf"
        certificate, key = authority.issue("receiver")
        here = {
            "/etc/soc/ca.pem": authority.file,
            "/etc/soc/receiver.pem": certificate,
            "/etc/soc/receiver.key": key,
            "/var/log/adt-gateway.jsonl": self._out,
        }
        text = with_replaced(example(self.language), {**here, **self.files})
        for documented, port in self.ports.items():
            text, times = re.subn(rf'(port[=(]"?){documented}\b', rf"\g<1>{port}", text)
            assert times == 1, documented
        self._config.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return how it is started in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return what it needs to find its own libraries."""
        return dict(os.environ)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, env=self.environment(), cwd=self.folder
            )
        wait_for(f"{self.language} to listen", self._listens)

    def stop(self, *, kill: bool = False) -> None:
        if self._process is not None:
            (self._process.kill if kill else self._process.terminate)()
            self._process.wait(20)
            self._process = None

    def section(self, transport: str = "tls", **other: Any) -> dict[str, Any]:
        """Return the channel's settings for this receiver."""
        port = self.ports[{"tls": "6514", "tcp": "601", "udp": "514"}[transport]]
        section = {"name": "soc", "transport": transport, "host": HOST, "port": port}
        if transport == "tls":
            certificate, key = self.authority.issue(GATEWAY)
            section |= {"ca_file": self.authority.file, "certificate_file": certificate, "key_file": key}
        return section | other

    def lines(self) -> list[dict[str, Any]]:
        """Return what it wrote so far."""
        if not self._out.exists():
            return []
        whole = self._out.read_bytes().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def wait_for_lines(self, wanted: int | Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Return what it wrote when it is enough."""
        enough = wanted if callable(wanted) else lambda lines: len(lines) >= wanted
        wait_for(f"{self.language} to write", lambda: enough(self.lines()))
        return self.lines()

    def _listens(self) -> bool:
        for documented in ("6514", "601"):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.ports[documented])) != 0:
                    return False
        return True


class Rsyslog(Receiver):
    """rsyslog with rsyslog-gnutls."""

    language = "rsyslog"
    files = MappingProxyType({"/etc/soc/cef.rulebase": SOC / "cef.rulebase"})

    def command(self) -> list[str]:
        modules = [str(path) for path in UNPACKED.glob("usr/lib/*/rsyslog")]
        where = [f"-M{':'.join(modules)}"] if modules else []
        return [str(RSYSLOG), "-n", "-f", str(self._config), "-i", str(self.folder / "pid"), *where]


class SyslogNg(Receiver):
    """syslog-ng."""

    language = "syslog-ng"
    files = MappingProxyType({"/etc/soc/cef-syslog-ng.conf": SOC / "cef-syslog-ng.conf"})

    def command(self) -> list[str]:
        modules = [str(path) for path in UNPACKED.glob("usr/lib/syslog-ng/*.*/") if path.is_dir()]
        where = [f"--module-path={':'.join(modules)}"] if modules else []
        files = {"-f": self._config.name, "-R": "persist", "-p": "pid", "-c": "control"}
        options = [part for flag, name in files.items() for part in (flag, str(self.folder / name))]
        return [str(SYSLOG_NG), "-F", "--no-caps", *options, *where]

    def environment(self) -> dict[str, str]:
        return dict(os.environ) | {"LD_LIBRARY_PATH": str(UNPACKED / "usr" / "lib" / "syslog-ng")}
