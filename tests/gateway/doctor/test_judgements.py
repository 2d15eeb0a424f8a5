"""What each finding is judged by, at its borders."""

import datetime as dt
from pathlib import Path

import pytest

from gateway.audit.record import AuditRecord, Entry, append, record_hash
from gateway.clock import to_text
from gateway.doctor.disk import FAIL_BELOW, MIB, WARN_BELOW, judge_folder, judge_space
from gateway.doctor.finding import State
from gateway.doctor.network import judge_readiness
from gateway.doctor.store import judge_chain, judge_clock
from gateway.doctor.time_source import judge_time_source, kernel_clock_state
from gateway.doctor.token import judge_pin_file, judge_trust, judge_validity
from hsm.model import CertificateSummary

NOW = 1_795_219_200.0


@pytest.mark.parametrize(
    ("free", "state"),
    [
        (0, State.FAILED),
        (FAIL_BELOW - 1, State.FAILED),
        (FAIL_BELOW, State.WARNING),
        (WARN_BELOW - 1, State.WARNING),
        (WARN_BELOW, State.OK),
    ],
)
def test_disk_space(free: int, state: State, tmp_path: Path) -> None:
    assert judge_space(tmp_path, free).state is state


def test_the_limits_of_disk_space() -> None:
    assert (FAIL_BELOW, WARN_BELOW) == (100 * MIB, 1024 * MIB)


def test_a_folder_that_is_there_can_be_made_or_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert judge_folder("x", tmp_path).state is State.OK
    assert "makes it" in judge_folder("x", tmp_path / "a" / "b").what
    assert judge_folder("x", tmp_path / "file").state is State.FAILED
    assert judge_folder("x", tmp_path / "file" / "b").state is State.FAILED


def test_a_folder_that_cannot_be_written_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # the account of the test may write anywhere
    assert judge_folder("x", tmp_path).state is State.FAILED


def _chain(length: int) -> list[AuditRecord]:
    records: list[AuditRecord] = []
    for number in range(length):
        entry = Entry("test", "test.done", f"thing/{number}")
        records.append(append(records[-1] if records else None, entry, to_text(NOW + number)))
    return records


@pytest.mark.parametrize("start", [0, 1, 3])
def test_the_end_of_an_intact_chain_holds_wherever_it_starts(start: int) -> None:
    assert judge_chain(_chain(6)[start:]).state is State.OK


@pytest.mark.parametrize("start", [0, 2])
@pytest.mark.parametrize("at", [2, 3, 5])
def test_a_changed_body_a_changed_hash_and_a_gap_are_found(start: int, at: int) -> None:
    good = _chain(6)
    record = good[at]
    changed = AuditRecord(record.number, record.body.replace(b"test.done", b"test.dont"), record.hash)
    renamed = AuditRecord(record.number, record.body, "0" * 64)
    renumbered = AuditRecord(record.number + 1, record.body, record.hash)
    rubbish = AuditRecord(record.number, b"no JSON", record_hash(b"no JSON"))
    for wrong in (changed, renamed, renumbered, rubbish):
        assert judge_chain([*good[start:at], wrong, *good[at + 1 :]]).state is State.FAILED
    if start < at < 5:
        assert judge_chain([*good[start:at], *good[at + 1 :]]).state is State.FAILED


@pytest.mark.parametrize("start", [0, 2])
def test_a_record_that_was_written_anew_is_found_by_the_one_after_it(start: int) -> None:
    good = _chain(6)
    other = append(good[2], Entry("eve", "test.done", "thing/3"), to_text(NOW + 3))
    finding = judge_chain([*good[start:3], other, *good[4:]])
    assert finding.state is State.FAILED
    assert "record 5" in finding.what


def test_a_first_record_that_follows_from_something_is_found() -> None:
    invented = AuditRecord(0, b"", "1" * 64)
    assert judge_chain([append(invented, Entry("test", "x", "y"), to_text(NOW))]).state is State.FAILED


def test_no_records_are_no_trouble() -> None:
    assert judge_chain([]).state is State.OK
    assert judge_clock(None, NOW).state is State.OK


@pytest.mark.parametrize(
    ("now", "state"), [(NOW + 5, State.OK), (NOW - 0.5, State.OK), (NOW - 1.5, State.FAILED)]
)
def test_the_clock_against_the_last_record(now: float, state: State) -> None:
    assert judge_clock(_chain(1)[-1], now).state is state


@pytest.mark.parametrize(("clock", "state"), [(0, State.OK), (5, State.WARNING), (None, State.UNKNOWN)])
def test_the_kernel_says_whether_the_clock_is_synchronised(clock: int | None, state: State) -> None:
    assert judge_time_source(clock).state is state


def test_the_kernel_can_be_asked() -> None:
    """States are 0 to 5 (adjtimex(2)); None stands for a system that cannot be asked."""
    assert kernel_clock_state() in {None, 0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("days", "state"),
    [(-1, State.FAILED), (0.5, State.WARNING), (29.9, State.WARNING), (30.1, State.OK)],
)
def test_the_end_of_a_certificate(days: float, state: State) -> None:
    end = dt.datetime.fromtimestamp(NOW, dt.UTC) + dt.timedelta(days=days)
    certificate = CertificateSummary("CN=x", "CN=y", "1", end - dt.timedelta(days=400), end)
    assert judge_validity("certificate", certificate, NOW).state is state


def test_a_certificate_that_is_not_valid_yet_fails() -> None:
    start = dt.datetime.fromtimestamp(NOW, dt.UTC) + dt.timedelta(hours=1)
    certificate = CertificateSummary("CN=x", "CN=y", "1", start, start + dt.timedelta(days=400))
    assert judge_validity("certificate", certificate, NOW).state is State.FAILED


@pytest.mark.parametrize(
    ("content", "mode", "state"),
    [
        (None, 0, State.FAILED),
        ("", 0o600, State.FAILED),
        ("\n", 0o600, State.FAILED),
        ("8462\n", 0o640, State.FAILED),
        ("8462\n", 0o604, State.FAILED),
        ("8462\n", 0o600, State.OK),
        ("8462", 0o400, State.OK),
    ],
)
def test_the_pin_file(content: str | None, mode: int, state: State, tmp_path: Path) -> None:
    path = tmp_path / "pin"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    finding = judge_pin_file(path)
    assert finding.state is state
    assert "8462" not in finding.what.replace(str(path), "")


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"x" * 70_000])
def test_a_trust_file_that_is_none(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "trust.pem"
    if content is not None:
        path.write_bytes(content)
    assert judge_trust(path, NOW).state is State.FAILED


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (b'{"ready":true,"parts":[]}', State.OK),
        (b'{"ready":true,"parts":[{"part":"token","works":false,"detail":"x"}]}', State.WARNING),
        (b'{"ready":false,"parts":[{"part":"broker","works":false,"detail":"x"}]}', State.FAILED),
        (b"<html>", State.FAILED),
        (b"[]", State.FAILED),
        (b'{"ready":true}', State.FAILED),
    ],
)
def test_what_the_daemon_says_of_itself(body: bytes, state: State) -> None:
    assert judge_readiness("http://127.0.0.1:1", body).state is state
