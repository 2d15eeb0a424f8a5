"""The life of an ADT file by the command line, with a real token, and how each refusal exits."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.conftest import Ran, Run
from tests.support.adt import adt_text
from tests.support.api import wait_for
from tests.support.daemon import Daemon, row
from tests.support.duis_messages import DEVICE_ID
from tests.support.softhsm import needs_softhsm
from tests.support.with_people import OTHER_SUPPLIER

As = Callable[..., Ran]


@pytest.fixture
def as_(signing_daemon: Daemon, as_person: Callable[[Daemon, str], None], run: Run) -> As:
    """Run a client verb as somebody at the daemon with a token."""

    def run_as(name: str, *arguments: str | Path) -> Ran:
        as_person(signing_daemon, name)
        return run(*arguments)

    return run_as


_numbers: Iterator[int] = iter(range(10, 10_000))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write an ADT file that no other test submits."""
    path = tmp_path / "adt.csv"
    path.write_text(adt_text([row(next(_numbers), 100_000, user=OTHER_SUPPLIER)]))
    return path


@needs_softhsm
def test_a_file_goes_from_submission_to_acknowledgement(
    file: Path, tmp_path: Path, as_: As, run: Run, signing_daemon: Daemon
) -> None:
    submitted = as_("alice", "submit", "--json", file)
    assert (submitted.code, submitted.err) == (0, "")
    number = str(json.loads(submitted.out)["id"])
    assert json.loads(as_("bob", "approve", "--json", number).out)["state"] == "delivered"
    fetched = as_("adam", "fetch", number, "-o", tmp_path / "out")
    assert fetched.code == 0
    csv, signature, receipt = map(Path, fetched.out.splitlines())
    assert csv.read_bytes() == file.read_bytes()
    assert json.loads(receipt.read_bytes())["submitted"]["by"] == "alice"
    trust = signing_daemon.ready_token.trust_file
    assert run("verify", csv, signature, "--trust", trust).code == 0
    assert as_("olga", "acknowledge", number, "--reference", "SMSR-1").code == 0
    listed = json.loads(as_("adam", "files", "--json").out)
    assert listed[0]["id"] == int(number)
    assert json.loads(as_("adam", "files", "--json", number).out)["name"] == "adt.csv"
    assert as_("adam", "files").out.splitlines()[0].startswith("number  state")
    assert as_("adam", "audit", "verify", "--receipt", receipt).code == 0


