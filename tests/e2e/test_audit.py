"""The audit chain: whatever is changed behind the daemon's back is found and named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.audit.record import AuditRecord, Entry, append
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm

TABLE = "audit_records (number, subject, body, hash)"


@pytest.fixture(scope="module")
def receipt(daemon: Daemon) -> Path:
    """Return the receipt of a file, kept elsewhere."""
    number = daemon.put_in_force(row(3, 5))
    path = daemon.folder / "receipt.json"
    path.write_bytes(daemon.as_("alice").part(number, "receipt").body)
    return path


@pytest.fixture
def chain(daemon: Daemon, receipt: Path) -> Iterator[list[AuditRecord]]:
    """Return the chain, and put it back after the test."""
    assert receipt.exists()
    rows = daemon.query("SELECT number, subject, body, hash FROM audit_records ORDER BY number")
    yield [AuditRecord(number, body, digest) for number, _, body, digest in rows]
    daemon.change("DELETE FROM audit_records")
    for values in rows:
        daemon.change(f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?)", *values)


def broken_at(daemon: Daemon, *arguments: str | Path) -> int:
    """Return the number at which the chain is found to be broken."""
    verified = daemon.verify_audit("--json", *arguments)
    assert verified.returncode == 7, verified
    verdict = json.loads(verified.stdout)
    assert not verdict["intact"]
    assert f"{verdict['wrong_number']}" in verdict["reason"]
    return int(verdict["wrong_number"])


def signed_record(receipt: Path) -> int:
    return int(json.loads(receipt.read_bytes())["audit_record"]["number"])


def test_an_untouched_chain_is_intact_and_holds_the_receipt(daemon: Daemon, receipt: Path) -> None:
    assert daemon.verify_audit().returncode == 0
    assert daemon.verify_audit("--receipt", receipt).returncode == 0


def test_a_changed_record_is_named(daemon: Daemon, chain: list[AuditRecord]) -> None:
    number = len(chain) // 2
    daemon.change("UPDATE audit_records SET body = replace(body, 'test', 'tost') WHERE number = ?", number)
    assert broken_at(daemon) == number
    assert f"BROKEN at record {number}" in daemon.verify_audit().stdout


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", "text", b"[" * 100_000, b"null"])
def test_a_record_that_is_no_record_any_more_is_named(
    daemon: Daemon, chain: list[AuditRecord], body: bytes | str
) -> None:
    assert chain
    daemon.change("UPDATE audit_records SET body = ? WHERE number = 4", body)
    assert broken_at(daemon) == 4


def test_a_changed_hash_is_named(daemon: Daemon, chain: list[AuditRecord]) -> None:
    daemon.change("UPDATE audit_records SET hash = ? WHERE number = 3", chain[3].hash)
    assert broken_at(daemon) == 3


def test_a_removed_record_is_named(daemon: Daemon, chain: list[AuditRecord]) -> None:
    number = len(chain) - 2
    daemon.change("DELETE FROM audit_records WHERE number = ?", number)
    assert broken_at(daemon) == number


def test_an_inserted_record_is_named(daemon: Daemon, chain: list[AuditRecord]) -> None:
    place = len(chain) - 3
    daemon.change("UPDATE audit_records SET number = -number - 1 WHERE number > ?", place)
    daemon.change("UPDATE audit_records SET number = -number WHERE number < 0")
    forged = append(chain[place - 1], Entry("bob", "adt_file.approved", "adt-file/9"), "2026-01-01T00:00:00Z")
    daemon.change(f"INSERT INTO {TABLE} VALUES (?, 'x', ?, ?)", forged.number, forged.body, forged.hash)
    assert broken_at(daemon) == place + 2


def test_a_record_that_was_computed_anew_is_named_by_the_next(
    daemon: Daemon, chain: list[AuditRecord]
) -> None:
    number = len(chain) - 4
    forged = append(chain[number - 2], Entry("eve", "x", "y"), "2026-01-01T00:00:00Z")
    daemon.change(
        "UPDATE audit_records SET body = ?, hash = ? WHERE number = ?", forged.body, forged.hash, number
    )
    assert broken_at(daemon) == number + 1


def test_a_chain_that_was_computed_anew_is_found_by_a_receipt(
    daemon: Daemon, chain: list[AuditRecord], receipt: Path
) -> None:
    start = signed_record(receipt) - 2
    previous = chain[start - 2]
    for record in chain[start - 1 :]:
        said = json.loads(record.body)
        actor = "mallory" if record.number == start else said["actor"]
        previous = append(previous, Entry(actor, said["action"], said["subject"], said["detail"]), said["at"])
        daemon.change(
            "UPDATE audit_records SET body = ?, hash = ? WHERE number = ?",
            previous.body,
            previous.hash,
            previous.number,
        )
    assert daemon.verify_audit().returncode == 0
    assert broken_at(daemon, "--receipt", receipt) == signed_record(receipt)


def test_an_end_that_was_cut_off_is_found_by_a_receipt(
    daemon: Daemon, chain: list[AuditRecord], receipt: Path
) -> None:
    assert chain
    daemon.change("DELETE FROM audit_records WHERE number >= ?", signed_record(receipt))
    assert daemon.verify_audit().returncode == 0
    assert broken_at(daemon, "--receipt", receipt) == signed_record(receipt)


def test_an_export_is_verified_without_the_daemon(daemon: Daemon, receipt: Path, tmp_path: Path) -> None:
    exported = daemon.as_("adam").cli("audit", "export").stdout
    export = tmp_path / "export.jsonl"
    export.write_text(exported)
    nobody = daemon.stranger()
    assert nobody.cli("audit", "verify", export, "--receipt", receipt).returncode == 0
    export.write_text(exported.replace("adt_file.approved", "adt_file.Approved"))
    assert nobody.cli("audit", "verify", export).returncode == 7
