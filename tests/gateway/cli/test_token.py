"""`token` prepares a real SoftHSM token; what the token refuses exits with 6."""

import datetime as dt
import json
from pathlib import Path

import pytest

from hsm.development_ca import DevelopmentCa
from hsm.initialise import find_softhsm
from hsm.pin import write_private
from tests.gateway.cli.conftest import Run
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(
        'data_directory = "var"\n[token]\n'
        f'module = "{find_softhsm()}"\npin_file = "secrets/pin"\ntrust_file = "trust.pem"\n'
        'softhsm_config = "softhsm/softhsm2.conf"\n'
    )
    return path


def _issue(config: Path, request: str) -> Path:
    """Issue a certificate for *request* and trust its root; return the file of the chain."""
    ca = DevelopmentCa(dt.datetime.now(dt.UTC))
    (config.parent / "trust.pem").write_bytes(ca.trust_pem)
    chain = config.parent / "chain.pem"
    chain.write_bytes(ca.issue(request))
    return chain


def _put_pin(config: Path, pin: str) -> None:
    path = config.parent / "secrets" / "pin"
    path.unlink()
    write_private(path, pin.encode())


def test_a_token_is_made_certified_and_shown(config: Path, run: Run) -> None:
    made = run("token", "init", config=config)
    assert (made.code, made.out) == (0, "")
    pin = (config.parent / "secrets" / "pin").read_text().strip()
    request = run("token", "csr", "--common-name", "File Signing", config=config)
    assert request.code == 0
    assert request.out.startswith("-----BEGIN CERTIFICATE REQUEST-----")
    imported = run("token", "import", _issue(config, request.out), config=config)
    assert (imported.code, imported.out) == (0, "")
    shown = json.loads(run("token", "show", "--json", config=config).out)
    assert shown["label"] == "adt-gateway"
    assert (shown["key"]["extractable"], shown["key"]["never_extractable"]) == (False, True)
    assert shown["certificate"]["subject"] == "CN=File Signing"
    assert shown["chain_length"] >= 1
    for ran in (made, request, imported, run("token", "show", config=config)):
        assert pin not in ran.out + ran.err


def test_every_step_is_on_record(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    run("token", "csr", "--common-name", "x", config=config)
    run("token", "forget-refusal", config=config)
    database = (config.parent / "var" / "gateway.sqlite").read_bytes()
    wal = config.parent / "var" / "gateway.sqlite-wal"
    database += wal.read_bytes() if wal.exists() else b""
    for action in (b"token.initialised", b"token.csr_requested", b"token.refusal_forgotten"):
        assert action in database


def test_a_key_that_is_there_is_kept(config: Path, run: Run) -> None:
    assert run("token", "init", config=config).code == 0
    before = run("token", "csr", "--common-name", "x", config=config).out
    again = run("token", "init", config=config)
    assert again.code == 6
    assert "[key_exists]" in again.err
    assert before.startswith("-----BEGIN")
    assert run("token", "show", config=config).code == 0


def test_pin_files_are_readable_by_their_owner_alone(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    for name in ("pin", "so-pin"):
        assert (config.parent / "secrets" / name).stat().st_mode & 0o077 == 0


def test_a_refused_pin_is_offered_once_and_again_only_after_it_was_forgotten(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    right = (config.parent / "secrets" / "pin").read_text()
    _put_pin(config, "0000")
    first, second = run("token", "show", config=config), run("token", "show", config=config)
    assert (first.code, second.code) == (6, 6)
    assert "[pin_refused]" in first.err
    assert "not offered again" in second.err
    assert "not offered again" not in first.err
    assert run("token", "forget-refusal", config=config).code == 0
    assert "not offered again" not in run("token", "show", config=config).err
    _put_pin(config, right)
    assert run("token", "show", config=config).code == 0


def test_a_token_that_is_absent_exits_with_6(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    config.write_text(config.read_text() + 'label = "another"\n')
    ran = run("token", "show", config=config)
    assert (ran.code, ran.out) == (6, "")
    assert "[token_absent]" in ran.err
    assert "remedy: " in ran.err


def test_a_module_that_is_absent_exits_with_6(config: Path, run: Run) -> None:
    config.write_text(config.read_text().replace(str(find_softhsm()), "/nowhere/module.so"))
    ran = run("token", "show", config=config)
    assert ran.code == 6
    assert "[token_module]" in ran.err


def test_a_certificate_of_another_key_is_refused_with_6(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    chain = _issue(config, run("token", "csr", "--common-name", "x", config=config).out)
    config.write_text(config.read_text() + 'key_label = "second"\n')
    assert run("token", "init", config=config).code == 0
    ran = run("token", "import", chain, config=config)
    assert ran.code == 6
    assert "[certificate_" in ran.err


@pytest.mark.parametrize(
    ("content", "code", "error"),
    [
        (None, 3, "file_unreadable"),
        (b"x" * 70_000, 3, "too_large"),
        (b"no certificate", 6, "certificate_file"),
    ],
    ids=["absent", "too large", "no PEM"],
)
def test_what_is_no_certificate_is_refused(
    content: bytes | None, code: int, error: str, config: Path, run: Run
) -> None:
    run("token", "init", config=config)
    file = config.parent / "chain.pem"
    if content is not None:
        file.write_bytes(content)
    ran = run("token", "import", file, config=config)
    assert (ran.code, ran.out) == (code, "")
    assert f"[{error}]" in ran.err


def test_settings_without_a_token_are_wrong_use(config: Path, run: Run) -> None:
    config.write_text("")
    ran = run("token", "show", config=config)
    assert ran.code == 2
    assert "[token_not_set]" in ran.err
