"""`token` prepares a real SoftHSM token; what the token refuses exits with 6."""

import datetime as dt
import json
import sqlite3
from contextlib import closing
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


def _actions(config: Path) -> list[str]:
    with closing(sqlite3.connect(config.parent / "var" / "gateway.sqlite")) as database:
        rows = database.execute("SELECT body FROM audit_records ORDER BY number").fetchall()
    return [json.loads(body)["action"] for (body,) in rows]


def test_every_step_is_on_record_before_and_after(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    request = run("token", "csr", "--common-name", "x", config=config).out
    run("token", "import", _issue(config, request), config=config)
    run("token", "forget-refusal", config=config)
    assert _actions(config) == [
        *("token.initialising", "token.initialised"),
        *("token.csr_requested", "token.csr_made"),
        *("token.certificate_importing", "token.certificate_imported"),
        *("token.refusal_forgetting", "token.refusal_forgotten"),
    ]


def test_a_step_that_failed_is_on_record(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    assert run("token", "init", config=config).code == 6
    assert _actions(config)[-2:] == ["token.initialising", "token.initialising_failed"]


def _shut_store(config: Path) -> None:
    """Let the settings name a store that cannot be opened; all else stays as it is."""
    (config.parent / "file").write_text("")
    url = f"sqlite+aiosqlite:///{config.parent / 'file' / 'gateway.sqlite'}"
    config.write_text(f'{config.read_text()}[store]\nurl = "{url}"\n')


def test_no_key_is_made_where_that_cannot_be_recorded(config: Path, run: Run) -> None:
    _shut_store(config)
    ran = run("token", "init", config=config)
    assert ran.code == 1
    assert "[store_unavailable]" in ran.err
    assert not (config.parent / "softhsm").exists()
    assert not (config.parent / "secrets").exists()


def test_no_certificate_is_imported_where_that_cannot_be_recorded(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    chain = _issue(config, run("token", "csr", "--common-name", "x", config=config).out)
    _shut_store(config)
    assert run("token", "import", chain, config=config).code == 1
    assert json.loads(run("token", "show", "--json", config=config).out)["certificate"] is None


def test_no_refusal_is_forgotten_where_that_cannot_be_recorded(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    _put_pin(config, "0000")
    run("token", "show", config=config)
    _shut_store(config)
    assert run("token", "forget-refusal", config=config).code == 1
    assert "not offered again" in run("token", "show", config=config).err


def test_every_verb_prints_json_for_machines(config: Path, run: Run) -> None:
    made = run("token", "init", "--json", config=config)
    assert json.loads(made.out)["label"] == "adt-gateway"
    request = json.loads(run("token", "csr", "--common-name", "x", "--json", config=config).out)["csr"]
    imported = run("token", "import", "--json", _issue(config, request), config=config)
    assert json.loads(imported.out)["certificate"]["subject"] == "CN=x"
    forgotten = run("token", "forget-refusal", "--json", config=config)
    assert json.loads(forgotten.out) == {"forgotten": True}
    assert made.err + imported.err + forgotten.err == ""


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


@pytest.mark.parametrize("verb", [["show"], ["csr", "--common-name", "x"]], ids=["show", "csr"])
def test_before_the_token_is_made_it_says_how_to_make_it(verb: list[str], config: Path, run: Run) -> None:
    ran = run("token", *verb, config=config)
    assert (ran.code, ran.out) == (6, "")
    assert "[token_not_made]" in ran.err
    assert "remedy: Make it: adt-gateway token init" in ran.err


def test_a_name_that_cannot_be_certified_exits_with_3(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    ran = run("token", "csr", "--common-name", "x", "--eui64", "12", config=config)
    assert (ran.code, ran.out) == (3, "")
    assert "[name_unusable]" in ran.err


def test_a_module_that_is_absent_exits_with_6(config: Path, run: Run) -> None:
    config.write_text(config.read_text().replace(str(find_softhsm()), "/nowhere/module.so"))
    ran = run("token", "show", config=config)
    assert ran.code == 6
    assert "[token_module]" in ran.err


def test_a_certificate_of_another_key_is_refused_with_3(config: Path, run: Run) -> None:
    run("token", "init", config=config)
    chain = _issue(config, run("token", "csr", "--common-name", "x", config=config).out)
    config.write_text(config.read_text() + 'key_label = "second"\n')
    assert run("token", "init", config=config).code == 0
    ran = run("token", "import", chain, config=config)
    assert ran.code == 3
    assert "[certificate_wrong_key]" in ran.err


@pytest.mark.parametrize(
    ("content", "code", "error"),
    [
        (None, 3, "file_unreadable"),
        (b"x" * 70_000, 3, "too_large"),
        (b"no certificate", 3, "certificate_file"),
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
