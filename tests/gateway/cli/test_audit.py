"""`audit export` and `audit verify`, of the daemon and of an export on another machine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.alerts.message import SCHEMA as ALERT
from gateway.audit.record import record_hash
from tests.gateway.cli.conftest import Ran, Run
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm


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


def _alert(path: Path, *records: dict[str, Any]) -> Path:
    """Write a file of alerts that name *records*, as the file channel does."""
    lines = [
        json.dumps({"schema": ALERT, "record": {"number": record["number"], "hash": record["hash"]}})
        for record in records
    ]
    alerts = path.with_name("alerts.jsonl")
    alerts.write_text("\n".join(lines) + "\n")
    return alerts


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


def test_records_without_content_exit_with_8_and_are_named(export: Path, run: Run) -> None:
    """Whoever blanks a signature and calls it withheld has to bear that its number is said."""
    records = _records(export)
    for place in (2, 4, 5):
        records[place] |= {"body": "", "withheld": True}
    _write(export, records)
    ran = run("audit", "verify", export)
    assert ran.code == 8
    assert "NOT VERIFIED: 3 records came without content (withheld): 3, 5-6." in ran.out
    ran = run("audit", "verify", "--json", export)
    assert (ran.code, json.loads(ran.out)["withheld_numbers"]) == (8, [3, 5, 6])


def test_a_removed_record_exits_with_7(export: Path, run: Run) -> None:
    records = _records(export)
    del records[2]
    _write(export, records)
    assert run("audit", "verify", export).out.startswith("BROKEN at record 3: ")


def test_an_end_that_was_cut_off_shows_with_what_was_kept_elsewhere(export: Path, run: Run) -> None:
    records = _records(export)
    alert = _alert(export, records[-1])
    ran = run("audit", "verify", export, "--receipt", alert)
    assert (ran.code, ran.err) == (0, "Compared with it: 0 receipts, 1 alerts.\n")
    _write(export, records[:-1])
    assert run("audit", "verify", export).code == 0
    ran = run("audit", "verify", export, "--receipt", alert)
    assert ran.code == 7
    assert f"record {records[-1]['number']}" in ran.out


def test_every_line_of_a_file_of_alerts_is_an_anchor(export: Path, run: Run) -> None:
    first, second, *_, last = _records(export)
    assert run("audit", "verify", export, "--receipt", _alert(export, first, second, second, last)).code == 0
    alerts = _alert(export, first, second | {"hash": "0" * 64}, last)
    ran = run("audit", "verify", export, "--receipt", alerts)
    assert ran.code == 7
    assert ran.out.startswith("BROKEN at record 2: ")


@pytest.mark.parametrize("event", ["test", "heartbeat"])
def test_tests_and_heartbeats_in_a_file_of_alerts_anchor_nothing(export: Path, run: Run, event: str) -> None:
    alerts = _alert(export, _records(export)[-1])
    alerts.write_text(
        json.dumps({"schema": ALERT, "event": event, "record": None}) + "\n" + alerts.read_text()
    )
    ran = run("audit", "verify", export, "--receipt", alerts)
    assert (ran.code, ran.err) == (0, "Compared with it: 0 receipts, 1 alerts.\n")
    alerts.write_text(json.dumps({"schema": ALERT, "event": "opened", "record": None}))
    assert run("audit", "verify", export, "--receipt", alerts).code == 3


def test_a_line_of_a_file_of_alerts_that_is_none_is_named(export: Path, run: Run) -> None:
    alerts = _alert(export, *_records(export)[:2])
    alerts.write_text(alerts.read_text() + '{"schema": "adt-ga')
    ran = run("audit", "verify", export, "--receipt", alerts)
    assert (ran.code, ran.out) == (3, "")
    assert f"{alerts}:3 " in ran.err
    assert "[receipt_malformed]" in ran.err


def test_two_alerts_that_name_other_hashes_of_one_record_disagree(export: Path, run: Run) -> None:
    first = _records(export)[0]
    ran = run("audit", "verify", export, "--receipt", _alert(export, first, first | {"hash": "0" * 64}))
    assert ran.code == 3
    assert "[receipts_disagree]" in ran.err


@pytest.mark.parametrize("content", ["", "\n"], ids=["empty", "a blank line"])
def test_an_export_without_records_exits_with_8_or_is_none(content: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "export"
    path.write_text(content)
    ran = run("audit", "verify", path)
    assert ran.code == (3 if content else 8)
    assert ("[nothing_to_verify]" in ran.out) is not bool(content)


def test_an_export_without_records_says_so_to_machines(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "export"
    path.write_bytes(b"")
    ran = run("audit", "verify", "--json", path)
    assert ran.code == 8
    assert json.loads(ran.out)["code"] == "nothing_to_verify"
    assert json.loads(ran.out)["intact"] is None


def test_the_end_that_a_receipt_names_is_missed_in_an_empty_export(
    export: Path, tmp_path: Path, run: Run
) -> None:
    alert = _alert(export, _records(export)[0])
    (tmp_path / "empty").write_bytes(b"")
    assert run("audit", "verify", tmp_path / "empty", "--receipt", alert).code == 7


DEEP = "[" * 200_000 + "]" * 200_000


@pytest.mark.parametrize(
    "content",
    [DEEP, '{"number":1,"body":"","hash":"","x":' + DEEP + "}", '{"number":1e999,"body":"","hash":""}'],
    ids=["deep", "deep beside", "no number"],
)
def test_a_hostile_export_exits_with_3(content: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "export"
    path.write_text(content)
    ran = run("audit", "verify", path)
    assert (ran.code, ran.out) == (3, "")
    assert "[export_malformed]" in ran.err


def test_a_hostile_record_within_an_export_is_wrong(tmp_path: Path, run: Run) -> None:
    """Its hash is right, its content is deeper than any record."""
    body = '{"action":"adt_file.signed","x":' + DEEP + "}"
    path = tmp_path / "export"
    path.write_text(json.dumps({"number": 1, "body": body, "hash": record_hash(body.encode())}))
    assert run("audit", "verify", path).code == 7


def test_a_hostile_receipt_exits_with_3(export: Path, run: Run) -> None:
    path = export.with_name("receipt.json")
    path.write_text('{"schema":' + DEEP + "}")
    ran = run("audit", "verify", export, "--receipt", path)
    assert (ran.code, ran.out) == (3, "")
    assert "[receipt_malformed]" in ran.err


def test_an_export_is_the_same_with_json(export: Path, run: Run) -> None:
    assert run("audit", "export", "--json").out == export.read_text()


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


@pytest.mark.parametrize(
    "content",
    [
        *(None, "", "no JSON", "[]", "{}", '{"record":{"number":1,"hash":"x"}}'),
        '{"schema":"adt-gateway-alert-1","record":{"number":1}}',
        '{"schema":"adt-gateway-alert-1","record":{"number":"1","hash":"x"}}',
        '{"schema":"adt-gateway-receipt-1","audit_record":{"number":1,"hash":"x"}}',
    ],
)
def test_what_is_no_receipt_exits_with_3(content: str | None, export: Path, run: Run) -> None:
    path = export.with_name("receipt.json")
    if content is not None:
        path.write_text(content)
    ran = run("audit", "verify", export, "--receipt", path)
    assert (ran.code, ran.out) == (3, "")
    assert "[receipt_malformed]" in ran.err or "[file_unreadable]" in ran.err


@pytest.fixture(scope="module")
def receipt(signing_daemon: Daemon) -> dict[str, Any]:
    """Return a real receipt, of the second file of the daemon."""
    for name in ("first.csv", "second.csv"):
        number = signing_daemon.deliver(row(3, 5), row(3, len(name), service="7.5"), name=name)
    found: dict[str, Any] = signing_daemon.as_("alice").part(number, "receipt").json
    return found


CHANGES = {
    "file.name": "other.csv",
    "file.sha256": "0" * 64,
    "file.profile": "other",
    "file.rows": 3,
    "signature.name": "other.csv.p7s",
    "signature.sha256": "0" * 64,
    "signature.container": "raw-base64",
    "certificate.serial": "00",
    "token.serial": "00",
    "submitted.by": "eve",
    "submitted.at": "2026-01-01T00:00:00.000Z",
    "approved.by": "eve",
    "approved.at": "yesterday",
    "approved.audit_record": 1,
}


@needs_softhsm
class TestReceipts:
    """Every field of a receipt that the chain holds too is compared with it."""

    @pytest.fixture
    def verify(
        self,
        receipt: dict[str, Any],
        signing_daemon: Daemon,
        as_person: Callable[[Daemon, str], None],
        run: Run,
        tmp_path: Path,
    ) -> Callable[..., Ran]:
        """Verify with the receipt after a change to it."""
        as_person(signing_daemon, "adam")

        def verify(changes: dict[str, Any], *options: str) -> Ran:
            changed = json.loads(json.dumps(receipt))
            for field, value in changes.items():
                section, name = field.split(".")
                assert changed[section][name] != value
                changed[section][name] = value
            path = tmp_path / "receipt.json"
            path.write_text(json.dumps(changed, indent=2))
            return run("audit", "verify", "--receipt", path, *options)

        return verify

    def test_a_receipt_as_it_was_written_exits_with_0(self, verify: Callable[..., Ran]) -> None:
        ran = verify({})
        assert (ran.code, ran.err) == (0, "Compared with it: 1 receipts, 0 alerts.\n")
        assert "WRONG" not in ran.out

    @pytest.mark.parametrize("field", CHANGES)
    def test_a_changed_field_exits_with_7_and_is_named(self, field: str, verify: Callable[..., Ran]) -> None:
        ran = verify({field: CHANGES[field]})
        assert ran.code == 7
        assert f": {field}: " in ran.out
        answer = json.loads(verify({field: CHANGES[field]}, "--json").out)
        assert (answer["intact"], len(answer["receipt_faults"]) > 0) == (True, True)

    def test_a_receipt_that_names_a_record_of_no_signature_is_wrong(
        self, receipt: dict[str, Any], verify: Callable[..., Ran], run: Run
    ) -> None:
        records = [json.loads(line) for line in run("audit", "export").out.splitlines()]
        number = receipt["audit_record"]["number"] - 1
        place = {"audit_record.number": number, "audit_record.hash": records[number - 1]["hash"]}
        ran = verify(place)
        assert ran.code == 7
        assert "is of no signature" in ran.out

    def test_a_receipt_that_lacks_a_field_is_none(
        self, receipt: dict[str, Any], verify: Callable[..., Ran], run: Run, tmp_path: Path
    ) -> None:
        verify({})
        path = tmp_path / "less.json"
        path.write_text(json.dumps({key: value for key, value in receipt.items() if key != "approved"}))
        ran = run("audit", "verify", "--receipt", path)
        assert ran.code == 3
        assert "`approved`" in ran.err
