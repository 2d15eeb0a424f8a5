"""How every command ends, whatever happens to it."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import ExitCode
from tests.gateway.cli.conftest import Run
from tests.support.api import COMMAND, wait_for
from tests.support.daemon import Daemon
from tests.support.duis_messages import request_id, service_request


def test_the_exit_codes_are_those_of_the_interface() -> None:
    assert {int(code): code.name for code in ExitCode} == {
        0: "DONE",
        1: "FAILED",
        2: "USAGE",
        3: "INVALID_INPUT",
        4: "BREACH_FOUND",
        5: "NOT_PERMITTED",
        6: "TOKEN_UNAVAILABLE",
        7: "SIGNATURE_WRONG",
        8: "COULD_NOT_VERIFY",
    }


@pytest.mark.parametrize("count", [1, 2_000], ids=["within the buffer", "beyond the buffer"])
def test_a_reader_who_has_seen_enough_is_no_trouble(count: int, tmp_path: Path) -> None:
    file = tmp_path / "request.xml"
    file.write_bytes(service_request(request_id(), 1, "7.4", "7.4"))
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [str(COMMAND), "duis", *[str(file)] * count]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_command_works_with_standard_output_closed(tmp_path: Path) -> None:
    file = tmp_path / "request.xml"
    file.write_bytes(service_request(request_id(), 1, "7.4", "7.4"))
    command = ["sh", "-c", '"$0" duis "$1" >&-', str(COMMAND), str(file)]
    done = subprocess.run(command, stderr=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_ends_a_command_without_a_traceback() -> None:
    """The daemon that is asked never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        environment = {
            **os.environ,
            "ADT_GATEWAY_URL": f"http://127.0.0.1:{server.getsockname()[1]}",
            "ADT_GATEWAY_TOKEN": "adtgw_x",
        }
        process = subprocess.Popen(
            [COMMAND, "rates"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        connection, _ = server.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == b""
    assert err.strip() == b""


def test_ctrl_c_stops_the_daemon_in_order(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False) as daemon:
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(30) == 0
        wait_for("the address to go", lambda: not (daemon.data / "address").exists())
        assert "Traceback" not in daemon.log


def test_what_the_system_refuses_is_said_with_a_remedy(tmp_path: Path, run: Run) -> None:
    """Such as a data directory that cannot be made because a file stands in its way."""
    (tmp_path / "file").write_text("")
    config = tmp_path / "gateway.toml"
    config.write_text(
        'data_directory = "file/var"\n[token]\nmodule = "m"\npin_file = "p"\ntrust_file = "t"\n'
    )
    ran = run("token", "show", config=config)
    assert (ran.code, ran.out) == (1, "")
    assert os.strerror(errno.ENOTDIR) in ran.err
    assert "[system_error]" in ran.err
    assert "remedy: " in ran.err
    assert "Traceback" not in ran.err


def test_an_error_is_one_line_of_json_after_json(tmp_path: Path, run: Run) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('data_directory = "var"\n')
    ran = run("user", "disable", "nobody", "--json", config=config)
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1
    error = json.loads(ran.err)["error"]
    assert error.keys() == {"code", "message", "remedy"}
    assert (error["code"], error["remedy"]) == ("person_unknown", "List them: adt-gateway user list")
    assert run("user", "disable", "nobody", config=config).err.startswith("error: ")


def test_what_the_system_refuses_and_wrong_use_are_json_too(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    config = tmp_path / "gateway.toml"
    config.write_text(
        'data_directory = "file/var"\n[token]\nmodule = "m"\npin_file = "p"\ntrust_file = "t"\n'
    )
    ran = run("token", "show", "--json", config=config)
    assert (ran.code, json.loads(ran.err)["error"]["code"]) == (1, "system_error")
    ran = run("token", "csr", "--json", config=config)
    assert (ran.code, json.loads(ran.err)["error"]["code"]) == (2, "usage")
    assert "--common-name" in json.loads(ran.err)["error"]["message"]


def test_json_that_was_asked_for_once_does_not_last(tmp_path: Path, run: Run) -> None:
    assert run("check", "--json", tmp_path / "absent.csv").err.startswith("{")
    assert run("check", tmp_path / "absent.csv").err.startswith("error: ")


def test_the_package_can_be_run_like_the_command() -> None:
    command = [sys.executable, "-m", "gateway", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("Usage: adt-gateway ")


def test_an_unknown_key_of_the_settings_is_named(tmp_path: Path, run: Run) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text("[http]\nprot = 1\n")
    ran = run("user", "list", config=config)
    assert ran.code == 2
    assert "http.prot" in ran.err


def test_an_unknown_variable_of_the_environment_is_named(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text("")
    monkeypatch.setenv("ADT_GATEWAY__HTPP__PORT", "1")
    ran = run("user", "list", config=config)
    assert ran.code == 2
    assert "ADT_GATEWAY__HTPP__PORT" in ran.err
