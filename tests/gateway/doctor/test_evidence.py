"""Whatever somebody changes of files and thresholds behind the daemon's back is found, with its place."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.doctor.examine import examine
from gateway.doctor.finding import Finding, State
from gateway.doctor.in_force import expected_rows
from gateway.store.adt_files import FileState, move_file
from gateway.store.thresholds import (
    insert_thresholds,
    supersede_rows,
    supersede_users,
    thresholds_in_force,
)
from tests.support.adt import GAS_SUPPLIER, GOOD_ROW, NOW, SUPPLIER, adt_text, check
from tests.support.daemon import Daemon, row
from tests.support.databases import opened, store_settings
from tests.support.rows import submitted
from tests.support.softhsm import needs_softhsm
from thresholds.profile import Replaces


def _look(daemon: Daemon) -> dict[str, Finding]:
    found = asyncio.run(examine(daemon.config, time.time()))
    return {
        finding.name: finding for finding in found if finding.name in {"adt files", "thresholds in force"}
    }


def _states(daemon: Daemon) -> list[State]:
    return [finding.state for finding in _look(daemon).values()]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Daemon:
    """Run a daemon until three files are in force, one of them in part, one superseded; then stop it."""
    with Daemon(tmp_path_factory.mktemp("untouched")) as daemon:
        daemon.put_in_force(row(3, 5), row(3, 5, user=GAS_SUPPLIER), name="first.csv")
        daemon.put_in_force(row(4, 6), name="second.csv")
        daemon.put_in_force(row(5, 7), row(5, 7, service="7.5"), name="third.csv")
        daemon.submit(row(9, 9), name="waits.csv")
        assert daemon.stop() == 0
    return daemon


@pytest.fixture
def daemon(untouched: Daemon) -> Any:
    """Give the daemon's database to one test, and put it back as it was."""
    kept = untouched.database_file.read_bytes()
    yield untouched
    for file in untouched.data.glob("gateway.sqlite*"):
        file.unlink()
    untouched.database_file.write_bytes(kept)


@needs_softhsm
def test_what_nobody_touched_is_in_order(daemon: Daemon) -> None:
    found = _look(daemon)
    assert [finding.state for finding in found.values()] == [State.OK, State.OK], found
    assert found["thresholds in force"].what.startswith("3 are what the 2 files in force say")


@needs_softhsm
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE thresholds SET quarantine = 999 WHERE file_id = 3 AND line = 3", "quarantine is 999"),
        ("UPDATE thresholds SET service = '*' WHERE file_id = 3 AND line = 3", "service is '*'"),
        ("UPDATE thresholds SET effective_to = 1 WHERE file_id = 3 AND line = 3", "effective_to is 1"),
        ("UPDATE thresholds SET superseded_at = 1 WHERE file_id = 3 AND line = 3", "not in the table"),
        ("DELETE FROM thresholds WHERE file_id = 3 AND line = 3", "not in the table"),
        ("UPDATE thresholds SET line = 4 WHERE file_id = 3 AND line = 3", "no such row"),
    ],
    ids=["level", "service", "end", "taken out of force", "deleted", "moved"],
)
def test_a_changed_threshold_is_named_with_file_and_line(change: str, named: str, daemon: Daemon) -> None:
    daemon.change(change)
    found = _look(daemon)
    assert found["adt files"].state is State.OK
    assert found["thresholds in force"].state is State.FAILED
    assert "ADT file 3 (third.csv), line " in found["thresholds in force"].what
    assert named in found["thresholds in force"].what


@needs_softhsm
def test_a_threshold_that_was_put_back_into_force_is_found(daemon: Daemon) -> None:
    daemon.change("UPDATE thresholds SET superseded_at = NULL WHERE file_id = 1")
    assert "ADT file 1 (first.csv), line 2" in _look(daemon)["thresholds in force"].what


@needs_softhsm
def test_a_copy_of_a_threshold_is_found(daemon: Daemon) -> None:
    columns = (
        "file_id, line, user_id, communication, service, period_seconds, period, alignment, warning,"
        " quarantine, effective_from, effective_to, in_force_at"
    )
    daemon.change(
        f"INSERT INTO thresholds ({columns}) SELECT {columns} FROM thresholds WHERE superseded_at IS NULL"
    )
    found = _look(daemon)["thresholds in force"]
    assert found.state is State.FAILED
    assert "and 2 more" in found.what


