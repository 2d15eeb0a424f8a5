"""Faults of the token at the daemon: said by their code, the file stays approved, the count goes on."""

import datetime as dt
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from hsm.token import Token
from tests.support.adt import ROOT
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import in_own_loop, needs_softhsm, run_on_token

pytestmark = needs_softhsm

DROP_CERTIFICATES: Final = (
    "for found in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}): found.destroy()"
)


@pytest.fixture(scope="session")
def faulty_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the module that fails on demand."""
    module = tmp_path_factory.mktemp("module") / "faulty.so"
    source = ROOT / "tests/hsm/faulty_module.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", module, source, "-ldl"], check=True, capture_output=True)
    return module


@pytest.fixture
def daemon(tmp_path: Path, faulty_module: Path) -> Iterator[Daemon]:
    """Make a daemon, not started yet, whose module fails where `control` says so and counts logins."""
    environment = {"FAULTY_CONTROL": str(tmp_path / "control"), "FAULTY_COUNT": str(tmp_path / "logins")}
    made = Daemon(tmp_path, environment=environment)
    made.environment["FAULTY_REAL"] = made.ready_token.config.module
    made.set("token", module=str(faulty_module), timeout_seconds=3.0)
    yield made
    made.end()


def fault(daemon: Daemon, word: str) -> None:
    (daemon.folder / "control").write_text(word)


def expect_failure(daemon: Daemon, number: int, code: str) -> None:
    """Approve a file; the token's code comes back, the file stays approved, what happened is on record."""
    answer = daemon.as_("bob").step(number, "approve")
    assert (answer.status, answer.code) == (503, code)
    assert answer.headers["Retry-After"]
    assert answer.json["remedy"]
    file = daemon.as_("bob").file(number)
    assert (file["state"], file["approved_by"], file["signed_at"]) == ("approved", "bob", None)
    assert "adt_file.signing_failed" in daemon.actions(f"adt-file/{number}")
    assert daemon.as_("adam").part(number, "signature").status == 404
    ready = daemon.stranger().get("/readyz")
    assert ready.status == 200, "the gateway counts without its token"
    assert [part["detail"][: len(code)] for part in ready.json["parts"] if part["part"] == "token"] == [code]


def expect_signature(daemon: Daemon, number: int) -> None:
    """Approve once more; it is signed now, once."""
    answer = daemon.as_("bob").step(number, "approve")
    assert (answer.status, answer.json["state"] in {"signed", "delivered"}) == (200, True)
    daemon.wait_state(number, "delivered")
    assert daemon.actions(f"adt-file/{number}").count("adt_file.signed") == 1
    assert daemon.metric("ready", "token") == 1


def test_a_token_that_was_taken_away_and_comes_back(daemon: Daemon) -> None:
    tokens = daemon.ready_token.directory / "softhsm" / "tokens"
    away = tokens.rename(tokens.with_name("away"))
    tokens.mkdir()
    daemon.start()
    number = daemon.submit(row(1, 2))
    expect_failure(daemon, number, "token_absent")
    by_command = daemon.as_("bob").cli("approve", str(number))
    assert (by_command.returncode, "token_absent" in by_command.stderr) == (6, True)
    tokens.rmdir()
    away.rename(tokens)
    expect_signature(daemon, number)


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ({"label": "another"}, "token_absent"),
        ({"key_label": "another"}, "key_missing"),
        ({"module": "/nowhere.so"}, "token_module"),
        ({"trust_file": "/nowhere.pem"}, "trust_file"),
    ],
)
def test_wrong_settings_are_named_and_mended(daemon: Daemon, setting: dict[str, object], code: str) -> None:
    right = daemon.settings("token")
    daemon.set("token", **setting)
    daemon.start()
    number = daemon.submit(row(1, 2))
    expect_failure(daemon, number, code)
    assert daemon.stop() == 0
    daemon.set("token", **right)
    daemon.start()
    file = daemon.wait_state(number, "delivered")  # signed by itself: it was approved
    assert file["approved_by"] == "bob"
    assert daemon.actions(f"adt-file/{number}").count("adt_file.approved") == 1


def test_a_refused_pin_is_offered_once_and_shows_nowhere(daemon: Daemon) -> None:
    pin_file = daemon.ready_token.config.pin_file
    right, wrong = pin_file.read_text(), "7719283746501928"
    pin_file.write_text(wrong)
    daemon.start()
    number = daemon.submit(row(1, 2))
    seen = b""
    for _ in range(3):
        expect_failure(daemon, number, "pin_refused")
        seen += daemon.as_("bob").step(number, "approve").body
    daemon.kill()
    daemon.start()
    expect_failure(daemon, number, "pin_refused")
    assert (daemon.folder / "logins").read_text() == "L", "more than one login with a PIN that was refused"
    pin_file.write_text(right)
    expect_signature(daemon, number)
    seen += daemon.log.encode() + b"".join(process_texts(daemon))
    seen += b"".join(path.read_bytes() for path in daemon.data.rglob("*") if path.is_file())
    seen += daemon.as_("adam").get("/api/v1/audit").body + daemon.stranger().get("/metrics").body
    for pin in (wrong, right.strip()):
        assert pin.encode() not in seen


def process_texts(daemon: Daemon) -> Iterator[bytes]:
    """Yield what anybody can read of the processes of the daemon."""
    assert daemon.process is not None
    children = [child.pid for child in daemon.children]
    assert children
    for pid in (daemon.process.pid, *children):
        for name in ("cmdline", "environ"):
            try:
                yield Path(f"/proc/{pid}/{name}").read_bytes()
            except PermissionError:
                assert pid in children  # the token's process hides its memory


