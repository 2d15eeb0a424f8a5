"""A PostgreSQL server of the test run's own, reached by a Unix socket alone."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.support.api import wait_for

OWNER: Final = "gateway"
OPTIONS: Final = ("listen_addresses=", "fsync=off", "synchronous_commit=off")
"""Quick, and as careless with commits as an administrator may have made it."""


def find_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs."""
    found = [initdb.parent for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


class PostgresServer:
    """A server whose socket stands in *folder*; it dies with the test run, however that ends."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def create(self, name: str, template: str = "template1") -> str:
        """Make a database as *template* is, else an empty one; return its URL."""
        self._ask(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql+asyncpg://{OWNER}@/{name}?host={self._folder}"

    def drop(self, name: str) -> None:
        """Throw a database away, whoever is connected."""
        self._ask(f"DROP DATABASE {name} (FORCE)")

    def _ask(self, statement: str) -> None:
        self._run("psql", "-h", str(self._folder), "-U", OWNER, "-d", "postgres", "-qc", statement)

    @contextmanager
    def locked_table(self, database: str, table: str) -> Iterator[None]:
        """Hold a lock that keeps every other session from reading and writing a table."""
        command = self._command("psql", "-h", str(self._folder), "-U", OWNER, "-d", database, "-q")
        with subprocess.Popen(
            command, cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as session:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;\n\\echo locked\n")
            session.stdin.flush()
            assert session.stdout.readline() == "locked\n"
            try:
                yield
            finally:
                session.stdin.close()  # ends the session, and with it the lock

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Keep every process of the server from running: connections stay open, and nothing answers."""
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        server.suspend()
        wait_for("the server to stand still", lambda: server.status() == psutil.STATUS_STOPPED)
        processes = [*server.children(recursive=True), server]  # from here on it begins no other session
        for process in processes[:-1]:
            with contextlib.suppress(psutil.NoSuchProcess):  # a session may have ended meanwhile
                process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def initialise(self) -> None:
        """Make the files of a new server."""
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [f"unix_socket_directories={self._folder}", *OPTIONS]
        command = ["postgres", "-D", str(self._folder / "data"), *(f"--{option}" for option in options)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(*command), cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        for _ in range(600):
            if self._finish("pg_isready", "-q", "-h", str(self._folder)).returncode == 0:
                return
            time.sleep(0.05)
        pytest.fail(f"PostgreSQL does not start: {(self._folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop the server at once, as a crash would."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)

    def _run(self, *command: str) -> None:
        done = self._finish(*command)
        if done.returncode:
            pytest.fail(f"{command[0]}: {done.stderr}")

    def _finish(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*command),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line: as another account where we are root, which PostgreSQL refuses."""
        other = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if _is_root() else []
        return ["setpriv", "--pdeathsig=QUIT", *other, str(self._programs / program), *arguments]


def _is_root() -> bool:
    return os.geteuid() == 0


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Start a server in a new folder; stop it and remove the folder at the end."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    # Not below pytest's own folder: that is closed to other accounts, and too long for a socket's path.
    folder = Path(tempfile.mkdtemp(prefix="adt-pg-"))
    if _is_root():
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    server = PostgresServer(programs, folder)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