@needs_softhsm
def test_a_threshold_that_no_file_can_hold_is_found(daemon: Daemon) -> None:
    daemon.change("UPDATE thresholds SET alignment = 'none' WHERE superseded_at IS NULL")
    assert _look(daemon)["thresholds in force"].state is State.FAILED


@needs_softhsm
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE adt_files SET content = replace(content, '7', '9') WHERE id = 3", "SHA-256 of its bytes"),
        ("UPDATE adt_files SET content = x'00', sha256 = 'x' WHERE id = 4", "sha256 is 'x'"),
        ("UPDATE adt_files SET state = 'superseded' WHERE id = 3", "state is 'superseded' but 'in force'"),
        ("UPDATE adt_files SET state = 'approved', approved_by = 'eve' WHERE id = 4", "state is 'approved'"),
        ("UPDATE adt_files SET approved_by = 'eve' WHERE id = 3", "approved_by is 'eve' but 'bob'"),
        ("UPDATE adt_files SET submitted_by = 'eve' WHERE id = 3", "submitted_by is 'eve'"),
        ("UPDATE adt_files SET name = 'other.csv' WHERE id = 3", "name is 'other.csv'"),
        ("UPDATE adt_files SET profile_sha256 = 'x' WHERE id = 3", "profile_sha256 is 'x'"),
        ("UPDATE adt_files SET id = 9 WHERE id = 4", "ADT file 4 is on record and not in the table"),
        ("UPDATE adt_files SET state = 'none', approved_by = 'bob' WHERE id = 4", "a state that no file has"),
    ],
)
def test_a_changed_file_is_named(change: str, named: str, daemon: Daemon) -> None:
    daemon.change(change)
    found = _look(daemon)["adt files"]
    assert found.state is State.FAILED
    assert named in found.what


@needs_softhsm
def test_a_profile_that_was_changed_in_the_store_is_named(daemon: Daemon) -> None:
    before = daemon.query("SELECT sha256, content FROM profiles")
    daemon.change("UPDATE profiles SET content = replace(content, 'rolling', 'calendar')")
    try:
        found = _look(daemon)["thresholds in force"]
        assert found.state is State.FAILED
        assert "its profile is not the one that it was submitted under" in found.what
    finally:
        for sha256, content in before:
            daemon.change("UPDATE profiles SET content = ? WHERE sha256 = ?", content, sha256)
    assert _look(daemon)["thresholds in force"].state is State.OK


@needs_softhsm
def test_a_profile_that_cannot_read_the_files_any_more_is_a_warning(daemon: Daemon) -> None:
    """Such as a User ID that was taken out of the settings: nobody forged anything."""
    settings = daemon.config.read_text()
    try:
        daemon.config.write_text(settings.replace(SUPPLIER, "90-B3-D5-1F-30-09-00-00"))
        assert _states(daemon) == [State.OK, State.WARNING]
    finally:
        daemon.config.write_text(settings)


FILES_IN_TURN = (
    ((SUPPLIER, "7.2", ""), (SUPPLIER, "1.5", ""), (GAS_SUPPLIER, "7.2", "")),
    ((SUPPLIER, "7.2", ""), (SUPPLIER, "7.2", "2027-01-04T00:00:00Z")),
    ((GAS_SUPPLIER, "7.2", ""), (SUPPLIER, "7.2", ""), (SUPPLIER, "7.2", "2027-01-04T00:00:00Z")),
)


@pytest.mark.parametrize("replaces", list(Replaces))
async def test_what_should_be_in_force_is_what_the_daemon_puts_there(
    replaces: Replaces, tmp_path: Path
) -> None:
    """One rule, stated twice: in the store for the daemon, and here for whoever looks after it."""
    checks = {}
    async with opened(store_settings(tmp_path)) as database:
        for number, rows in enumerate(FILES_IN_TURN, start=1):
            lines = [(u, "SPC", s, *GOOD_ROW[3:6], "2026-12-01T00:00:00Z", end) for u, s, end in rows]
            found = check(adt_text(lines), now=NOW)
            checks[number] = found, replaces
            assert found.accepted, found.faults
            file = await submitted(database)
            async with database.write() as connection:
                if replaces is Replaces.USER_ID:
                    await supersede_users(connection, {t.user_id for t in found.thresholds}, NOW)
                else:
                    await supersede_rows(connection, found.thresholds, NOW)
                await insert_thresholds(connection, file.id, found.thresholds, NOW)
                await move_file(connection, file, FileState.IN_FORCE, approved_by="bob")
        async with database.read() as connection:
            actual = await thresholds_in_force(connection)
    assert {(t.file_id, t.line): t for t in actual} == expected_rows(checks)
