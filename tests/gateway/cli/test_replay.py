"""`replay` sends what files hold to a real daemon."""

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Run
from tests.support.api import COMMAND, header_line, wait_for
from tests.support.daemon import Daemon, ids
from tests.support.duis_messages import firmware_request, request_id, service_request

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
    assert json.loads(first.out) == {"accepted": 20, "duplicate": 0, "rejected_count": 0, "rejected": []}
    assert json.loads(second.out) == {"accepted": 0, "duplicate": 20, "rejected_count": 0, "rejected": []}


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


def test_lines_keep_their_own_time_and_files_may_give_theirs(
    tmp_path: Path, run: Run, daemon: Daemon
) -> None:
    folder = tmp_path / "requests"
    _xml(folder, 2)
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000.25))
    (folder / "z.ndjson").write_text(
        json.dumps(header_line(next(_counters), observed_at="2023-01-01T00:00:00Z"))
    )
    assert run("replay", "--observed-at", "mtime", folder).code == 0
    observed = [observation.observed_at_ms for observation in daemon.journal()[-3:]]
    assert sorted(observed) == [1_672_531_200_000, 1_700_000_000_250, 1_700_000_000_250]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-8-SIG", "UTF-16", "ISO-8859-1"])
def test_a_file_with_its_time_is_read_in_its_encoding(
    encoding: str, tmp_path: Path, run: Run, daemon: Daemon
) -> None:
    identity = request_id(next(_counters))
    name = encoding.removesuffix("-SIG")
    text = service_request(
        identity, 1, "7.4", "7.4", declaration=f'<?xml version="1.0" encoding="{name}"?><!-- \u00e9 -->'
    )
    (tmp_path / "one.xml").write_bytes(text.decode().encode(encoding))
    assert run("replay", "--observed-at", "mtime", tmp_path).out == "accepted 1, duplicate 0, rejected 0\n"
    assert ids(daemon.journal())[-1] == identity


def test_what_is_refused_is_named_by_file_and_line(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "requests"
    _xml(folder, 1)
    (folder / "huge.xml").write_bytes(firmware_request(17 * 1024 * 1024))
    _ndjson(folder / "lines.ndjson", 700)
    with (folder / "lines.ndjson").open("ab") as lines:
        lines.write(b"\nno JSON\n" + b"x" * (18 * 1024 * 1024) + b"\n")
    _ndjson(folder / "more.ndjson", 1)
    ran = run("replay", "--json", folder)
    assert ran.code == 3
    found = json.loads(ran.out)
    assert (found["accepted"], found["rejected_count"]) == (702, 3)
    assert {(Path(line["file"]).name, line["line"], line["code"]) for line in found["rejected"]} == {
        ("huge.xml", 1, "too_large"),
        ("lines.ndjson", 702, "line_malformed"),
        ("lines.ndjson", 703, "too_large"),
    }


def test_a_pipe_in_a_folder_is_not_waited_for_and_a_circle_of_links_ends(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "requests"
    _xml(folder, 2)
    os.mkfifo(folder / "pipe.xml")
    (folder / "circle").symlink_to(folder)
    assert run("replay", folder).out == "accepted 2, duplicate 0, rejected 0\n"


def test_a_second_run_with_the_state_sends_nothing_again(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "requests"
    _xml(folder, 30)
    _ndjson(folder / "lines.ndjson", 1_200)
    state = tmp_path / "state"
    first = run("replay", "--state", state, "--json", folder)
    assert json.loads(first.out)["accepted"] == 1_230
    assert run("replay", "--state", state, "--json", folder).out == first.out
    _ndjson(folder / "z.ndjson", 3)
    assert json.loads(run("replay", "--state", state, "--json", folder).out)["accepted"] == 1_233


def test_an_interrupted_replay_goes_on_where_it_was(tmp_path: Path, run: Run, daemon: Daemon) -> None:
    folder = tmp_path / "requests"
    _xml(folder, 120)
    _ndjson(folder / "lines.ndjson", 3_000)
    before = len(daemon.journal())
    state = tmp_path / "state"
    command = [str(COMMAND), "replay", "--rate", "100", "--state", str(state), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("some", lambda: len(daemon.journal()) > before + 20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"interrupted" in err
    counted = len(daemon.journal()) - before
    assert json.loads(state.read_text())["totals"]["accepted"] == counted
    assert 20 < counted < 120
    ran = run("replay", "--state", state, folder)
    assert ran.out == "accepted 3120, duplicate 0, rejected 0\n"
    assert len(daemon.journal()) == before + 3_120


def test_a_killed_replay_goes_on_and_counts_nothing_twice(tmp_path: Path, run: Run, daemon: Daemon) -> None:
    folder = tmp_path / "requests"
    _xml(folder, 200)
    before, state = len(daemon.journal()), tmp_path / "state"
    process = subprocess.Popen([str(COMMAND), "replay", "--rate", "200", "--state", str(state), str(folder)])
    wait_for("some", lambda: len(daemon.journal()) > before + 20)
    process.kill()
    process.wait()
    assert run("replay", "--state", state, folder).code == 0
    counted = ids(daemon.journal()[before:])
    assert (len(counted), len(set(counted))) == (200, 200)


def test_a_daemon_that_is_busy_is_asked_again(tmp_path: Path, daemon: Daemon) -> None:
    _xml(tmp_path / "requests", 40)
    command = [str(COMMAND), "replay", str(tmp_path / "requests")]
    failures = daemon.log.count("journal_failed")
    with daemon.locked_database():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for("the refusal", lambda: daemon.log.count("journal_failed") > failures)
    assert process.communicate(timeout=60) == (b"accepted 40, duplicate 0, rejected 0\n", b"")


def test_a_failure_keeps_what_was_acknowledged(
    tmp_path: Path, run: Run, daemon: Daemon, as_person: Callable[[Daemon, str], None]
) -> None:
    folder, state = tmp_path / "requests", tmp_path / "state"
    _xml(folder, 5)
    as_person(daemon, "ana")
    assert run("replay", "--state", state, folder).code == 5
    assert json.loads(state.read_text())["totals"]["accepted"] == 0
    as_person(daemon, "adaptor")
    assert run("replay", "--state", state, folder).out == "accepted 5, duplicate 0, rejected 0\n"


def test_a_state_that_does_not_fit_is_refused(tmp_path: Path, run: Run) -> None:
    _ndjson(tmp_path / "lines.ndjson", 3)
    state = tmp_path / "state"
    assert run("replay", "--state", state, tmp_path / "lines.ndjson").code == 0
    _xml(tmp_path / "other", 1)
    assert "[state_other_input]" in run("replay", "--state", state, tmp_path / "other").err
    (tmp_path / "lines.ndjson").write_text("")
    assert "[state_other_input]" in run("replay", "--state", state, tmp_path / "lines.ndjson").err
    state.write_text("{}")
    assert "[state_malformed]" in run("replay", "--state", state, tmp_path / "lines.ndjson").err
