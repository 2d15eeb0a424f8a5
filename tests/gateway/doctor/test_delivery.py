"""The doctor looks at the SFTP server and the exit quarantine profile; "could not look" is not "wrong"."""

import os
from pathlib import Path

import pytest

from gateway.delivery_settings import Quarantine, Sftp
from gateway.doctor import delivery
from gateway.doctor.delivery import look_at_server
from gateway.doctor.examine import run_check
from gateway.doctor.finding import Finding, State
from gateway.settings import Settings
from tests.support.adt import ROOT
from tests.support.sshd import Sshd, make_key, needs_sshd, public_key


async def _looked(server: Sshd, **other: object) -> Finding:
    return await look_at_server(Sftp(**(server.section | {"timeout_seconds": 5} | other)))


@needs_sshd
async def test_a_server_that_lets_us_in_is_told_and_nothing_is_written_there(tmp_path: Path) -> None:
    with Sshd(tmp_path) as server:
        found = await _looked(server)
        assert (found.state, "host key SHA256:" in found.what) == (State.OK, True), found
        missing = await _looked(server, folder=str(server.files / "incoming"))
        assert (missing.state, missing.remedy != "") == (State.WARNING, True), missing
        assert list(server.files.iterdir()) == []


@needs_sshd
async def test_what_is_wrong_with_a_server_failed_and_what_is_away_is_not_known(tmp_path: Path) -> None:
    stranger = make_key(tmp_path / "stranger")
    with Sshd(tmp_path / "server") as server:
        refused = await _looked(server, key_file=str(stranger))
        no_key = await _looked(server, key_file=str(tmp_path / "nowhere"))
        server.change_host_key()
        pinned = server.section | {"host_keys": [public_key(stranger)]}
        other_server = await look_at_server(Sftp(**pinned))
    for found, code in (
        (refused, "sftp_refused"),
        (no_key, "sftp_key_file"),
        (other_server, "sftp_host_key"),
    ):
        assert (found.state, f"[{code}]" in found.what) == (State.FAILED, True), found
    away = await _looked(server)
    assert (away.state, "[sftp_unreachable]" in away.what) == (State.UNKNOWN, True), away


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@needs_sshd
async def test_a_key_that_whoever_asks_may_not_read_is_not_known_to_be_wrong(tmp_path: Path) -> None:
    with Sshd(tmp_path) as server:
        server.key_file.chmod(0)
        assert (await _looked(server)).state is State.UNKNOWN


def _settings(tmp_path: Path, profile: Path) -> Settings:
    return Settings(data_directory=tmp_path, quarantine=Quarantine(profile=profile))


async def test_the_profile_of_exit_quarantine_files_is_looked_at(tmp_path: Path) -> None:
    shipped = ROOT / "config/profiles/exit-quarantine-1.toml"
    verified, broken = tmp_path / "verified.toml", tmp_path / "broken.toml"
    verified.write_text(shipped.read_text().replace("verified = false", "verified = true"))
    broken.write_text("id = ")
    states = {}
    for path in (shipped, verified, broken, tmp_path / "nowhere.toml"):
        (found,) = await run_check(delivery.CHECKS[1], _settings(tmp_path, path), 0)
        states[path.name] = found.state
        assert str(path) in found.what or found.state is State.WARNING
    assert list(states.values()) == [State.WARNING, State.OK, State.FAILED, State.FAILED]


async def test_without_a_server_there_is_none_to_look_at(tmp_path: Path) -> None:
    (found,) = await run_check(delivery.CHECKS[0], _settings(tmp_path, tmp_path), 0)
    assert (found.state, "folder" in found.what) == (State.OK, True)
