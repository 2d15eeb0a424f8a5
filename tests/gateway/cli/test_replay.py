"""`replay` sends what files hold to a real daemon."""

import itertools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Run
from tests.support.api import COMMAND, header_line
from tests.support.daemon import Daemon
from tests.support.duis_messages import request_id, service_request

_counters = itertools.count(1_000_000)


@pytest.fixture(autouse=True)
def _as_adaptor(daemon: Daemon, as_person: Callable[[Daemon, str], None]) -> None:
    as_person(daemon, "adaptor")


def _xml(folder: Path, count: int) -> None:
    folder.mkdir()
    for counter in itertools.islice(_counters, count):
        data = service_request(request_id(counter), 1, "7.4", "7.4")
        (folder / f"{counter}.xml").write_bytes(data)


def _ndjson(path: Path, count: int) -> None:
    lines = [json.dumps(header_line(counter)) for counter in itertools.islice(_counters, count)]
    path.write_text("\n".join(lines) + "\n")


def test_a_folder_of_xml_is_sent_and_counted_once(tmp_path: Path, run: Run) -> None:
    _xml(tmp_path / "requests", 20)
    first, second = (run("replay", "--json", tmp_path / "requests") for _ in range(2))
    assert (first.code, first.err) == (0, "")
    assert json.loads(first.out) == {"accepted": 20, "duplicate": 0, "rejected": []}
    assert json.loads(second.out) == {"accepted": 0, "duplicate": 20, "rejected": []}


def test_lines_are_sent_in_batches(tmp_path: Path, run: Run) -> None:
    _ndjson(tmp_path / "lines.ndjson", 1_234)
    ran = run("replay", tmp_path / "lines.ndjson")
    assert (ran.code, ran.out) == (0, "accepted 1234, duplicate 0, rejected 0\n")


def test_folders_are_searched_for_both_kinds_and_nothing_else(tmp_path: Path, run: Run) -> None:
    _xml(tmp_path / "xml", 2)
    _ndjson(tmp_path / "xml" / "lines.JSONL", 3)
    (tmp_path / "xml" / "notes.txt").write_text("no request")
    assert json.loads(run("replay", "--json", tmp_path).out)["accepted"] == 5


def test_what_the_daemon_rejects_exits_with_3_and_the_rest_is_counted(tmp_path: Path, run: Run) -> None:
    _xml(tmp_path / "requests", 3)
    (tmp_path / "requests" / "bad.xml").write_bytes(b"<no request")
    _ndjson(tmp_path / "requests" / "lines.ndjson", 2)
    with (tmp_path / "requests" / "lines.ndjson").open("a") as lines:
        lines.write("not JSON\n")
    ran = run("replay", tmp_path / "requests")
    assert ran.code == 3
    assert ran.out == "accepted 5, duplicate 0, rejected 2\n"
    assert ran.err.count("rejected: ") == 2


def test_a_rate_is_not_passed(tmp_path: Path, run: Run, daemon: Daemon) -> None:
    """At 20 a second the eleventh cannot arrive before half a second after the first."""
    _xml(tmp_path / "requests", 11)
    ran = run("replay", "--rate", "20", "--json", tmp_path / "requests")
    assert json.loads(ran.out)["accepted"] == 11
    arrived = [observation.received_at_ms for observation in daemon.journal()[-11:]]
    assert arrived[-1] - arrived[0] >= 450


@pytest.mark.parametrize("rate", ["0", "-1", "fast"])
def test_a_rate_that_is_none_is_wrong_use(rate: str, tmp_path: Path, run: Run) -> None:
    assert run("replay", "--rate", rate, tmp_path).code == 2


def test_an_empty_folder_exits_with_3(tmp_path: Path, run: Run) -> None:
    ran = run("replay", tmp_path)
    assert (ran.code, ran.out) == (3, "")
    assert "[nothing_to_replay]" in ran.err


def test_an_empty_file_of_lines_exits_with_3(tmp_path: Path, run: Run) -> None:
    (tmp_path / "empty.ndjson").write_text("\n\n")
    assert run("replay", tmp_path / "empty.ndjson").code == 3


def test_a_path_that_is_not_there_is_wrong_use(tmp_path: Path, run: Run) -> None:
    assert run("replay", tmp_path / "absent").code == 2


def test_a_daemon_that_is_not_there_fails(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _xml(tmp_path / "requests", 40)
    monkeypatch.setenv("ADT_GATEWAY_URL", "http://127.0.0.1:1")
    ran = run("replay", tmp_path / "requests")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("[daemon_unreachable]") == 1
    assert "Traceback" not in ran.err


def test_no_progress_bar_reaches_a_pipe(tmp_path: Path) -> None:
    _xml(tmp_path / "requests", 3)
    command = [str(COMMAND), "replay", str(tmp_path / "requests")]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"accepted 3, duplicate 0, rejected 0\n", b"")
