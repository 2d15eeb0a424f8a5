"""The real daemon under a service manager: ready, alive, reloading, stopping."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.manager import Manager
from tests.support.with_people import OTHER_SUPPLIER, SUPPLIER

WATCHDOG = {"WATCHDOG_USEC": "1000000"}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path / "notify") as listening:
        yield listening


def managed(
    folder: Path, manager: Manager, environment: dict[str, str] | None = None, *, token: bool = False
) -> Daemon:
    folder = folder / "daemon"
    folder.mkdir()
    variables = {"NOTIFY_SOCKET": manager.address, **(environment or {})}
    return Daemon(folder, token=token, environment=variables)


def logged(daemon: Daemon, event: str) -> list[dict[str, Any]]:
    """Return the entries of the daemon's log for *event*."""
    lines = [json.loads(line) for line in daemon.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def signalled(daemon: Daemon, number: signal.Signals) -> None:
    assert daemon.process is not None
    daemon.process.send_signal(number)


def test_ready_comes_once_it_listens_and_stopping_at_its_end(tmp_path: Path, manager: Manager) -> None:
    with managed(tmp_path, manager) as daemon:
        told = manager.told()
        assert told is not None
        assert told.variables == {"READY": "1", "STATUS": f"listens on {daemon.url}"}
        assert daemon.stranger().get("/readyz").status == 200
        assert daemon.stop() == 0
        stopping = manager.told(0.0)
        assert stopping is not None
        assert stopping.variables == {"STOPPING": "1"}
        assert manager.told(0.0) is None


def test_there_are_signs_of_life_until_the_daemon_is_blocked(tmp_path: Path, manager: Manager) -> None:
    with managed(tmp_path, manager, WATCHDOG) as daemon:
        manager.wait_for("READY")
        for _ in range(3):
            manager.wait_for("WATCHDOG")
        signalled(daemon, signal.SIGSTOP)
        manager.forget()
        assert manager.told(2.0) is None
        signalled(daemon, signal.SIGCONT)
        manager.wait_for("WATCHDOG")
        assert daemon.stop() == 0
        manager.wait_for("STOPPING")


def test_a_daemon_that_nobody_watches_gives_no_sign_of_life(tmp_path: Path, manager: Manager) -> None:
    with managed(tmp_path, manager, {**WATCHDOG, "WATCHDOG_PID": "1"}):
        manager.wait_for("READY")
        assert manager.told(2.0) is None


def test_the_signal_of_the_watchdog_leaves_where_each_thread_was(tmp_path: Path, manager: Manager) -> None:
    with managed(tmp_path, manager) as daemon:
        signalled(daemon, signal.SIGABRT)
        assert daemon.process is not None
        assert daemon.process.wait(20) == -signal.SIGABRT
    stacks = dumped(daemon.log)
    assert len(stacks) > 1, "the database has threads of its own"
    others = [stack for name, stack in stacks.items() if not name.startswith("Current")]
    assert all("threading.py" in stack[-1] for stack in others)
    (main,) = [stack for name, stack in stacks.items() if name.startswith("Current")]
    # SQLAlchemy runs each statement in a greenlet, which has a stack of its own: a signal that comes while one
    # is built shows the frames of that greenlet alone, and not the daemon below them.
    in_greenlet = "<module>" not in main[-1]
    assert any(("sqlalchemy/" if in_greenlet else "gateway/daemon.py") in frame for frame in main), main


def dumped(log: str) -> dict[str, list[str]]:
    """Return what faulthandler wrote: the frames of each thread, the innermost first."""
    stacks: dict[str, list[str]] = {}
    for line in log.partition("Fatal Python error: Aborted")[2].splitlines():
        if line.endswith("(most recent call first):"):
            stacks[line] = frames = []
        elif line.startswith("  File "):
            frames.append(line)
    return stacks


def test_a_reload_takes_new_user_ids_and_loses_no_count(tmp_path: Path, manager: Manager) -> None:
    with managed(tmp_path, manager, token=True) as daemon:
        daemon.put_in_force(row(100, 200))
        assert daemon.as_("adaptor").send_lines(header_line(n) for n in range(5)).status == 202
        newcomer = "90-B3-D5-1F-30-03-00-00"
        row_of_newcomer = ",".join(row(1, 2, user=newcomer))
        text = daemon.config.read_text()
        manager.forget()
        daemon.config.write_text(text.replace(OTHER_SUPPLIER, newcomer).replace("port = 0", "port = 9"))
        signalled(daemon, signal.SIGHUP)
        assert int(manager.wait_for("RELOADING").variables["MONOTONIC_USEC"]) > 0
        assert "http.port" in manager.wait_for("READY").variables["STATUS"]
        assert [entry["changed"] for entry in logged(daemon, "settings_reloaded")] == [["service_users"]]
        assert [entry["settings"] for entry in logged(daemon, "settings_need_a_restart")] == [["http.port"]]
        header = daemon.as_("alice").part(1, "file").body.split(b"\n")[0]
        assert daemon.as_("alice").submit(header + f"\n{row_of_newcomer}\n".encode()).status == 201
        assert [rate["count"] for rate in daemon.rates()] == [5]
        assert daemon.as_("adaptor").send_lines(header_line(n) for n in range(7)).json["duplicate"] == 5
        wait_for("seven", lambda: [rate["count"] for rate in daemon.rates()] == [7])


def test_a_faulty_file_leaves_the_settings_as_they_are(tmp_path: Path, manager: Manager) -> None:
    with managed(tmp_path, manager) as daemon:
        manager.wait_for("READY")
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace(SUPPLIER, "nonsense"))
        signalled(daemon, signal.SIGHUP)
        assert "refused" in manager.wait_for("READY").variables["STATUS"]
        assert "service_users" in logged(daemon, "settings_refused")[0]["error"]
        assert daemon.metric("settings_taken") == 0
        daemon.config.write_text(text)
        signalled(daemon, signal.SIGHUP)
        assert manager.wait_for("READY").variables["STATUS"] == "settings read anew"
        assert daemon.metric("settings_taken") == 1


def test_its_last_words_are_what_is_on_disk(tmp_path: Path, manager: Manager) -> None:
    with managed(tmp_path, manager, token=True) as daemon:
        daemon.put_in_force(row(2, 200))
        daemon.as_("adaptor").send_lines(header_line(n) for n in range(5))
        wait_for("the breach", daemon.incidents)
        wait_for("the alert", lambda: daemon.metric("alerts_sent_total", "file"))
        assert daemon.stop() == 0
        (stopped,) = logged(daemon, "stopped")
        ((record,),) = daemon.query("SELECT max(number) FROM audit_records")
        ((group,),) = daemon.query("SELECT max(id) FROM journal")
        assert stopped["durable"] == {
            "communications": len(daemon.journal()),
            "journal_group": group,
            "audit_record": record,
            "alerts_waiting": {},
        }
        assert stopped["durable"]["communications"] == 5
        daemon.change("UPDATE outbox SET sent_at = NULL, next_attempt_at = strftime('%s', 'now') + 60")
        daemon.start()
        assert daemon.stop() == 0
        again = logged(daemon, "stopped")[-1]["durable"]
        assert again["communications"] == 0
        assert again["alerts_waiting"] == {"file": 1}
