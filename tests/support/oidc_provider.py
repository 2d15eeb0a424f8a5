"""A real OpenID Connect provider (`oidc-provider` under Node), and a gateway that lets people in through it."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.api import wait_for
from tests.support.daemon import Daemon

HERE: Final = Path(__file__).parent / "oidc"
CLIENT: Final = "adt-gateway"
SECRET: Final = "a secret: 100% & more"
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "access.md"


def home() -> Path:
    """Return where `.ci/packages test` puts the provider."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    return cache / "adt-gateway" / f"oidc-{lock}"


needs_provider = pytest.mark.skipif(
    shutil.which("node") is None or not (home() / "node_modules" / "oidc-provider").exists(),
    reason="there is no Node, or `.ci/packages test` has not put oidc-provider in place",
)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class RealProvider:
    """The provider, in a process of its own."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.issuer = f"http://localhost:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._people = folder / "provider-people.json"
        self._clients = folder / "provider-clients.json"
        self._people.write_text("{}")
        client = {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uris": [f"{origin}/login/oidc/answer"],
            "post_logout_redirect_uris": [f"{origin}/login"],
            "backchannel_logout_uri": f"{origin}/login/oidc/ended",
            "backchannel_logout_session_required": True,
            "response_types": ["code"],
        }
        self._clients.write_text(json.dumps([client]))

    def person(self, name: str, *groups: str, **claims: str) -> None:
        """Let somebody sign in there, or change their groups."""
        people = json.loads(self._people.read_text())
        people[name] = {"preferred_username": name, "groups": list(groups)} | claims
        self._people.write_text(json.dumps(people))

    def start(self) -> None:
        """Start it and wait until it answers."""
        command: list[str | Path] = [
            "node",
            HERE / "provider.mjs",
            str(self.port),
            self._clients,
            self._people,
            home(),
        ]
        with (self.folder / "provider.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for("the provider", self._listens)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "provider.log").read_text()
        with socket.socket() as tried:
            return tried.connect_ex(("localhost", self.port)) == 0

    def stop(self) -> None:
        """Stop it; whoever was signed in is forgotten."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def documented() -> dict[str, Any]:
    """Return the table `[oidc]` that the document shows."""
    text = DOCUMENT.read_text("utf-8").partition("```toml\n[oidc]\n")[2].partition("```")[0]
    return dict(tomllib.loads(f"[oidc]\n{text}")["oidc"])


def oidc_settings(folder: Path, issuer: str, origin: str, **more: Any) -> dict[str, Any]:
    """Return the table `[oidc]` of a gateway: the documented one, at other addresses."""
    secret = folder / "oidc-secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    usual = documented()
    assert set(usual) >= {"issuer", "origin", "client_secret_file"}
    usual |= {"issuer": issuer, "origin": origin, "client_secret_file": str(secret)}
    return usual | more


@contextmanager
def gateway_with(folder: Path, **oidc: Any) -> Iterator[tuple[Daemon, RealProvider]]:
    """Start a provider and a gateway that lets people in through it."""
    port = free_port()
    origin = f"http://localhost:{port}"
    provider = RealProvider(folder, origin)
    sections = {"http": {"port": port}, "oidc": oidc_settings(folder, provider.issuer, origin, **oidc)}
    try:
        provider.start()
        with Daemon(folder, token=False, **sections) as daemon:
            daemon.url = origin
            yield daemon, provider
    finally:
        provider.stop()
