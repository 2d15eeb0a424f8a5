"""The whole examination, on real parts: what is found, and that nothing is changed."""

import asyncio
import datetime as dt
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.doctor import store
from gateway.doctor.examine import CHECKS, examine, run_check
from gateway.doctor.finding import Check, Finding, State, ok
from gateway.errors import Unavailable
from gateway.settings import Settings, load_settings
from hsm.development_ca import DevelopmentCa
from hsm.pin import write_private
from tests.support.api import wait_for
from tests.support.daemon import Daemon
from tests.support.dcc import TestDcc
from tests.support.mosquitto import Mosquitto, needs_mosquitto
from tests.support.softhsm import needs_softhsm, run_on_token

NAMES = [
    "settings",
    *("profile", "service users", "data directory", "disk space", "delivery folder"),
    *("database", "audit chain", "clock", "adt files", "thresholds in force", "time source"),
    *("pin file", "trust file", "token", "key", "certificate", "broker", "daemon"),
    *("alert channels", "DCC certificates", "SFTP server", "exit quarantine profile"),
]
OF_THIS_MACHINE = {"time source", "disk space"}
"""Findings that depend on where the test runs."""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ADT_GATEWAY"):
            monkeypatch.delenv(name)


def _states(config: Path, now: float | None = None) -> dict[str, State]:
    return {name: finding.state for name, finding in (_findings(config, now)).items()}


def _findings(config: Path, now: float | None = None) -> dict[str, Finding]:
    found = asyncio.run(examine(config, time.time() if now is None else now))
    assert sorted(finding.name for finding in found) == sorted(NAMES)
    for finding in found:
        assert finding.what
        assert finding.remedy or finding.state in {State.OK, State.UNKNOWN}, finding
    return {finding.name: finding for finding in found}


