"""`doctor` as people and machines read it; what it finds is tested beside `gateway.doctor`."""

import json
from pathlib import Path

from hsm.initialise import find_softhsm
from tests.gateway.cli.conftest import Run
from tests.gateway.doctor.test_examine import NAMES
from tests.support.daemon import Daemon
from tests.support.softhsm import needs_softhsm


def test_the_command_prints_aligned_words_and_exits_with_1(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d", token=False, mqtt={"host": "127.0.0.1", "port": 1})
    ran = daemon.cli("doctor")
    assert ran.returncode == 1
    lines = ran.stdout.splitlines()
    findings = [line for line in lines if not line.startswith(" ")]
    assert {line.split()[0] for line in findings} <= {"ok", "warning", "failed", "unknown"}
    assert len(findings) == len(NAMES)
    column = lines[0].index(str(daemon.config))
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in lines)
    assert "\x1b" not in ran.stdout
    assert "failed" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_the_command_prints_json_and_exits_with_0_where_nothing_failed(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d", token=False)
    ran = daemon.cli("doctor", "--json")
    findings = json.loads(ran.stdout)["findings"]
    assert sorted(finding["name"] for finding in findings) == sorted(NAMES)
    assert {"name", "state", "what", "remedy"} == findings[0].keys()
    assert "failed" not in {finding["state"] for finding in findings}
    assert ran.returncode == 0
    assert ran.stderr == ""


def test_without_settings_one_line_says_how_much_was_not_looked_at(tmp_path: Path, run: Run) -> None:
    ran = run("doctor", config=tmp_path / "absent.toml")
    assert ran.code == 1
    settings, remedy, rest = ran.out.splitlines()
    assert settings.startswith("failed   settings")
    assert remedy.strip().startswith("remedy: ")
    assert " ".join(rest.split()[1:]).startswith(f"{len(NAMES) - 1} checks not looked at")
    found = json.loads(run("doctor", "--json", config=tmp_path / "absent.toml").out)["findings"]
    assert [finding["name"] for finding in found] == ["settings", *[n for n in NAMES if n != "settings"]]


@needs_softhsm
def test_before_the_token_is_made_it_says_how_to_make_it(tmp_path: Path, run: Run) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[token]\nmodule = "{find_softhsm()}"\npin_file = "t/pin"\ntrust_file = "t/trust.pem"\n'
        'softhsm_config = "t/softhsm2.conf"\n'
    )
    findings = json.loads(run("doctor", "--json", config=config).out)["findings"]
    remedies = {finding["name"]: finding["remedy"] for finding in findings}
    assert remedies["token"] == remedies["pin file"] == "Make it: adt-gateway token init"
