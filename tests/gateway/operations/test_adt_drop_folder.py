"""Files of the ADT drop folder: submitted once, in one person's name, and put away with their result."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import Person, Role
from gateway.errors import Unavailable
from gateway.health import Health
from gateway.operations.adt_drop_folder import AdtDropFolder
from gateway.operations.dropped_adt_file import SETTLED_SECONDS, Settling, free_name
from gateway.operations.files import FILE_BYTES, Files
from gateway.operations.people import add_person, disable_person
from gateway.operations.rules import Rulebook, load_rules
from gateway.settings import Settings
from gateway.store.adt_files import StoredFile, list_files
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from gateway.store.schema import adt_files
from tests.support.adt import GOOD_ROW, NOW, ROOT, SUPPLIER, adt_text

GOOD: Final = adt_text([GOOD_ROW]).encode()
ALICE: Final = Person("alice", frozenset({Role.SUBMITTER}))


class Place:
    """A drop folder over a real store, with a clock of its own."""

    def __init__(self, folder: Path, database: Database, person: str = "alice") -> None:
        self.folder = folder / "in"
        self.folder.mkdir(exist_ok=True)
        self.database = database
        self.now = 0.0
        profile = ROOT / "config/profiles/adt-1.toml"
        users = [{"user_id": SUPPLIER, "roles": ["IS", "GS"]}]
        settings = Settings.model_validate({"adt_files": {"profile": profile}, "service_users": users})
        self.files = Files(database, Rulebook(load_rules(settings)), lambda: NOW)
        self.drop = AdtDropFolder(self.folder, person, database, self.files, Health(), lambda: NOW)

    def put(self, name: str, data: bytes = GOOD) -> None:
        (self.folder / name).write_bytes(data)

    async def look(self) -> None:
        """Look once, and again when what is there has stood still for long enough."""
        await self.drop.look(self.now)
        self.now += SETTLED_SECONDS
        await self.drop.look(self.now)

    def result(self, name: str) -> Any:
        """Return the result of a file, which lies beside it."""
        assert os.path.lexists(self.folder / name)
        return json.loads((self.folder / f"{name}.result.json").read_bytes())

    async def stored(self) -> list[StoredFile]:
        async with self.database.read() as connection:
            return await list_files(connection)


@pytest.fixture
async def place(tmp_path: Path, sqlite: Database) -> Place:
    await add_person(sqlite, "test", "alice", (Role.SUBMITTER,), NOW)
    await add_person(sqlite, "test", "bob", (Role.APPROVER,), NOW)
    return Place(tmp_path, sqlite)


async def test_a_good_file_is_submitted_and_lies_in_done_with_its_result(place: Place) -> None:
    place.put("adt.csv")
    await place.look()
    (stored,) = await place.stored()
    assert (stored.name, stored.submitted_by, stored.state) == ("adt.csv", "alice", "submitted")
    result = place.result("done/adt.csv")
    assert result.pop("at") == "2026-11-21T00:00:00.000Z"
    assert result == {
        "file": "adt.csv",
        "state": "submitted",
        "sha256": hashlib.sha256(GOOD).hexdigest(),
        "id": stored.id,
        "fault_count": 0,
        "faults": [],
        "warnings": result["warnings"],
        "code": "",
        "message": "",
        "remedy": "",
    }
    assert (place.folder / "done/adt.csv").read_bytes() == GOOD
    assert list((place.folder / ".working").iterdir()) == []
    (record,) = await read_records(place.database, subject=stored.subject)
    assert json.loads(record.body)["detail"]["via"] == "drop folder"


async def test_a_faulty_file_lies_in_failed_with_line_and_remedy(place: Place) -> None:
    place.put("bad.csv", GOOD.replace(b",80,", b",many,"))
    await place.look()
    result = place.result("failed/bad.csv")
    assert (result["state"], result["code"], result["id"]) == ("refused", "adt_file_refused", None)
    assert result["fault_count"] == len(result["faults"]) == 1
    assert result["faults"][0]["line"] == 2
    assert result["faults"][0]["remedy"]
    assert await place.stored() == []


async def test_a_file_that_changes_is_not_taken(place: Place) -> None:
    for size in range(3):
        place.put("adt.csv", GOOD[: 10 * (size + 1)])
        await place.drop.look(place.now)
        place.now += SETTLED_SECONDS
    assert (place.folder / "adt.csv").exists()
    place.put("adt.csv")
    await place.look()
    assert place.result("done/adt.csv")["state"] == "submitted"


async def test_the_same_bytes_again_are_refused_and_name_the_first(place: Place) -> None:
    place.put("adt.csv")
    await place.look()
    for name in ("failed/adt.csv", "failed/adt-2.csv"):
        place.put("adt.csv")
        await place.look()
        assert place.result(name)["code"] == "adt_file_duplicate"
        assert place.result(name)["id"] == place.result("done/adt.csv")["id"]
    assert len(await place.stored()) == 1


async def test_nothing_in_done_is_replaced(place: Place) -> None:
    place.put("adt.csv")
    await place.look()
    (place.folder / "done/adt.csv").unlink()  # its result stays
    place.put("adt.csv", adt_text([(*GOOD_ROW[:5], "120", *GOOD_ROW[6:])]).encode())
    await place.look()
    first = json.loads((place.folder / "done/adt.csv.result.json").read_bytes())
    assert place.result("done/adt-2.csv")["id"] > first["id"]


async def test_hostile_names_and_things_are_refused_and_never_followed(place: Place, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(GOOD)
    (place.folder / "link.csv").symlink_to(secret)
    os.mkfifo(place.folder / "pipe.csv")
    for name in ("new\nline.csv", "notes.txt", "l" * 251 + ".csv", os.fsdecode(b"\xff.csv"), "a\\b.csv"):
        place.put(name)
    with (place.folder / "huge.csv").open("wb") as file:
        file.truncate(FILE_BYTES + 1)
    (place.folder / "sub.csv").mkdir()
    place.put(".hidden.csv")
    await place.look()
    found = [json.loads(path.read_bytes()) for path in (place.folder / "failed").glob("*.json")]
    assert {result["file"]: result["code"] for result in found} == {
        "link.csv": "not_a_file",
        "pipe.csv": "not_a_file",
        "new\nline.csv": "file_name",
        "notes.txt": "ending_unknown",
        "l" * 251 + ".csv": "file_name",
        "\\xff.csv": "file_name",
        "a\\b.csv": "file_name",
        "huge.csv": "too_large",
    }
    assert secret.read_bytes() == GOOD
    assert await place.stored() == []
    assert sorted(path.name for path in place.folder.iterdir() if path.name.endswith(".csv")) == [
        ".hidden.csv",
        "sub.csv",
    ]


@pytest.mark.parametrize(
    ("person", "code"), [("nobody", "person_unknown"), ("bob", "role_missing"), ("gone", "person_disabled")]
)
async def test_who_may_not_submit_submits_nothing(
    place: Place, tmp_path: Path, person: str, code: str
) -> None:
    await add_person(place.database, "test", "gone", (Role.SUBMITTER,), NOW)
    await disable_person(place.database, "test", "gone", NOW)
    other = Place(tmp_path, place.database, person)
    other.put("adt.csv")
    await other.look()
    result = other.result("failed/adt.csv")
    assert (result["state"], result["code"]) == ("not_permitted", code)
    assert person in result["message"]
    assert await other.stored() == []


async def test_what_was_submitted_before_a_crash_is_not_submitted_again(place: Place, tmp_path: Path) -> None:
    """Not even where it was withdrawn since, when the store would take the same bytes."""
    place.put("adt.csv")
    await place.drop.look(0)
    place.drop._take("adt.csv", 0)
    file, _ = await place.files.submit(ALICE, "adt.csv", GOOD)
    await place.files.withdraw(ALICE, file.id, "wrong")
    again = Place(tmp_path, place.database)
    await again.drop.look(0)
    assert again.result("done/adt.csv")["id"] == file.id
    assert len(await again.stored()) == 1


async def test_what_was_withdrawn_before_it_is_put_there_anew_is_submitted(place: Place) -> None:
    file, _ = await place.files.submit(ALICE, "adt.csv", GOOD)
    await place.files.withdraw(ALICE, file.id, "too early")
    place.put("adt.csv")
    await place.look()
    assert place.result("done/adt.csv")["id"] > file.id


async def test_while_the_store_is_away_files_wait(place: Place) -> None:
    await place.drop.look(0)
    place.put("adt.csv")
    async with place.database.write() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE {adt_files.name} RENAME TO away")
    with pytest.raises(Unavailable):
        await place.look()
    assert (place.folder / "adt.csv").exists()
    async with place.database.write() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE away RENAME TO {adt_files.name}")
    await place.look()
    assert place.result("done/adt.csv")["state"] == "submitted"


@pytest.mark.parametrize("name", [".working", "done", "failed"])
async def test_results_are_not_written_where_a_link_leads(place: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (place.folder / name).symlink_to(tmp_path / "elsewhere")
    place.put("adt.csv")
    with pytest.raises(NotADirectoryError, match=f"{name} is a link"):
        await place.look()
    assert await place.stored() == []
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_a_file_that_cannot_be_put_away_is_refused_once(place: Place) -> None:
    await place.drop.look(0)
    obstacle = place.folder / "failed/.bad.csv.result.json"  # where the result is written at first
    obstacle.mkdir()
    place.put("bad.csv", b"nothing")
    for _ in range(3):
        with pytest.raises(IsADirectoryError):
            await place.look()
    obstacle.rmdir()
    await place.look()
    assert place.result("failed/bad.csv")["code"] == "adt_file_refused"
    records = await read_records(place.database, subject="adt-file")
    assert [json.loads(record.body)["action"] for record in records] == ["adt_file.refused"]
    assert json.loads(records[0].body)["detail"]["via"] == "drop folder"


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.5, 1.0, 3.0])), max_size=30))
def test_a_file_is_settled_once_it_stood_still(steps: list[tuple[int, float]]) -> None:
    settling, now, since, last = Settling(), 0.0, 0.0, -1
    for version, pause in steps:
        now += pause
        if version != last:
            since, last = now, version
        assert settling.settled({"a": (version,)}, now) == (["a"] if now - since >= SETTLED_SECONDS else [])


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    assert free_name(tmp_path, "a.csv") == "a.csv"
    (tmp_path / "a.csv.result.json").touch()
    (tmp_path / "a-2.csv").symlink_to("nothing")
    assert free_name(tmp_path, "a.csv") == "a-3.csv"
    assert len(free_name(tmp_path, "l" * 255)) == 200