def _contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Return digest and mode of every file.

    Left out: the database's working files, which come and go with its readers, and the file in which SoftHSM
    itself notes each login.
    """
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm", ".lock", "token.object"))
    }


@needs_softhsm
@needs_mosquitto
def test_where_everything_works_nothing_failed(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as broker, Daemon(tmp_path / "d", mqtt=broker.section) as daemon:
        _wait_until_ready(daemon)
        states = _states(daemon.config)
    unusual = {name: state for name, state in states.items() if state is not State.OK}
    assert unusual.pop("profile") is unusual.pop("exit quarantine profile") is State.WARNING
    assert set(unusual) <= OF_THIS_MACHINE


def _wait_until_ready(daemon: Daemon) -> None:
    def works() -> bool:
        answer = daemon.stranger().get("/readyz")
        return answer.status == 200 and all(part["works"] for part in answer.json["parts"] if part["needed"])

    wait_for("the daemon to be ready", works)


@needs_softhsm
def test_nothing_is_changed(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d")
    before = _contents(daemon.folder)
    _findings(daemon.config)
    assert _contents(daemon.folder) == before


def test_the_database_cannot_be_written_through_the_doctor(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d", token=False)

    async def write() -> None:
        async with (
            store.reading(load_settings(daemon.config), daemon.database_file) as database,
            database.write() as connection,
        ):
            await connection.execute(text("DELETE FROM audit_records"))

    with pytest.raises(Unavailable, match="readonly"):
        asyncio.run(write())


def test_nothing_is_made_where_nothing_is(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('data_directory = "var"\n[adt_files]\nprofile = "absent.toml"\n')
    found = _findings(config)
    assert _contents(tmp_path).keys() == {"gateway.toml"}
    assert found["profile"].state is State.FAILED
    assert found["service users"].state is State.FAILED
    assert found["database"].state is State.WARNING
    assert found["audit chain"].state is State.UNKNOWN
    assert "not there yet" in found["data directory"].what
    assert found["token"].state is State.WARNING
    assert found["broker"].state is State.OK
    assert found["daemon"].state is State.WARNING


def test_settings_that_cannot_be_used_leave_everything_else_unknown(tmp_path: Path) -> None:
    found = _findings(tmp_path / "absent.toml")
    assert found.pop("settings").state is State.FAILED
    assert {finding.state for finding in found.values()} == {State.UNKNOWN}


def test_a_check_that_crashes_stops_no_other_and_tells_no_value(tmp_path: Path) -> None:
    async def crashes(settings: Settings, now: float) -> AsyncIterator[Finding]:
        del settings, now
        yield ok("first", "it was found before the crash")
        message = "the secret 1234"
        raise RuntimeError(message)

    config = tmp_path / "gateway.toml"
    config.write_text("")
    found = asyncio.run(run_check(Check(("first", "second"), crashes), load_settings(config), 0.0))
    assert [finding.state for finding in found] == [State.OK, State.UNKNOWN]
    assert "RuntimeError in test_examine.py" in found[1].what
    assert "1234" not in repr(found)


def test_every_finding_has_a_name_of_its_own() -> None:
    names = [name for check in CHECKS for name in check.names]
    assert sorted(names) == sorted(set(names))


def test_a_changed_audit_record_is_found(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d", token=False)
    daemon.change("UPDATE audit_records SET body = replace(body, 'alice', 'eve!!') WHERE number = 3")
    found = _findings(daemon.config)
    if found["audit chain"].state is not State.FAILED:  # the store itself may refuse the change
        daemon.change("UPDATE audit_records SET hash = 'x' WHERE number = 3")
        found = _findings(daemon.config)
    assert found["audit chain"].state is State.FAILED
    assert "record 3" in found["audit chain"].what


def test_a_clock_before_the_last_audit_record_is_found(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d", token=False)
    assert _states(daemon.config)["clock"] is State.OK
    assert _states(daemon.config, time.time() - 86_400)["clock"] is State.FAILED


def test_a_database_of_another_version_is_found(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d", token=False)
    daemon.change("UPDATE alembic_version SET version_num = '0000'")
    assert _states(daemon.config)["database"] is State.WARNING


def test_a_database_that_is_none_is_found(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d", token=False)
    for file in daemon.data.glob("gateway.sqlite*"):
        file.unlink()
    daemon.database_file.write_bytes(b"this is no database" * 1_000)
    found = _findings(daemon.config)
    assert found["database"].state is State.FAILED
    assert found["audit chain"].state is State.UNKNOWN


@needs_softhsm
def test_a_certificate_that_ends_soon_or_has_ended_is_found(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d")
    found = _findings(daemon.config)
    assert found["certificate"].state is State.OK
    days = int(found["certificate"].what.rsplit("in ", 1)[1].split()[0])
    soon = _findings(daemon.config, time.time() + (days - 10) * 86_400)
    assert soon["certificate"].state is State.WARNING
    late = _findings(daemon.config, time.time() + (days + 2) * 86_400)
    assert late["certificate"].state is State.FAILED
    assert "expired" in late["certificate"].what


@needs_softhsm
def test_a_wrong_pin_is_offered_once_and_then_never(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d")
    pin_file = daemon.ready_token.config.pin_file
    pin_file.unlink()
    write_private(pin_file, b"0000")
    first, second = _findings(daemon.config)["token"], _findings(daemon.config)["token"]
    assert "[pin_refused]" in first.what
    assert "not offered again" not in first.what
    assert "not offered again" in second.what


@needs_softhsm
def test_a_key_that_can_leave_the_token_is_found(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d")
    run_on_token(
        daemon.ready_token.config,
        "session.generate_keypair(KeyType.RSA, 2048, label='loose', store=True,"
        " private_template={Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False})",
    )
    settings = daemon.config.read_text()
    daemon.config.write_text(settings.replace('key_label = "file-signing"', 'key_label = "loose"'))
    found = _findings(daemon.config)
    assert found["key"].state is State.FAILED
    assert "[key_exportable]" in found["key"].what
    daemon.config.write_text(settings.replace('key_label = "file-signing"', 'key_label = "none"'))
    found = _findings(daemon.config)
    assert "[key_missing]" in found["key"].what
    assert found["certificate"].state is State.UNKNOWN


@needs_softhsm
def test_a_root_that_did_not_issue_the_certificate_is_found(tmp_path: Path) -> None:
    one, other = Daemon(tmp_path / "one"), tmp_path / "other.pem"
    other.write_bytes(DevelopmentCa(dt.datetime.now(dt.UTC)).trust_pem)
    trust = one.ready_token.trust_file
    one.config.write_text(one.config.read_text().replace(str(trust), str(other)))
    found = _findings(one.config)
    assert found["trust file"].state is State.OK
    assert found["certificate"].state is State.FAILED
    assert "[certificate_chain]" in found["certificate"].what


def test_a_broker_that_is_not_there_is_found(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d", token=False, mqtt={"host": "127.0.0.1", "port": 1})
    found = _findings(daemon.config)
    assert found["broker"].state is State.FAILED
    assert "127.0.0.1:1" in found["broker"].what


def test_without_a_channel_nobody_is_told_and_that_is_said(tmp_path: Path) -> None:
    alerts = {"mqtt": False}
    found = _findings(Daemon(tmp_path / "d", token=False, alerts=alerts).config)
    assert found["alert channels"].state is State.WARNING
    with_file = _findings(Daemon(tmp_path / "e", token=False).config)
    assert (with_file["alert channels"].state, "file" in with_file["alert channels"].what) == (State.OK, True)


def test_certificates_that_would_stop_the_start_or_verify_nothing_are_found(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    day = dt.timedelta(days=1)
    now = dt.datetime.now(dt.UTC)
    folders = {
        "empty": (tmp_path / "empty", State.FAILED),
        "old": (TestDcc(now - 2 * day, now - day).write(tmp_path / "old"), State.FAILED),
        "good": (TestDcc().write(tmp_path / "good"), State.OK),
    }
    for name, (folder, state) in folders.items():
        daemon = Daemon(tmp_path / f"d-{name}", token=False, dcc={"certificates_folder": folder})
        assert _findings(daemon.config)["DCC certificates"].state is state, name


@needs_mosquitto
def test_the_connection_of_a_running_daemon_is_not_ended(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        Daemon(tmp_path / "d", token=False, mqtt=broker.section) as daemon,
    ):
        _wait_until_ready(daemon)
        assert _states(daemon.config)["broker"] is State.OK
        log = broker.log
    assert "already connected" not in log
    assert log.count("New client connected") >= 2


def test_a_daemon_that_died_is_found(tmp_path: Path) -> None:
    with Daemon(tmp_path / "d", token=False) as daemon:
        assert _states(daemon.config)["daemon"] in {State.OK, State.WARNING}
        daemon.kill()
        found = _findings(daemon.config)["daemon"]
    assert found.state is State.FAILED
    assert "does not answer" in found.what


def test_a_daemon_whose_broker_is_gone_is_not_ready(tmp_path: Path) -> None:
    with Daemon(tmp_path / "d", token=False, mqtt={"host": "127.0.0.1", "port": 1}) as daemon:
        found = _findings(daemon.config)["daemon"]
    assert found.state is State.FAILED
    assert "broker" in found.what
