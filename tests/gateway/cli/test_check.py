"""`check` names every fault as compilers do."""

import json
import re
from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Run
from tests.support.adt import HEADER, adt_text
from tests.support.daemon import row

FAULT = re.compile(r"^(?P<file>.+?):(?P<line>\d+):(?P<column>\d+):.* (error|warning): .+ \[[a-z0-9_]+\]$")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "adt.csv"
    path.write_text(adt_text([row(80, 100, start=86_400)]))
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.csv"
    path.write_text(adt_text([row(80, 100, start=86_400), row(80, 70, start=86_400, period="PT1X")]))
    return path


def test_a_good_file_is_accepted(good: Path, run: Run) -> None:
    ran = run("check", good)
    assert (ran.code, ran.out) == (0, "")
    assert "accepted, 1 row, 0 warnings," in ran.err
    assert "(unverified)" in ran.err


def test_every_fault_has_file_line_column_code_and_remedy(faulty: Path, run: Run) -> None:
    ran = run("check", faulty)
    assert ran.code == 3
    lines = ran.out.splitlines()
    assert len(lines) >= 4
    for fault, remedy in zip(lines[::2], lines[1::2], strict=True):
        found = FAULT.match(fault)
        assert found, fault
        assert (found["file"], found["line"]) == (str(faulty), "3")
        assert remedy.startswith("    ")
        assert remedy.strip()


def test_faults_and_warnings_are_in_the_order_of_the_file_and_say_a_value_once(
    tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "adt.csv"
    past = row(80, 100, start=-86_400)
    path.write_text(adt_text([past, [*past[:3], "PT1X", *past[4:]]]))
    ran = run("check", path)
    places = [tuple(map(int, line.split(":")[1:3])) for line in ran.out.splitlines()[::2]]
    assert places == [(2, 7), (3, 4), (3, 7)]
    assert [line.count("PT1X") for line in ran.out.splitlines()[::2]] == [0, 1, 0]
    assert "1 fault, 2 rows, 2 warnings" in ran.err


def test_the_talk_is_on_standard_error_and_the_faults_are_not(faulty: Path, run: Run) -> None:
    ran = run("check", faulty)
    assert "fault" in ran.err
    assert "[" not in ran.err


def test_json_is_one_object_a_file(good: Path, faulty: Path, run: Run) -> None:
    ran = run("check", "--json", good, faulty)
    assert (ran.code, ran.err) == (3, "")
    first, second = map(json.loads, ran.out.splitlines())
    assert (first["file"], first["accepted"], first["faults"]) == (str(good), True, [])
    assert second["accepted"] is False
    assert second["faults"][0].keys() >= {"line", "column", "code", "message", "remedy", "value"}


def test_beyond_a_thousand_faults_it_says_how_many_more(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "many.csv"
    path.write_text(HEADER + "\n" + "x,x,x,x,x,x,x,x\n" * 1_500)
    ran = run("check", path)
    assert ran.code == 3
    shown = [line for line in ran.out.splitlines() if " error: " in line]
    total = int(re.search(r": (\d+) faults,", ran.err)[1])  # type: ignore[index]  # fails the test where absent
    assert len(shown) == 1_000
    assert total > 1_500
    assert f"{total - 1_000} more faults not shown" in ran.err


def test_a_file_that_is_not_there_does_not_keep_others_from_being_checked(good: Path, run: Run) -> None:
    ran = run("check", good.with_name("absent.csv"), good)
    assert ran.code == 3
    assert "[file_unreadable]" in ran.err
    assert "accepted" in ran.err


def test_a_file_without_an_end_is_refused_for_its_size(run: Run) -> None:
    ran = run("check", Path("/dev/zero"))
    assert (ran.code, ran.out) == (3, "")
    assert "[too_large]" in ran.err


def test_values_of_a_file_reach_the_terminal_harmless(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "hostile.csv"
    path.write_text(adt_text([["\x1b[2J\x1b]0;owned\x07", *row(80, 100, start=86_400)[1:]]]))
    ran = run("check", path)
    assert ran.code == 3
    assert "\x1b" not in ran.out
    assert "\x07" not in ran.out


def test_a_settings_file_that_is_not_there_is_wrong_use(good: Path, run: Run) -> None:
    ran = run("check", good, config=good.with_name("absent.toml"))
    assert (ran.code, ran.out) == (2, "")
    assert "[settings_missing]" in ran.err
    assert "remedy:" in ran.err
