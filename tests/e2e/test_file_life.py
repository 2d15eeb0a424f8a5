"""The life of an ADT file: two persons, one way, every byte as it was submitted."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.support.adt import HEADER, adt_text
from tests.support.api import FILES, side_by_side
from tests.support.daemon import Daemon, row
from tests.support.pki import openssl_accepts_cms
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> list[str]:
    """Return a row that no other test submits."""
    level = int(hashlib.sha256(request.node.name.encode()).hexdigest()[:6], 16)
    return row(level, level + 1)


def test_a_submitter_never_approves_the_own_file_whatever_the_roles(daemon: Daemon, lines: list[str]) -> None:
    number = daemon.submit(lines, by="dora")
    refused = daemon.as_("dora").step(number, "approve")
    assert (refused.status, refused.code) == (403, "second_person_required")
    by_command = daemon.as_("dora").cli("approve", str(number))
    assert (by_command.returncode, "second_person_required" in by_command.stderr) == (5, True)
    without_role = daemon.as_("alice").step(number, "approve")
    assert (without_role.status, without_role.code) == (403, "role_missing")
    assert daemon.actions(f"adt-file/{number}") == [
        "adt_file.submitted",
        "adt_file.approval_refused",
        "adt_file.approval_refused",
    ]
    assert daemon.as_("dora").file(number)["state"] == "submitted"
    assert not daemon.as_("dora").file(number)["may_approve"]
    assert daemon.as_("bob").file(number)["may_approve"]


def test_two_approvers_at_once_make_one_approval_and_one_signature(daemon: Daemon, lines: list[str]) -> None:
    number = daemon.submit(lines)
    answers = side_by_side(
        *(lambda name=name: daemon.as_(name).step(number, "approve") for name in ("bob", "carol") * 2)
    )
    for answer in answers:
        assert answer.status == 200 or answer.code in {"adt_file_state", "adt_file_moved"}
    assert any(answer.status == 200 for answer in answers)
    actions = daemon.actions(f"adt-file/{number}")
    for once in ("approved", "signing", "signed"):
        assert actions.count(f"adt_file.{once}") == 1, actions
    assert daemon.as_("bob").file(number)["state"] == "delivered"


def test_rejected_and_withdrawn_files_go_no_further(daemon: Daemon, lines: list[str]) -> None:
    number = daemon.submit(lines)
    assert daemon.as_("bob").step(number, "reject").code == "reason_required"
    assert daemon.as_("bob").step(number, "reject", reason="wrong day").json["state"] == "rejected"
    number = daemon.submit(lines)  # the same bytes again, since the first copy is dead
    other = daemon.as_("sam").step(number, "withdraw", reason="mine?")
    assert (other.status, other.code) == (403, "not_your_file")
    assert daemon.as_("alice").step(number, "withdraw", reason="a slip").json["state"] == "withdrawn"
    for verb, name in (("approve", "bob"), ("reject", "bob"), ("withdraw", "alice")):
        late = daemon.as_(name).step(number, verb, reason="x")
        assert (late.status, late.code) == (409, "adt_file_state"), verb
    late = daemon.as_("olga").step(number, "acknowledge", reference="x")
    assert (late.status, late.code) == (409, "adt_file_state")
    assert daemon.as_("olga").step(number, "deliver").status == 409


def test_the_same_bytes_are_refused_while_a_copy_lives(daemon: Daemon, lines: list[str]) -> None:
    number = daemon.submit(lines)
    again = daemon.as_("sam").submit(adt_text([lines]).encode(), "other-name.csv")
    assert (again.status, again.code) == (409, "adt_file_duplicate")
    assert f"ADT file {number}" in again.json["detail"]
    answers = side_by_side(
        *[lambda: daemon.as_("alice").submit(adt_text([row(7_000_000, 7_000_001)]).encode())] * 3
    )
    assert sorted(answer.status for answer in answers) == [201, 409, 409]


def test_a_refused_file_leaves_all_its_faults_and_nothing_but_its_hash(daemon: Daemon) -> None:
    secret = b"UNIQUE-BYTES-OF-A-REFUSED-FILE"
    data = adt_text([row(5, 3), [*row(1, 2)[:7], "never"], [secret.decode()]]).encode()
    refused = daemon.as_("alice").submit(data)
    assert (refused.status, refused.code) == (422, "adt_file_refused")
    faults = {(fault["line"], fault["code"]) for fault in refused.json["faults"]}
    assert len(faults) >= 3
    assert {line for line, _ in faults} == {2, 3, 4}
    assert refused.json["fault_count"] == len(refused.json["faults"])
    (body,) = daemon.query("SELECT body FROM audit_records ORDER BY number DESC LIMIT 1")[0]
    record = json.loads(body)
    assert (record["action"], record["detail"]["sha256"]) == (
        "adt_file.refused",
        hashlib.sha256(data).hexdigest(),
    )
    for file in daemon.data.glob("gateway.sqlite*"):
        assert secret not in file.read_bytes()


def test_hostile_names_are_refused(daemon: Daemon, lines: list[str]) -> None:
    data = adt_text([lines]).encode()
    for name in (
        *("", ".csv", "../adt.csv", "/etc/adt.csv", "a/b.csv", "a\\b.csv", "a\0.csv", "a\n.csv"),
        *(
            "-rf.csv",
            "ä.csv",
            "a b.csv",
            'a".csv',
            "a.csv\r\nX: y",
            "x" * 200 + ".csv",
            "adt.csv ",
            "CON:.csv",
        ),
    ):
        refused = daemon.as_("alice").submit(data, name)
        assert (refused.status, refused.code) == (422, "file_name"), name
    assert (
        daemon.as_("alice").submit(data, "adt").code == "adt_file_refused"
    )  # the profile says what names look like
    assert daemon.as_("alice").ask("POST", FILES, data).code == "file_name"
    assert daemon.as_("alice").submit(b" " * (17 * 1024 * 1024)).status == 413


def test_what_is_downloaded_is_what_was_submitted_and_signed(
    daemon: Daemon, tmp_path: Path, lines: list[str]
) -> None:
    data = f"{HEADER}\r\n{','.join(lines)}\r\n".encode()
    number = int(daemon.as_("alice").submit(data, "day-1_v2.0.csv").json["id"])
    for part in ("signature", "receipt"):
        early = daemon.as_("adam").part(number, part)
        assert (early.status, early.code) == (404, "adt_file_part_missing")
    assert daemon.as_("bob").step(number, "approve").json["state"] == "delivered"
    content, signature, receipt = (
        daemon.as_("adam").part(number, part) for part in ("file", "signature", "receipt")
    )
    assert content.body == data
    assert content.headers["Content-Disposition"] == 'attachment; filename="day-1_v2.0.csv"'
    assert content.headers["X-Content-Type-Options"] == "nosniff"
    assert openssl_accepts_cms(tmp_path, data, signature.body, daemon.ready_token.trust_file)
    assert not openssl_accepts_cms(tmp_path, data + b" ", signature.body, daemon.ready_token.trust_file)
    folder = daemon.data / "delivered" / str(number)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "day-1_v2.0.csv": data,
        "day-1_v2.0.csv.p7s": signature.body,
        "day-1_v2.0.csv.receipt.json": receipt.body,
    }
    stated = receipt.json
    assert stated["file"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert stated["signature"]["sha256"] == hashlib.sha256(signature.body).hexdigest()
    assert (stated["submitted"]["by"], stated["approved"]["by"]) == ("alice", "bob")
    ((body, digest),) = daemon.query(
        "SELECT body, hash FROM audit_records WHERE number = ?", stated["audit_record"]["number"]
    )
    assert digest == stated["audit_record"]["hash"]
    assert json.loads(body)["action"] == "adt_file.signed"
    ((approval,),) = daemon.query(
        "SELECT body FROM audit_records WHERE number = ?", stated["approved"]["audit_record"]
    )
    assert json.loads(approval)["actor"] == "bob"


def test_the_command_line_fetches_and_verifies(daemon: Daemon, tmp_path: Path, lines: list[str]) -> None:
    number = daemon.deliver(lines, name="cli.csv")
    fetched = daemon.as_("alice").cli("fetch", str(number), "-o", tmp_path)
    assert fetched.returncode == 0
    file, trust = tmp_path / "cli.csv", daemon.ready_token.trust_file
    verify = ("verify", file, f"{file}.p7s", "--trust", trust)
    assert daemon.cli(*verify).returncode == 0
    assert daemon.verify_audit("--receipt", f"{file}.receipt.json").returncode == 0
    file.write_bytes(file.read_bytes() + b"\n")
    assert daemon.cli(*verify).returncode == 7


def test_a_file_that_is_not_there_is_not_found(daemon: Daemon) -> None:
    for number in ("0", "999999", "4294967296", "9999999999"):
        assert daemon.as_("adam").get(f"{FILES}/{number}").status == 404
        assert daemon.as_("bob").post(f"{FILES}/{number}/approve").status == 404
    for path in ("/api/v1/adt-files/-1", "/api/v1/adt-files/1/../..", "/api/v1/adt-files/99999999999"):
        assert daemon.as_("adam").get(path).code == "not_found"


def test_an_approval_that_is_sent_again_changes_nothing(daemon: Daemon, lines: list[str]) -> None:
    """The first answer may have been lost; the second says what has become of the file meanwhile."""
    number = daemon.deliver(lines)
    before = daemon.actions(f"adt-file/{number}")
    answer = daemon.as_("bob").step(number, "approve")
    assert (answer.status, answer.json["state"]) == (200, "delivered")
    assert daemon.actions(f"adt-file/{number}") == before


def test_a_file_that_the_store_refuses_fails_and_the_daemon_goes_on(tmp_path: Path) -> None:
    """What breaks a rule of the database would break it again: it is tried once, and said."""
    with Daemon(tmp_path / "d") as daemon:
        standing = daemon.put_in_force(row(80, 100))
        number = daemon.deliver(row(70, 90))
        daemon.change(
            "CREATE TRIGGER no BEFORE INSERT ON thresholds BEGIN SELECT RAISE(ABORT, 'a rule of mine'); END"
        )
        assert daemon.as_("olga").step(number, "acknowledge", reference="DCC-1").status == 200
        file = daemon.wait_state(number, "failed")
        assert "a rule of mine" in file["reason"]
        assert daemon.actions(f"adt-file/{number}")[-1] == "adt_file.failed"
        assert [rate["file_id"] for rate in daemon.rates()] == [standing]


def test_what_the_store_refuses_is_no_busy_gateway(tmp_path: Path) -> None:
    """500 and not 503: a sender who comes again would be refused again."""
    with Daemon(tmp_path / "d", token=False) as daemon:
        daemon.change(
            "CREATE TRIGGER no BEFORE INSERT ON adt_files BEGIN SELECT RAISE(ABORT, 'a rule of mine'); END"
        )
        answer = daemon.as_("alice").submit(adt_text([row(80, 100)]).encode())
        assert (answer.status, answer.code) == (500, "store_refused")
        assert "Retry-After" not in answer.headers
        assert daemon.actions("adt-file/1") == []


def test_bytes_that_somebody_changed_are_never_signed(daemon: Daemon) -> None:
    """The approval is for the bytes that were submitted."""
    number = daemon.submit(row(41, 43), name="changed.csv")
    daemon.change(
        "UPDATE adt_files SET content = CAST(replace(content, '43', '99') AS BLOB) WHERE id = ?", number
    )
    daemon.as_("bob").step(number, "approve")
    assert daemon.as_("adam").file(number)["state"] == "failed"
    assert daemon.as_("adam").part(number, "signature").status == 404
    assert daemon.actions(f"adt-file/{number}")[-2:] == ["adt_file.approved", "adt_file.failed"]
