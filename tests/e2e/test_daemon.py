"""The daemon as a process: alone on its data, in order at its end, and open about how it is."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from gateway.web.routes import ROUTES
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm


def test_a_second_daemon_on_the_same_data_is_refused(daemon: Daemon) -> None:
    address = (daemon.data / "address").read_text()
    second = daemon.cli("serve")
    assert second.returncode == 1
    assert "[daemon_running]" in second.stderr
    assert (daemon.data / "address").read_text() == address
    assert daemon.stranger().get("/healthz").json == {"status": "alive"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with Daemon(tmp_path) as daemon:
        wait_for("the token", lambda: daemon.metric("ready", "token") == 1)
        children = daemon.children
        assert children
        assert daemon.process is not None
        daemon.process.send_signal(number)
        assert daemon.process.wait(30) == 0
        assert not (daemon.data / "address").exists()
        assert not psutil.wait_procs(children, timeout=10)[1]
        assert '"event": "stopped"' in daemon.log
        assert "Traceback" not in daemon.log


def test_what_is_under_way_when_it_stops_is_answered_and_kept(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False) as daemon, ThreadPoolExecutor(11) as pool:
        adaptor = daemon.as_("adaptor")
        with daemon.locked_database():
            sent = [pool.submit(adaptor.send_lines, [header_line(number)]) for number in range(10)]
            wait_for("them to wait", lambda: daemon.metric("queued_communications") == 10)
            stopped = pool.submit(daemon.stop)
            wait_for("the stop", lambda: '"event": "stopping"' in daemon.log)
        assert [answer.result().json["accepted"] for answer in sent] == [1] * 10
        assert stopped.result() == 0
        assert len(daemon.journal()) == 10


def test_when_killed_it_leaves_no_process_of_the_token(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        wait_for("the token", lambda: daemon.metric("ready", "token") == 1)
        children = daemon.children
        daemon.kill()
        assert not psutil.wait_procs(children, timeout=10)[1]


def test_readyz_names_every_part(daemon: Daemon) -> None:
    def parts() -> set[str]:
        answer = daemon.stranger().get("/readyz")
        assert (answer.status, answer.json["ready"]) == (200, True)
        return {part["part"] for part in answer.json["parts"] if part["works"]}

    assert wait_for("the parts", lambda: parts() >= {"store", "token"})


def test_metrics_tell_what_happened(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        daemon.put_in_force(row(1, 2))
        daemon.as_("adaptor").send_lines([header_line(number) for number in (1, 2, 3, 3)])
        wait_for("the alerts", lambda: daemon.metric("alerts_sent_total", "file") >= 1)
        expected = {
            ("communications_total", "SR"): 3,
            ("duplicates_total",): 1,
            ("breaches_total", "quarantine"): 1,
            ("open_episodes", "warning"): 1,
            ("open_episodes", "quarantine"): 1,
            ("thresholds_in_force",): 1,
            ("signatures_total",): 1,
            ("alerts_waiting", "file"): 0,
        }
        found = {(name, *labels): daemon.metric(name, *labels) for name, *labels in expected}
        assert found == expected


def test_the_description_lists_every_route(daemon: Daemon) -> None:
    described = daemon.stranger().get("/api/v1/openapi.json").json
    assert described["openapi"].startswith("3.1")
    operations = [(path, method) for path, methods in described["paths"].items() for method in methods]
    assert len(operations) == len(ROUTES) + 1  # the description itself
    for path, method in operations:
        operation = described["paths"][path][method]
        assert operation["summary"], path
        names = [parameter["name"] for parameter in operation.get("parameters", [])]
        assert all(f"{{{name}}}" in path for name in names)
        assert path.count("{") == len(names)


def test_what_is_not_there_is_a_problem_too(daemon: Daemon) -> None:
    assert daemon.stranger().get("/nothing").code == "not_found"
    assert daemon.stranger().ask("DELETE", "/healthz").code == "method_not_allowed"
    for path in ("/healthz", "/nothing", "/api/v1/rates"):
        headers = daemon.stranger().get(path).headers
        assert headers["Server"] == "adt-gateway"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
