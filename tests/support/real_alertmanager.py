"""An Alertmanager of the test's own, on a free port, where Debian's package is installed."""

import json
import shutil
import ssl
import subprocess
import urllib.request
from base64 import b64encode
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

from tests.support.api import wait_for
from tests.support.oidc_provider import free_port
from tests.support.tls import Authority

PROGRAM: Final = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
needs_alertmanager = pytest.mark.skipif(PROGRAM is None, reason="Alertmanager is not installed")

USER: Final = "gateway"
PASSWORD: Final = "a secret"
HASHED: Final = "$2b$04$hUfwdFCaykSvrPDS8cAF8uv0D0Epr3cE8m87jYkaDSCug3L3Op3Ji"


class Alertmanager:
    """Runs with TLS and a user; as a context it is started, and stopped at the end."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.authority = Authority(folder)
        certificate, key = self.authority.issue("alertmanager")
        self._port = free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        self._folder = folder
        (folder / "config.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
        (folder / "web.yml").write_text(
            f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\n"
            f"basic_auth_users: {{{USER}: '{HASHED}'}}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def forget(self) -> None:
        """Start it anew with nothing in its memory, as after the loss of its disk."""
        self._stop()
        shutil.rmtree(self._folder / "data")
        self._start()

    def _start(self) -> None:
        arguments = [
            f"--config.file={self._folder}/config.yml",
            f"--web.config.file={self._folder}/web.yml",
            f"--storage.path={self._folder}/data",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--cluster.listen-address=",
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([str(PROGRAM), *arguments], stdout=log, stderr=log)
        wait_for("Alertmanager", self._listens)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def _listens(self) -> bool:
        try:
            self.active()
        except OSError:
            return False
        return True

    def active(self) -> list[dict[str, Any]]:
        """Return what it shows as active."""
        pair = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", headers={"Authorization": f"Basic {pair}"}
        )
        trust = ssl.create_default_context(cafile=self.authority.file)
        with urllib.request.urlopen(request, timeout=10, context=trust) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found
