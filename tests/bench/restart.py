"""How long a start takes after SIGKILL, with 31 days of history and the longest journal that can arise.

The store is written directly, into the real tables and in the form in which the daemon writes it.
"""

import json
import random
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from gateway.ingest.fold import Fold, KindNumbers
from gateway.store.history import encode_minutes
from gateway.store.journal import JournalRow, Observation, encode_group
from tests.bench.figure import Figure
from tests.support.api import COMMAND
from tests.support.daemon import Daemon
from thresholds.catalogue import load_catalogue
from thresholds.kind import Kind
from thresholds.model import Communication, CommunicationClass, UserId

RATE: Final = 1000
"""Communications a second."""
USERS: Final = tuple(UserId(f"90-B3-D5-1F-30-{number:02X}-00-00") for number in range(1, 11))
CLASSES: Final = (CommunicationClass.SR, CommunicationClass.TRANSFORM, CommunicationClass.SPC)
PERIODS: Final = (("PT1H", 3600), ("P1D", 86_400), ("P7D", 604_800))
MONTH: Final = ("P31D", 31 * 86_400)
DAYS: Final = 32
HORIZON: Final = 3600
DIGESTED_SECONDS: Final = HORIZON + HORIZON // 8 + 180
"""For so long digests are kept."""
UNFOLDED_SECONDS: Final = 180
"""What a stop between two digests may leave in the journal, three times over."""
GROUP: Final = 3
"""Communications in one row of the journal: single requests over HTTP, as they come."""
AIM_SECONDS: Final = 10
SEED: Final = 20261121
ROUNDS: Final = 3


def kinds() -> list[Kind]:
    """Return ten User IDs by 129 service reference variants by three classes."""
    variants = sorted(found.variant for found in load_catalogue())
    return [
        (user, name, ".".join(variant.split(".")[:2]), variant)
        for user in USERS
        for variant in variants
        for name in CLASSES
    ]


def traffic(
    found: list[Kind], seconds: range, chance: random.Random
) -> Iterator[tuple[int, list[Observation]]]:
    """Yield groups of new communications, `RATE` a second, each with its second."""
    for second in seconds:
        chosen = chance.choices(found, k=RATE)
        for start in range(0, RATE, GROUP):
            group = [
                observation(kind, second, start + i) for i, kind in enumerate(chosen[start : start + GROUP])
            ]
            yield second, group


def observation(kind: Kind, second: int, number: int) -> Observation:
    """Return a communication of *kind*, the RequestID of which no other has."""
    user, name, reference, variant = kind
    target, counter = f"00-DB-12-34-56-78-{number >> 8:02X}-{number & 255:02X}", second * RATE + number
    request_id = f"{user}:{target}:{counter}"
    sent = Communication(request_id, user, target, counter, 1, reference, variant, name)
    return Observation(sent, second * 1000, second * 1000)