@pytest.mark.parametrize(
    ("who", "arguments"),
    [
        ("bob", ["submit", "FILE"]),
        ("olga", ["approve", "1"]),
        ("alice", ["reject", "1", "--reason", "x"]),
        ("ana", ["withdraw", "1", "--reason", "x"]),
        ("adaptor", ["files"]),
        ("adaptor", ["rates"]),
        ("adaptor", ["audit", "verify"]),
        ("alice", ["replay", "FILE"]),
        ("alice", ["incidents", "close", "1", "--reason", "x"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_what_a_person_may_not_do_exits_with_5(who: str, arguments: list[str], file: Path, as_: As) -> None:
    ran = as_(who, *(str(file) if argument == "FILE" else argument for argument in arguments))
    assert (ran.code, ran.out) == (5, "")
    assert "[role_missing]" in ran.err
    assert "remedy: " in ran.err


def test_nobody_approves_a_file_of_their_own(file: Path, as_: As) -> None:
    number = str(json.loads(as_("dora", "submit", "--json", file).out)["id"])
    ran = as_("dora", "approve", number)
    assert ran.code == 5
    assert "[second_person_required]" in ran.err
    assert as_("dora", "withdraw", number, "--reason", "a test").code == 0


def test_a_faulty_file_is_refused_with_its_faults(tmp_path: Path, as_: As) -> None:
    path = tmp_path / "faulty.csv"
    path.write_text(adt_text([row(80, 70)]))
    ran = as_("alice", "submit", path)
    assert ran.code == 3
    assert ran.out.startswith(f"{path}:2:")
    assert "error: " in ran.err
    problem = json.loads(as_("alice", "submit", "--json", path).out)
    assert problem["faults"][0]["line"] == 2


def test_a_number_that_does_not_exist_fails(as_: As) -> None:
    ran = as_("adam", "files", "999999")
    assert (ran.code, ran.out) == (1, "")
    assert "999999" in ran.err


def test_an_approval_without_a_token_exits_with_6(
    file: Path, daemon: Daemon, as_person: Callable[[Daemon, str], None], run: Run
) -> None:
    as_person(daemon, "alice")
    number = str(json.loads(run("submit", "--json", file).out)["id"])
    as_person(daemon, "bob")
    ran = run("approve", number)
    assert (ran.code, ran.out) == (6, "")
    assert "[token_not_set]" in ran.err
    as_person(daemon, "adam")
    assert json.loads(run("files", "--json", number).out)["state"] == "approved"
    assert json.loads(run("files", "--json", number).out)["signing_error"]["code"] == "token_not_set"
    shown = next(
        line for line in run("files", number).out.splitlines() if line.strip().startswith("not signed")
    )
    assert "no token is set [token_not_set], tried 2" in shown
    listed = next(line for line in run("files").out.splitlines() if line.split()[0] == number)
    assert "approved (token_not_set)" in listed
    fetched = run("fetch", number, "-o", file.parent / "out")
    assert (fetched.code, fetched.out) == (1, "")
    assert "it is approved; it was not signed at " in fetched.err
    assert "no token is set [token_not_set]" in fetched.err
    assert list((file.parent / "out").iterdir()) == []


@needs_softhsm
def test_a_level_that_is_passed_exits_with_4_and_is_told(
    tmp_path: Path, as_: As, signing_daemon: Daemon
) -> None:
    assert as_("adam", "rates").code == 0
    number = signing_daemon.put_in_force(row(1, 2))
    lines = [
        {
            "request_id": f"90-B3-D5-1F-30-01-00-00:{DEVICE_ID}:{counter}",
            "command_variant": 1,
            "service_reference_variant": "7.4",
        }
        for counter in range(4)
    ]
    requests = tmp_path / "requests.ndjson"
    requests.write_text("\n".join(map(json.dumps, lines)))
    assert as_("adaptor", "replay", requests).code == 0
    ran = as_("adam", "rates", "--json")
    assert ran.code == 4
    rate = next(rate for rate in json.loads(ran.out) if rate["file_id"] == number)
    assert (rate["count"], rate["quarantine"]) == (4, 2)
    assert as_("adam", "rates").code == 4
    wait_for("the incident", signing_daemon.incidents)
    incident = json.loads(as_("ana", "incidents", "--open", "--json").out)[0]
    shown = as_("ana", "incidents", "show", str(incident["id"]))
    assert shown.code == 0
    assert DEVICE_ID in shown.out
    _check_page(incident, shown.out, number)
    text = as_("adam", "rates").out.splitlines()
    assert text[0].split("  ")[-1] == "state"
    assert "time to breach" in text[0]
    assert "passed" in text[1]  # what is nearest to its level comes first
    closed = as_("ana", "incidents", "close", str(incident["id"]), "--as", "confirmed", "--reason", "a test")
    assert (closed.code, closed.out) == (0, "")
    assert "closed" in as_("ana", "incidents").out
    assert "by ana: a test" in as_("ana", "incidents", "show", str(incident["id"])).out


def _check_page(incident: dict[str, Any], out: str, number: int) -> None:
    """Compare the page of an incident with what the API says of it."""
    title, _, *rest = out.splitlines()
    assert title == f"Candidate incident {incident['id']}: {incident['title']}"
    said = {line[:14].strip(): line[16:] for line in rest if not line.startswith(" ")}
    assert said["state"] == "candidate"
    assert said["opened"].endswith(" UTC")
    assert said["count"] == "3 against the quarantine level of 2"
    assert said["set by"].endswith(f"line 2 (ADT file {number})")
    assert "submitted by alice, approved by bob" in out
    assert said["in excess"] == "2 requests:"
    assert said["audit record"] == str(incident["record"])
    assert f"incidents acknowledge {incident['id']} --reason" in said["what to do"]
    assert "{" not in out
