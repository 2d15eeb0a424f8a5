"""The command line, run as `main` runs it, and a daemon for the verbs that ask one."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.cli import main
from tests.support.adt import ROOT
from tests.support.daemon import Daemon


class Ran(msgspec.Struct, frozen=True):
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ADT_GATEWAY"):
            monkeypatch.delenv(name)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process, through `main`, as the installed command does."""

    def run(*arguments: str | Path, config: Path = ROOT / "config" / "gateway.toml") -> Ran:
        monkeypatch.setattr(sys, "argv", ["adt-gateway", "--config", str(config), *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon without a token, for all tests of this folder."""
    with Daemon(tmp_path_factory.mktemp("daemon"), token=False) as running:
        yield running


@pytest.fixture(scope="session")
def signing_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon with a token, for all tests of this folder."""
    with Daemon(tmp_path_factory.mktemp("signing-daemon")) as running:
        yield running


@pytest.fixture
def as_person(monkeypatch: pytest.MonkeyPatch) -> Callable[[Daemon, str], None]:
    """Set the variables of the client verbs to somebody at a daemon."""

    def become(daemon: Daemon, name: str) -> None:
        person = daemon.as_(name)
        monkeypatch.setenv("ADT_GATEWAY_URL", person.url)
        monkeypatch.setenv("ADT_GATEWAY_TOKEN", person.access_token)

    return become
