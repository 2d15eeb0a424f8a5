"""`audit export` and `audit verify`, of the daemon and of an export on another machine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.conftest import Run
from tests.support.daemon import Daemon


@pytest.fixture
def export(daemon: Daemon, as_person: Callable[[Daemon, str], None], run: Run, tmp_path: Path) -> Path:
    as_person(daemon, "adam")
    ran = run("audit", "export")
    assert (ran.code, ran.err) == (0, "")
    path = tmp_path / "audit.ndjson"
    path.write_text(ran.out)
    return path


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def _receipt(path: Path, record: dict[str, Any], key: str) -> Path:
    receipt = path.with_name("receipt.json")
    receipt.write_text(json.dumps({key: {"number": record["number"], "hash": record["hash"]}}))
    return receipt


def test_an_intact_export_exits_with_0_and_names_its_end(export: Path, run: Run) -> None:
    last = _records(export)[-1]
    ran = run("audit", "verify", export)
    assert ran.code == 0
    assert ran.out.startswith("INTACT: ")
    assert last["hash"] in ran.out
    assert "cut off" in ran.err
    verdict = json.loads(run("audit", "verify", "--json", export).out)
    assert (verdict["intact"], verdict["last_number"]) == (True, last["number"])


def test_the_daemon_and_its_export_give_the_same_verdict(export: Path, run: Run) -> None:
    assert run("audit", "verify", "--json").out == run("audit", "verify", "--json", export).out


def test_a_changed_record_exits_with_7_and_is_named(export: Path, run: Run) -> None:
    records = _records(export)
    records[4]["body"] = records[4]["body"].replace('"actor":"test"', '"actor":"eve!"')
    _write(export, records)
    ran = run("audit", "verify", export)
    assert ran.code == 7
    assert ran.out.startswith("BROKEN at record 5: ")


def test_a_removed_record_exits_with_7(export: Path, run: Run) -> None:
    records = _records(export)
    del records[2]
    _write(export, records)
    assert run("audit", "verify", export).out.startswith("BROKEN at record 3: ")


@pytest.mark.parametrize("key", ["audit_record", "record"], ids=["receipt", "alert"])
def test_an_end_that_was_cut_off_shows_with_what_was_kept_elsewhere(key: str, export: Path, run: Run) -> None:
    records = _records(export)
    receipt = _receipt(export, records[-1], key)
    assert run("audit", "verify", export, "--receipt", receipt).code == 0
    _write(export, records[:-1])
    assert run("audit", "verify", export).code == 0
    ran = run("audit", "verify", export, "--receipt", receipt)
    assert ran.code == 7
    assert f"record {records[-1]['number']}" in ran.out


def test_a_record_that_a_receipt_knows_otherwise_exits_with_7(export: Path, run: Run) -> None:
    first, second = _records(export)[:2]
    receipt = _receipt(export, first | {"hash": second["hash"]}, "audit_record")
    assert run("audit", "verify", export, "--receipt", receipt).code == 7


@pytest.mark.parametrize(
    "content", ["no JSON\n", "[]\n", '{"number":1}\n', '{"number":"x","body":1,"hash":2}\n']
)
def test_what_is_no_export_exits_with_3(content: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "export"
    path.write_text(content)
    ran = run("audit", "verify", path)
    assert (ran.code, ran.out) == (3, "")
    assert f"{path}:1 " in ran.err
    assert "[export_malformed]" in ran.err


@pytest.mark.parametrize("content", [None, "no JSON", "[]", "{}", '{"record":{"number":1}}'])
def test_what_is_no_receipt_exits_with_3(content: str | None, export: Path, run: Run) -> None:
    path = export.with_name("receipt.json")
    if content is not None:
        path.write_text(content)
    ran = run("audit", "verify", export, "--receipt", path)
    assert (ran.code, ran.out) == (3, "")
    assert "[receipt_malformed]" in ran.err or "[file_unreadable]" in ran.err
