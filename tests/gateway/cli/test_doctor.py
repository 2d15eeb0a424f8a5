"""`doctor` as people and machines read it; what it finds is tested beside `gateway.doctor`."""

import json
from pathlib import Path

from tests.gateway.doctor.test_examine import NAMES
from tests.support.daemon import Daemon


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
