"""A store that is locked, hangs or is gone: the sender is told at once, nothing is half done, it goes on by itself."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.api import Answer, header_line, side_by_side, wait_for
from tests.support.daemon import Daemon, row
from tests.support.postgres import PostgresServer
from tests.support.softhsm import needs_softhsm

SENDERS: Final = 6
FAULT_SECONDS: Final = 8.0
"""Longer than a transaction waits for a lock."""
PATIENCE: Final = 20.0
"""Seconds within which a sender is told, whatever the fault; nothing is sent to keep it waiting for ever."""


def lines(sender: int, count: int = 5) -> list[dict[str, Any]]:
    return [header_line(1000 * sender + number) for number in range(count)]


def send_all(daemon: Daemon) -> list[Answer]:
    """Send from several senders at once; each has its answer in time."""
    adaptor = daemon.as_("adaptor")
    began = time.monotonic()
    answers = side_by_side(*(lambda n=n: adaptor.send_lines(lines(n)) for n in range(SENDERS)))
    assert time.monotonic() - began < PATIENCE
    return answers


def check_told(daemon: Daemon, part: str) -> None:
    """Check what senders, `/readyz`, log and metric say while nothing can be committed; *part* is named.

    A store that cannot be read either does not even say who sends: then nothing reaches the journal.
    """
    for answer in send_all(daemon):
        assert (answer.status, answer.code) == (503, "store_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    wait_for("readyz to say so", lambda: part in failing(daemon), 2 * PATIENCE)
    assert daemon.stranger().get("/healthz").status == 200
    assert '"event": "request_not_served"' in daemon.log
    metrics = daemon.metrics()
    if part == "journal":
        assert '"event": "journal_failed"' in daemon.log
        assert metrics["commit_failures_total", frozenset()] > 0
    assert metrics["communications_total", frozenset({"SR"})] == 0


def counted(daemon: Daemon) -> float:
    return daemon.metric("communications_total", "SR")


def check_recovered(daemon: Daemon) -> None:
    """Check that it is ready without a restart, and that what was refused is counted once when it comes again."""
    wait_for("a commit", lambda: all(answer.status == 202 for answer in send_all(daemon)), 2 * PATIENCE)
    wait_for("readyz", lambda: not failing(daemon))
    assert counted(daemon) == 5 * SENDERS
    assert sum(answer.json["duplicate"] for answer in send_all(daemon)) == 5 * SENDERS
    daemon.kill()
    daemon.start()
    assert sum(answer.json["duplicate"] for answer in send_all(daemon)) == 5 * SENDERS


def failing(daemon: Daemon) -> set[str]:
    """Return the parts that do not work, each with its reason; `/readyz` is 503 where there is one."""
    answer = daemon.stranger().get("/readyz")
    parts = [part for part in answer.json["parts"] if part["needed"] and not part["works"]]
    assert all(part["detail"] for part in parts)
    assert (answer.status, answer.json["ready"]) == ((503, False) if parts else (200, True))
    return {part["part"] for part in parts}


@contextmanager
def exclusively(daemon: Daemon) -> Iterator[None]:
    """Hold the database as `VACUUM` and some backup programs do: nobody else may write."""
    with closing(sqlite3.connect(daemon.database_file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@needs_softhsm
def test_a_database_that_another_program_holds_exclusively(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        daemon.put_in_force(row(4, 5 * SENDERS))
        with exclusively(daemon):
            began = time.monotonic()
            check_told(daemon, "journal")
            wait_for("the time", lambda: time.monotonic() - began > FAULT_SECONDS)
        assert daemon.incidents() == []
        check_recovered(daemon)
        (incident,) = wait_for("the incident", daemon.incidents)
        assert incident["level"] == "warning"
        assert [rate["count"] for rate in daemon.rates()] == [5 * SENDERS]
        assert daemon.verify_audit().returncode == 0


@pytest.fixture
def on_postgres(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Daemon]:
    """Start a daemon on a PostgreSQL database of its own."""
    url = postgres_server.create("store_faults")
    with Daemon(tmp_path, token=False, store={"url": url}) as daemon:
        yield daemon
    postgres_server.drop("store_faults")


def test_a_journal_that_another_session_of_postgresql_locks(
    on_postgres: Daemon, postgres_server: PostgresServer
) -> None:
    with postgres_server.locked_table("store_faults", "journal"):
        check_told(on_postgres, "journal")
    check_recovered(on_postgres)


def test_a_postgresql_that_hangs_keeps_nobody_waiting(
    on_postgres: Daemon, postgres_server: PostgresServer
) -> None:
    with postgres_server.suspended():
        check_told(on_postgres, "store")
    check_recovered(on_postgres)


def test_a_postgresql_that_is_gone_and_comes_back(
    on_postgres: Daemon, postgres_server: PostgresServer
) -> None:
    postgres_server.stop()
    try:
        check_told(on_postgres, "store")
    finally:
        postgres_server.start()
    check_recovered(on_postgres)