class Store:
    """Fills the tables of a store, through a connection of its own."""

    def __init__(self, database: sqlite3.Connection, now: int) -> None:
        self._database = database
        self._kinds = kinds()
        self._numbers = {kind: number for number, kind in enumerate(self._kinds, 1)}
        self._chance = random.Random(SEED)
        self._unfolded = now - UNFOLDED_SECONDS
        self._digested = self._unfolded - DIGESTED_SECONDS
        self._until = (self._unfolded - 1200) // 60 * 60
        self._now = now

    def fill(self) -> None:
        """Write everything."""
        self._thresholds()
        rows = [(number, *kind) for kind, number in self._numbers.items()]
        self._database.executemany("INSERT INTO kinds VALUES (?, ?, ?, ?, ?)", rows)
        self._history()
        last = self._digests()
        self._journal(last)
        self._database.commit()

    def _thresholds(self) -> None:
        cursor = self._database.execute(
            "INSERT INTO adt_files (name, profile, sha256, content, row_count, effective_from, state,"
            " submitted_by, submitted_at, approved_by, in_force_at)"
            " VALUES ('bench.csv', 'adt-1', '', '', 0, 0, 'in force', 'alice', 0, 'bob', 0)"
        )
        keys: list[tuple[str, str, str, str, int]] = [
            (user, name, variant, *period) for user, name, _, variant in self._kinds for period in PERIODS
        ]

        keys += [(user, "ALL", "*", *MONTH) for user in USERS]
        self._database.executemany(
            "INSERT INTO thresholds (file_id, line, user_id, communication, service, period, period_seconds,"
            " alignment, warning, quarantine, effective_from, in_force_at)"
            " VALUES (?, 1, ?, ?, ?, ?, ?, 'rolling', 1000000000, 2000000000, 0, 0)",
            [(cursor.lastrowid, *key) for key in keys],
        )

    def _history(self) -> None:
        """Write the minutes before the last: each kind has its share of the traffic, a little uneven."""
        share = RATE * 60 / len(self._kinds)
        usual = array(
            "B", (self._chance.randint(int(share * 0.6), int(share * 1.4)) for _ in range(1440 * 64))
        )
        last = self._until // 86_400
        end = self._until % 86_400 // 60
        for day in range(last - DAYS + 1, last + 1):
            rows = []
            for number in self._numbers.values():
                start = self._chance.randrange(len(usual) - 1440)
                values = usual[start : start + 1440]
                if day == last:
                    values = values[:end] + array("B", bytes(1440 - end))
                rows.append((day, number, encode_minutes(values), b""))
            self._database.executemany("INSERT INTO history VALUES (?, ?, ?, ?)", rows)

    def _digests(self) -> int:
        """Write a digest for each minute; return the number of the last journal row in them."""
        number, seed = 0, self._database.execute("SELECT seed FROM counted").fetchone()[0]
        for start in range(self._digested, self._unfolded, 60):
            fold = Fold(seed, 0)
            seconds = range(start, min(start + 60, self._unfolded))
            for second, group in traffic(self._kinds, seconds, self._chance):
                number += 1
                fold.add([JournalRow(number, second, group)])
            digest = fold.digest(KindNumbers(self._numbers, ()))
            fields = msgspec.structs.astuple(digest)
            self._database.execute("INSERT INTO digests VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fields)
        return number

    def _journal(self, last: int) -> None:
        seconds = range(self._unfolded, self._now)
        number = last
        for second, group in traffic(self._kinds, seconds, self._chance):
            number += 1
            values = (number, second, len(group), encode_group(group))
            self._database.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", values)
        self._database.execute(
            "UPDATE counted SET journal_id = ?, evaluated_at = ?, folded_id = ?, history_until = ?",
            (number, self._now, last, self._until),
        )


def wait_ready(daemon: Daemon) -> None:
    """Return as soon as /readyz says so."""
    while daemon.process is not None and daemon.process.poll() is None:
        time.sleep(0.01)
        address = daemon.data / "address"
        if address.exists():
            with urllib.request.urlopen(address.read_text().strip() + "/readyz") as answer:
                if json.load(answer)["ready"]:
                    daemon.url = address.read_text().strip()
                    return
    raise RuntimeError(daemon.log)


def start(daemon: Daemon) -> float:
    """Start the daemon; return after how many seconds it is ready."""
    (daemon.data / "address").unlink(missing_ok=True)
    with daemon.log_file.open("ab") as log:
        began = time.perf_counter()
        daemon.process = subprocess.Popen(
            [COMMAND, "--config", daemon.config, "serve"], stderr=log, stdout=log
        )
        wait_ready(daemon)
        return time.perf_counter() - began


def check(daemon: Daemon) -> None:
    """Refuse to measure a start that counted something else than what was written."""
    counts: Counter[str] = Counter()
    for rate in daemon.rates():
        counts[rate["period"]] += rate["count"]
    if not 0.9 * HORIZON * RATE < counts["PT1H"] <= HORIZON * RATE:
        raise RuntimeError(counts)
    if not 29 < counts["P31D"] / (86_400 * RATE) < 32:
        raise RuntimeError(counts)


def run() -> list[Figure]:
    """Return the seconds from the start of the process to its readiness, and the memory it then holds."""
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(Path(folder), token=False)
        start(daemon)
        empty = daemon.resident_bytes
        daemon.kill()
        with closing(sqlite3.connect(daemon.database_file)) as database:
            Store(database, int(time.time())).fill()
        seconds, resident = [], 0
        for _ in range(ROUNDS):
            try:
                seconds.append(start(daemon))
                resident = daemon.resident_bytes
                check(daemon)
            finally:
                daemon.end()
        disk = daemon.database_file.stat().st_size
    what = f"{DAYS} days of history, {DIGESTED_SECONDS} s of digests, {UNFOLDED_SECONDS} s of journal at {RATE:,}/s"
    return [
        Figure(
            what="start after SIGKILL until ready",
            against="",
            ours=min(seconds),
            unit="seconds",
            aim=AIM_SECONDS,
            at_least=False,
            note=f"{what}; best of {ROUNDS}; {resident / 1e6:,.0f} MB resident ({empty / 1e6:,.0f} MB when empty), "
            f"{disk / 1e6:,.0f} MB on disk",
        )
    ]
