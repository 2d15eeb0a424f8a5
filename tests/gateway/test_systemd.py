"""The service manager is told the truth, and a manager that is not there stops nobody."""

import asyncio
import contextlib
import os
import secrets
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway import systemd
from tests.support.manager import Manager, Told


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    """Return a socket of each kind, named in the environment; bound by the test."""
    found = Manager(tmp_path / "notify" if request.param == "path" else f"@adt-{secrets.token_hex(8)}")
    monkeypatch.setenv("NOTIFY_SOCKET", found.address)
    return found


def test_lines_arrive_as_one_datagram(manager: Manager) -> None:
    with manager:
        systemd.notify(systemd.READY, systemd.status("listens on http://127.0.0.1:1"))
        assert manager.told() == Told({"READY": "1", "STATUS": "listens on http://127.0.0.1:1"})
        assert manager.told(0.0) is None


def test_a_reload_says_when_it_began(manager: Manager) -> None:
    with manager:
        systemd.notify(*systemd.reloading())
        told = manager.told()
    assert told is not None
    assert told.variables["RELOADING"] == "1"
    assert int(told.variables["MONOTONIC_USEC"]) > 0


def test_a_status_cannot_set_anything_else(manager: Manager) -> None:
    with manager:
        systemd.notify(systemd.status("a file\nSTOPPING=1\rMAINPID=1"))
        assert manager.told() == Told({"STATUS": "a file STOPPING=1 MAINPID=1"})


@pytest.mark.usefixtures("manager")
def test_a_manager_that_is_not_there_is_named_in_the_log() -> None:
    with capture_logs() as logs:
        systemd.notify(systemd.READY)
    assert [entry["event"] for entry in logs] == ["manager_not_told"]


def test_without_a_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with capture_logs() as logs:
        systemd.notify(systemd.READY)
    assert logs == []


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_manager_says_how_often_it_wants_a_sign_of_life(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], seconds: float | None
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert systemd.watchdog_seconds() == seconds


async def test_there_is_one_sign_of_life_for_each_move_and_none_without(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    moves = [asyncio.Event() for _ in range(3)]
    asked = iter(moves)
    for move in moves[:2]:
        move.set()

    async def moved() -> None:
        await next(asked).wait()

    with manager:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(systemd.keep_alive(moved), 0.5)
        assert [manager.told(0.0) for _ in range(3)] == [Told({"WATCHDOG": "1"})] * 2 + [None]
