"""ADT files of other systems: what they put into a folder is submitted once, and somebody else approves it."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.adt import adt_text
from tests.support.api import FILES, wait_for
from tests.support.daemon import Daemon, row

SETTINGS: Final = {
    "drop_folder": "in",
    "drop_folder_person": "dora",
    "profile": str(Path(__file__).parents[2] / "config/profiles/adt-1.toml"),
}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path, token=False, adt_files=SETTINGS) as running:
        yield running


def good(level: int) -> bytes:
    return adt_text([row(level, level + 20, start=86_400)]).encode()


def put(daemon: Daemon, name: str, data: bytes) -> None:
    """Write a file elsewhere and move it in."""
    elsewhere = daemon.folder / "elsewhere"
    elsewhere.write_bytes(data)
    elsewhere.rename(daemon.folder / "in" / name)


def result(daemon: Daemon, name: str) -> Any:
    """Wait until a file is put away and return its result."""
    path = daemon.folder / "in" / name
    wait_for(name, lambda: os.path.lexists(path))
    return json.loads(path.with_name(f"{path.name}.result.json").read_bytes())


def wait_folder(daemon: Daemon) -> None:
    wait_for("the folder", (daemon.folder / "in/failed").is_dir)


def test_what_is_put_there_is_submitted_and_somebody_else_approves_it(daemon: Daemon) -> None:
    wait_folder(daemon)
    put(daemon, "good.csv", good(80))
    put(daemon, "bad.csv", good(80).replace(b",80,", b",many,"))
    number = result(daemon, "done/good.csv")["id"]
    assert daemon.as_("adam").file(number)["submitted_by"] == "dora"
    assert daemon.as_("dora").step(number, "approve").code == "second_person_required"
    daemon.as_("bob").step(number, "approve")  # there is no token here to sign with
    approved = daemon.as_("adam").file(number)
    assert (approved["state"], approved["approved_by"]) == ("approved", "bob")
    bad = result(daemon, "failed/bad.csv")
    assert (bad["state"], bad["faults"][0]["line"]) == ("refused", 2)
    assert bad["faults"][0]["remedy"]
    assert daemon.metric("dropped_adt_files_total", "submitted") == 1
    assert daemon.metric("dropped_adt_files_total", "refused") == 1
    parts = {part["part"]: part for part in daemon.stranger().get("/readyz").json["parts"]}
    assert (parts["adt-drop-folder"]["works"], parts["adt-drop-folder"]["needed"]) == (True, False)


def test_hostile_names_fail_and_the_next_file_is_taken(daemon: Daemon) -> None:
    wait_folder(daemon)
    (daemon.folder / "in/link.csv").symlink_to(daemon.config)
    put(daemon, "new\nline.csv", good(80))
    put(daemon, "l" * 251 + ".csv", good(80))
    put(daemon, "next.csv", good(90))
    assert result(daemon, "failed/link.csv")["code"] == "not_a_file"
    assert result(daemon, "failed/new\nline.csv")["code"] == "file_name"
    assert result(daemon, f"failed/{'l' * 200}")["code"] == "file_name"
    assert result(daemon, "done/next.csv")["state"] == "submitted"


def test_a_person_who_was_disabled_submits_nothing(daemon: Daemon) -> None:
    wait_folder(daemon)
    assert daemon.cli("user", "disable", "dora").returncode == 0
    put(daemon, "adt.csv", good(80))
    found = result(daemon, "failed/adt.csv")
    assert (found["state"], found["code"]) == ("not_permitted", "person_disabled")
    assert daemon.as_("adam").get(FILES).json["files"] == []


def test_killed_between_submission_and_result_nothing_is_submitted_twice(daemon: Daemon) -> None:
    """The result cannot be written at first, so that the kill surely comes between the two."""
    wait_folder(daemon)
    obstacle = daemon.folder / "in/done/.adt.csv.result.json"
    obstacle.mkdir()
    put(daemon, "adt.csv", good(80))
    wait_for("the submission", lambda: daemon.query("SELECT id FROM adt_files"))
    daemon.kill()
    assert [path.name for path in (daemon.folder / "in/.working").glob("*/*")] == ["adt.csv"]
    obstacle.rmdir()
    daemon.start()
    assert result(daemon, "done/adt.csv")["id"] == 1
    assert daemon.query("SELECT count(*) FROM adt_files") == [(1,)]
    assert daemon.actions("adt-file/1") == ["adt_file.submitted"]


def test_while_the_store_is_locked_a_file_waits(daemon: Daemon) -> None:
    wait_folder(daemon)
    with daemon.locked_database():
        put(daemon, "adt.csv", good(80))
        wait_for("the trouble", lambda: "files wait" in daemon.log)
        assert not (daemon.folder / "in/done/adt.csv").exists()
    assert result(daemon, "done/adt.csv")["state"] == "submitted"


def test_a_file_that_is_still_written_is_not_taken(daemon: Daemon) -> None:
    wait_folder(daemon)
    whole = good(80)
    path = daemon.folder / "in/slow.csv"
    with path.open("wb", buffering=0) as file:
        for number in range(0, len(whole), 40):
            file.write(whole[number : number + 40])
            time.sleep(0.7)  # as a slow writer does; shorter than a file must stand still
    assert result(daemon, "done/slow.csv")["state"] == "submitted"
