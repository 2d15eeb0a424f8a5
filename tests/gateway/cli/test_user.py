"""`user` manages people on the daemon's machine, each step on record."""

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text('data_directory = "var"\n')
    return path


def _records(config: Path) -> list[dict[str, object]]:
    with closing(sqlite3.connect(config.parent / "var" / "gateway.sqlite")) as database:
        rows = database.execute("SELECT body FROM audit_records ORDER BY number").fetchall()
    return [json.loads(body) for (body,) in rows]


def test_the_life_of_a_person(config: Path, run: Run) -> None:
    assert run("user", "add", "alice", "--role", "submitter", "--role", "auditor", config=config).code == 0
    issued = run("user", "issue-token", "alice", "--role", "submitter", config=config)
    assert issued.code == 0
    assert issued.out.startswith("adtgw_")
    assert len(issued.out.splitlines()) == 1
    assert run("user", "disable", "alice", config=config).code == 0
    again = run("user", "issue-token", "alice", config=config)
    assert (again.code, again.out) == (1, "")
    assert "[person_disabled]" in again.err
    records = _records(config)
    assert [record["action"] for record in records] == [
        "person.added",
        "access_token.issued",
        "person.disabled",
    ]
    assert {record["subject"] for record in records} == {"person/alice"}
    assert issued.out.strip() not in json.dumps(records)


def test_who_is_added_is_told_what_they_need_next(config: Path, run: Run) -> None:
    """People a password for the console, machines an access token."""
    person = run("user", "add", "alice", "--role", "submitter", config=config)
    first, second = person.err.splitlines()
    assert first.endswith("For the console they need a password: adt-gateway user set-password alice")
    assert second.startswith("For the command line")
    assert second.endswith("adt-gateway user issue-token alice")
    machine = run("user", "add", "head-end", "--role", "adaptor", config=config).err
    assert "set-password" not in machine
    assert "adt-gateway user issue-token head-end" in machine
    assert run("user", "add", "ann", "--role", "auditor", "--json", config=config).err == ""


def test_where_passwords_are_off_none_is_asked_for(config: Path, run: Run) -> None:
    text = config.read_text()
    table = '[oidc]\nissuer = "https://login.example"\nclient_id = "x"\norigin = "https://adt.example.com"\n'
    config.write_text(f'{text}{table}local_accounts = false\n[oidc.roles]\nadmins = "admin"\n')
    said = run("user", "add", "alice", "--role", "submitter", config=config)
    assert said.code == 0
    assert "set-password" not in said.err
    assert "adt-gateway user issue-token alice" in said.err


def test_an_access_token_is_kept_nowhere(config: Path, run: Run) -> None:
    run("user", "add", "alice", "--role", "submitter", config=config)
    token = run("user", "issue-token", "alice", config=config).out.strip().encode()
    for file in (config.parent / "var").iterdir():
        assert token not in file.read_bytes()


def test_everybody_is_listed(config: Path, run: Run) -> None:
    run("user", "add", "bob", "--role", "approver", config=config)
    run("user", "add", "alice", "--role", "submitter", config=config)
    run("user", "disable", "bob", config=config)
    listed = run("user", "list", "--json", config=config)
    assert json.loads(listed.out) == [
        {"name": "alice", "roles": ["submitter"], "disabled": False},
        {"name": "bob", "roles": ["approver"], "disabled": True},
    ]
    lines = run("user", "list", config=config).out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "alice", "bob"]
    assert "disabled" in lines[2]


def test_every_verb_prints_json_for_machines(config: Path, run: Run) -> None:
    added = run("user", "add", "alice", "--role", "submitter", "--json", config=config)
    assert json.loads(added.out) == {"name": "alice", "roles": ["submitter"]}
    issued = json.loads(run("user", "issue-token", "alice", "--json", config=config).out)
    assert issued["name"] == "alice"
    assert issued["access_token"].startswith("adtgw_")
    disabled = run("user", "disable", "alice", "--json", config=config)
    assert json.loads(disabled.out) == {"name": "alice", "disabled": True}
    assert added.err + disabled.err == ""


def test_an_empty_list_has_its_header(config: Path, run: Run) -> None:
    ran = run("user", "list", config=config)
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["add", "Alice", "--role", "submitter"], 3, "person_name"),
        (["add", "system", "--role", "submitter"], 3, "person_name"),
        (["add", "carol"], 3, "person_roles"),
        (["add", "bob", "--role", "submitter"], 1, "person_exists"),
        (["issue-token", "nobody"], 1, "person_unknown"),
        (["issue-token", "bob", "--role", "auditor"], 3, "person_roles"),
        (["disable", "nobody"], 1, "person_unknown"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_named(
    arguments: list[str], code: int, error: str, config: Path, run: Run
) -> None:
    run("user", "add", "bob", "--role", "approver", config=config)
    ran = run("user", *arguments, config=config)
    assert (ran.code, ran.out) == (code, "")
    assert f"[{error}]" in ran.err


def test_a_role_that_does_not_exist_is_wrong_use(config: Path, run: Run) -> None:
    assert run("user", "add", "alice", "--role", "king", config=config).code == 2


def test_the_database_is_readable_by_its_owner_alone(config: Path, run: Run) -> None:
    run("user", "add", "alice", "--role", "submitter", config=config)
    folder = config.parent / "var"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "gateway.sqlite").stat().st_mode & 0o077 == 0


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_the_first_admin_gets_a_password_from_standard_input(
    config: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("user", "add", "ada", "--role", "admin", config=config).code == 0
    typed(monkeypatch, "grey heron over the lake\nnext line\n")
    done = run("user", "set-password", "ada", config=config)
    assert (done.code, done.out) == (0, "")
    records = _records(config)
    assert records[-1]["action"] == "password.set"
    assert "heron" not in json.dumps(records)
    for file in (config.parent / "var").iterdir():
        assert b"heron" not in file.read_bytes()


@pytest.mark.parametrize("password", ["", "short", "password1234", "ada2026ada2026"])
def test_a_weak_password_is_refused_and_not_repeated(
    password: str, config: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("user", "add", "ada", "--role", "admin", config=config)
    typed(monkeypatch, f"{password}\n")
    done = run("user", "set-password", "ada", config=config)
    assert (done.code, "[password_refused]" in done.err) == (3, True)
    assert not password or password not in done.err + done.out


def test_roles_are_changed_and_tokens_listed_and_revoked(config: Path, run: Run) -> None:
    run("user", "add", "alice", "--role", "submitter", config=config)
    changed = run("user", "set-roles", "alice", "--role", "auditor", "--json", config=config)
    assert json.loads(changed.out) == {"name": "alice", "roles": ["auditor"]}
    run("user", "issue-token", "alice", "--days", "7", "--for", "evidence pack", config=config)
    (token,) = json.loads(run("user", "tokens", "alice", "--json", config=config).out)
    assert (token["number"], token["for"], token["roles"], token["state"]) == (
        1,
        "evidence pack",
        "auditor",
        "works",
    )
    assert "evidence pack" in run("user", "tokens", "alice", config=config).out
    assert run("user", "revoke-token", "alice", "1", config=config).code == 0
    (token,) = json.loads(run("user", "tokens", "alice", "--json", config=config).out)
    assert token["state"] == "revoked"
    assert [record["action"] for record in _records(config)][-1] == "access_token.revoked"
    refused = run("user", "issue-token", "alice", "--days", "367", config=config)
    assert (refused.code, "[access_token_days]" in refused.err) == (3, True)