def test_a_key_without_certificate(daemon: Daemon) -> None:
    run_on_token(daemon.ready_token.config, DROP_CERTIFICATES)
    daemon.start()
    number = daemon.submit(row(1, 2))
    expect_failure(daemon, number, "certificate_missing")
    import_certificate(daemon, dt.timedelta(days=1))
    expect_signature(daemon, number)


def test_a_certificate_that_expires_while_the_daemon_runs(daemon: Daemon) -> None:
    run_on_token(daemon.ready_token.config, DROP_CERTIFICATES)
    import_certificate(daemon, dt.timedelta(seconds=15))
    ends = time.time() + 16
    daemon.start()
    first, second = daemon.submit(row(1, 2)), daemon.submit(row(3, 4))
    expect_signature(daemon, first)
    wait_for("the certificate to expire", lambda: time.time() > ends)
    expect_failure(daemon, second, "certificate_expired")


def import_certificate(daemon: Daemon, valid: dt.timedelta) -> None:
    """Put a new certificate of the key on the token, as `adt-gateway token import` does."""

    async def work() -> None:
        async with Token(daemon.ready_token.config) as token:
            request = await token.csr("Renewed")
            ends = dt.datetime.now(dt.UTC) + valid
            await token.import_certificates(daemon.ready_token.ca.issue(request, not_after=ends))

    in_own_loop(work)


def test_a_module_that_crashes_takes_nothing_with_it(daemon: Daemon) -> None:
    daemon.start()
    number = daemon.submit(row(1, 2))
    fault(daemon, "crash")
    expect_failure(daemon, number, "token_died")
    fault(daemon, "")
    expect_signature(daemon, number)


def test_a_process_killed_while_it_signs(daemon: Daemon) -> None:
    daemon.set("token", timeout_seconds=60.0)
    daemon.start()
    wait_for("the token", lambda: daemon.metric("ready", "token") == 1)
    number = daemon.submit(row(1, 2))
    (before,) = daemon.children
    fault(daemon, "hang")
    with ThreadPoolExecutor(1) as pool:
        approving = pool.submit(daemon.as_("bob").step, number, "approve")
        wait_for("the end of the process that was logged in", lambda: not before.is_running())
        (child,) = wait_for("the process that signs", lambda: daemon.children)
        wait_for("the module to hang", lambda: child.status() == "sleeping")
        child.kill()
        assert (approving.result().status, approving.result().code) == (503, "token_died")
    fault(daemon, "")
    expect_signature(daemon, number)


def test_while_the_module_hangs_requests_are_counted(daemon: Daemon) -> None:
    daemon.set("token", timeout_seconds=15.0)
    daemon.start()
    daemon.put_in_force(row(2, 5))
    number = daemon.submit(row(100, 200))
    fault(daemon, "hang")
    with ThreadPoolExecutor(1) as pool:
        approving = pool.submit(daemon.as_("bob").step, number, "approve")
        wait_for("the signing", lambda: daemon.actions(f"adt-file/{number}")[-1] == "adt_file.signing")
        sent = 0
        while not approving.done() and sent < 50:
            assert daemon.as_("adaptor").send_lines([header_line(sent)]).json["accepted"] == 1
            sent += 1
        assert not approving.done(), "nothing was counted while it hung"
        assert daemon.stranger().get("/readyz").status == 200
        wait_for("both breaches", lambda: len(daemon.incidents()) == 2)
        assert [incident["level"] for incident in daemon.incidents()] == ["warning", "quarantine"]
        assert len(daemon.journal()) == 50
        assert (approving.result().status, approving.result().code) == (503, "token_timeout")
    fault(daemon, "")
    expect_signature(daemon, number)


def test_a_stopped_process_is_replaced(daemon: Daemon) -> None:
    daemon.start()
    wait_for("the token", lambda: daemon.metric("ready", "token") == 1)
    (child,) = daemon.children
    child.suspend()
    expect_signature(daemon, daemon.submit(row(1, 2)))
    assert not child.is_running()


def test_a_file_withdrawn_while_the_token_works_is_not_signed(daemon: Daemon) -> None:
    daemon.start()
    wait_for("the token", lambda: daemon.metric("ready", "token") == 1)
    number = daemon.submit(row(1, 2))
    fault(daemon, "hang")
    with ThreadPoolExecutor(1) as pool:
        approving = pool.submit(daemon.as_("bob").step, number, "approve")
        wait_for("the signing", lambda: daemon.actions(f"adt-file/{number}")[-1] == "adt_file.signing")
        withdrawn = daemon.as_("alice").step(number, "withdraw", reason="the wrong day")
        assert withdrawn.json["state"] == "withdrawn"
        fault(daemon, "")
        assert approving.result().status in {409, 503}
    assert daemon.as_("bob").step(number, "approve").code == "adt_file_state"
    assert "adt_file.signed" not in daemon.actions(f"adt-file/{number}")
    assert daemon.as_("adam").part(number, "signature").status == 404
    assert daemon.verify_audit().returncode == 0


def test_without_a_token_files_are_approved_and_wait(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False) as daemon:
        number = daemon.submit(row(1, 2))
        answer = daemon.as_("bob").step(number, "approve")
        assert (answer.status, answer.code) == (503, "token_not_set")
        assert daemon.as_("bob").file(number)["state"] == "approved"
