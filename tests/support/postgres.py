"""A PostgreSQL server of the test run's own, reached by a Unix socket alone."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

OWNER: Final = "gateway"
OPTIONS: Final = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off"
"""Quick, and as careless with commits as an administrator may have made it."""


def find_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs."""
    found = [initdb.parent for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


class PostgresServer(msgspec.Struct, frozen=True):
    """A running server; its socket stands in *folder*."""

    programs: Path
    folder: Path

    def create(self, name: str) -> str:
        """Make an empty database; return its URL."""
        self._ask(f"CREATE DATABASE {name}")
        return f"postgresql+asyncpg://{OWNER}@/{name}?host={self.folder}"

    def drop(self, name: str) -> None:
        """Throw a database away, whoever is connected."""
        self._ask(f"DROP DATABASE {name} (FORCE)")

    def _ask(self, statement: str) -> None:
        self.run("psql", "-h", str(self.folder), "-U", OWNER, "-d", "postgres", "-qc", statement)

    def stop(self) -> None:
        """Stop the server at once, as a crash would."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"{OPTIONS} -c unix_socket_directories={self.folder}"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-o", options, "-w", "start")

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as somebody that it accepts."""
        done = subprocess.run(
            [*_as_other(), str(self.programs / program), *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"{program}: {done.stderr}")


def _is_root() -> bool:
    return os.geteuid() == 0


def _as_other() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if not _is_root():
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


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
        server.run(
            "initdb", "-D", str(folder / "data"), "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
