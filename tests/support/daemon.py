"""A real daemon in a folder of its own: a process that can be stopped, killed and looked into."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import psutil
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.clock import to_text
from gateway.store.journal import Observation
from tests.support import daemon_process
from tests.support.adt import adt_text
from tests.support.api import COMMAND, Person, wait_for
from tests.support.daemon_process import ForkedProcess
from tests.support.softhsm import make_token
from tests.support.with_people import SUPPLIER, add_people, people_folder, write_settings

Row = Sequence[str]
SAME_SECONDS: Final = 0.1
"""Rows that are made within that time of each other are of one file."""
Metrics = dict[tuple[str, frozenset[str]], float]

_decode_journal = msgspec.msgpack.Decoder(list[Observation]).decode


class Daemon:
    """A daemon on a free port, with everybody of `PEOPLE` and, where wanted, a token that can sign.

    More keys of the settings are given by section: `mqtt={"host": …}`. As a context it is started, and
    killed at the end if it still runs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        token: bool = True,
        environment: dict[str, str] | None = None,
        **sections: dict[str, Any],
    ) -> None:
        self.folder = folder
        self.environment = {**os.environ, **(environment or {})}
        self._fork = environment is None
        self.data = folder / "var"
        self.config = folder / "gateway.toml"
        self.log_file = folder / "log"
        self.process: ForkedProcess | subprocess.Popen[bytes] | None = None
        self.url = ""
        shutil.copytree(people_folder(), self.data)
        self._access_tokens: dict[str, str] = json.loads((self.data / "access-tokens").read_text())
        if token:
            sections["token"] = {"serials": []} | self._token_section() | sections.get("token", {})
        sections.setdefault("alerts", {"file": "var/alerts.jsonl"})
        self._sections = sections
        write_settings(self.config, sections)
        if "store" in sections:
            self._access_tokens = add_people(self.config)

    def settings(self, section: str) -> dict[str, Any]:
        """Return a section of the settings."""
        return dict(self._sections[section])

    def set(self, section: str, **values: Any) -> None:
        """Change settings; they hold from the next start on."""
        self._sections[section] = self._sections.get(section, {}) | values
        write_settings(self.config, self._sections)

    def without(self, section: str) -> None:
        """Take a section out of the settings; that holds from the next start on."""
        del self._sections[section]
        write_settings(self.config, self._sections)

    def _token_section(self) -> dict[str, Any]:
        self.ready_token = make_token(self.folder)
        config = self.ready_token.config
        return {
            "module": config.module,
            "label": config.token_label,
            "key_label": config.key_label,
            "pin_file": str(config.pin_file),
            "trust_file": str(self.ready_token.trust_file),
            "softhsm_config": dict(config.environment)["SOFTHSM2_CONF"],
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Kill the daemon if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def start(self) -> None:
        """Start the process and wait until it listens."""
        self.launch()
        address, process = self.data / "address", self.process
        wait_for("the address", lambda: address.exists() or not process or process.poll() is not None)
        assert process is not None
        assert process.poll() is None, self.log
        self.url = address.read_text().strip()

    def launch(self) -> None:
        """Start the process and do not wait."""
        (self.data / "address").unlink(missing_ok=True)
        command: list[str | Path] = [COMMAND, "--config", self.config, "serve"]
        self.process = daemon_process.start(command, self.environment, self.log_file, fork=self._fork)

    def stop(self) -> int:
        """Stop in order; return the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """Kill the daemon as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Stop in order and start again."""
        assert self.stop() == 0
        self.start()

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def children(self) -> list[psutil.Process]:
        """The processes of the token."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    @property
    def resident_bytes(self) -> int:
        assert self.process is not None
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def as_(self, name: str) -> Person:
        """Return somebody of `PEOPLE`."""
        return Person(self.url, self._access_tokens[name])

    def stranger(self, access_token: str = "") -> Person:
        """Return somebody without an access token, or with one that is not known."""
        return Person(self.url, access_token)

    def cli(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a verb that works on the daemon's machine."""
        command = [COMMAND, "--config", self.config, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def submit(self, *rows: Row, by: str = "alice", name: str = "adt.csv") -> int:
        """Submit a file of these rows; return its number."""
        answer = self.as_(by).submit(adt_text(rows).encode(), name)
        assert answer.status == 201, answer.body
        return int(answer.json["id"])

    def deliver(self, *rows: Row, name: str = "adt.csv") -> int:
        """Submit a file and have it approved, signed and delivered; return its number."""
        number = self.submit(*rows, name=name)
        answer = self.as_("bob").step(number, "approve")
        assert answer.json.get("state") == "delivered", answer.body
        return number

    def acknowledge(self, *rows: Row, name: str = "adt.csv") -> int:
        """Bring a file to where it waits for its time; return its number."""
        number = self.deliver(*rows, name=name)
        assert self.as_("olga").step(number, "acknowledge", reference="DCC-1").status == 200
        return number

    def put_in_force(self, *rows: Row, name: str = "adt.csv") -> int:
        """Bring a file into force and wait until it is counted against; return its number."""
        number = self.acknowledge(*rows, name=name)
        self.wait_state(number, "in force")

        def counted() -> bool:
            thresholds = self.as_("adam").get("/api/v1/thresholds").json["thresholds"]
            return any(threshold["file_id"] == number for threshold in thresholds)

        wait_for(f"file {number} to be counted against", counted)
        return number

    def wait_state(self, number: int, state: str) -> Any:
        """Wait until a file is in *state* and return it."""
        person = self.as_("adam")

        def look() -> Any:
            file = person.file(number)
            return file if file["state"] == state else None

        return wait_for(f"file {number} to be {state}", look)

    def rates(self) -> list[dict[str, Any]]:
        return list(self.as_("adam").get("/api/v1/rates").json["rates"])

    def incidents(self) -> list[dict[str, Any]]:
        """Return the incidents, oldest first."""
        return list(reversed(self.as_("adam").get("/api/v1/incidents").json["incidents"]))

    def metrics(self) -> Metrics:
        """Return every sample by its name and the values of its labels; the form is checked."""
        answer = self.stranger().get("/metrics")
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text"), answer
        families = text_string_to_metric_families(answer.body.decode())  # type: ignore[no-untyped-call]
        return {
            (sample.name.removeprefix("adt_gateway_"), frozenset(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
        }

    def metric(self, name: str, *labels: str) -> float:
        return self.metrics().get((name, frozenset(labels)), 0.0)

    @property
    def database_file(self) -> Path:
        return self.data / "gateway.sqlite"

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Look into the database beside the daemon."""
        if "store" in self._sections:
            return asyncio.run(_asked(self._sections["store"]["url"], sql))
        with closing(sqlite3.connect(self.database_file, timeout=30)) as database:
            return database.execute(sql, values).fetchall()

    def change(self, sql: str, *values: Any) -> None:
        """Change the database behind the daemon's back."""
        with closing(sqlite3.connect(self.database_file, timeout=30)) as database, database:
            database.execute(sql, values)

    @contextmanager
    def locked_database(self) -> Iterator[None]:
        """Hold the write lock of the database."""
        with closing(sqlite3.connect(self.database_file, timeout=30, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")

    def journal(self) -> list[Observation]:
        """Return everything that was counted, in order."""
        rows = self.query("SELECT content FROM journal ORDER BY id")
        return [observation for (content,) in rows for observation in _decode_journal(content)]

    def actions(self, subject: str) -> list[str]:
        """Return the actions on record for *subject*, in order."""
        rows = self.query("SELECT body FROM audit_records WHERE subject = ? ORDER BY number", subject)
        return [json.loads(body)["action"] for (body,) in rows]

    def verify_audit(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.as_("adam").cli("audit", "verify", *arguments)


async def _asked(url: str, sql: str) -> list[Any]:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return list((await connection.exec_driver_sql(sql)).all())
    finally:
        await engine.dispose()


class _Burst:
    """Rows that are made one after another: a file of them begins at one second."""

    second = 0
    last = 0.0


def _moment() -> int:
    now = time.time()
    if not 0 <= now - _Burst.last < SAME_SECONDS or now - _Burst.second > 2:
        _Burst.second = int(now)
    _Burst.last = now
    return _Burst.second


def row(
    warning: int,
    quarantine: int,
    *,
    user: str = SUPPLIER,
    communication: str = "SR",
    service: str = "7.4",
    period: str = "PT1H",
    start: float = -60,
    end: float | None = None,
) -> list[str]:
    """Return a row of an ADT file; *start* and *end* are seconds from now."""
    now = _moment()
    times = ["" if moment is None else to_text(now + moment).replace(".000", "") for moment in (start, end)]
    return [user, communication, service, period, str(warning), str(quarantine), *times]


def ids(observations: Iterable[Observation]) -> list[str]:
    """Return the RequestIDs of *observations*."""
    return [observation.communication.request_id for observation in observations]
