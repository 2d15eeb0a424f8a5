"""How long the daemon takes for a page of `/incidents` while a hundred thousand incidents are on record."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert

from gateway.settings import load_settings
from gateway.store.database import open_database
from gateway.store.incident_words import words_of
from gateway.store.migrate import migrate
from gateway.store.schema import incidents
from gateway.store.word_schema import incident_words
from tests.bench.figure import Figure
from tests.support.daemon import Daemon
from tests.support.visitor import Visitor
from tests.support.with_people import SUPPLIER

INCIDENTS: Final = 100_000
TURNS: Final = 40
PATHS: Final = (
    "/incidents",
    "/incidents?state=all",
    "/incidents?state=all&page=200",
    "/incidents?state=all&kind=forecast&level=warning",
    "/incidents?state=all&text=campaign",
    "/incidents?state=all&text=number+77777",
    "/incidents?state=all&before=5000",
    f"/incidents?state=closed&user={SUPPLIER}",
)
"""The list as it is looked at: newest, last page, by every condition."""


def run() -> list[Figure]:
    """Return the 95th percentile of the time from request to answer, over all ways to look at the list."""
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(Path(folder), token=False)
        asyncio.run(_fill(daemon))
        with daemon:
            took = _measure(daemon)
    return [
        Figure(
            what=f"a page of /incidents with {INCIDENTS:,} incidents, 95th percentile",
            against="",
            ours=statistics.quantiles(took, n=20)[-1] * 1000,
            unit="milliseconds",
            aim=50,
            at_least=False,
            note=f"{len(took)} pages by {len(PATHS)} ways to look; median {statistics.median(took) * 1000:.0f} ms",
        )
    ]


async def _fill(daemon: Daemon) -> None:
    database = open_database(load_settings(daemon.config))
    try:
        await migrate(database)
        async with database.write() as connection:
            for first in range(1, INCIDENTS, 10_000):
                rows = [_incident(number) for number in range(first, first + 10_000)]
                await connection.execute(insert(incidents), rows)
                await connection.execute(insert(incident_words), list(_words(rows)))
    finally:
        await database.close()


def _words(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        for word in words_of(row["title"], row["reason"]):
            yield {"word": word, "incident_id": row["id"]}


def _incident(number: int) -> dict[str, Any]:
    kinds = ("threshold", "forecast", "threshold", "token")
    is_open = number % 3 == 0
    return {
        "id": number,
        "kind": kinds[number % len(kinds)],
        "state": "candidate" if is_open else "closed",
        "level": "quarantine" if number % 7 == 0 else "warning",
        "user_id": SUPPLIER,
        "title": f"warning threshold passed: SR 7.4 (Read Supply Status) of {SUPPLIER}: {number} in PT1H",
        "opened_at": 1_800_000_000 + number,
        "record": number,
        "detail": b"{" + b" " * 1500 + b"}",  # as large as what is known of a breach
        "subject_key": None,
        "closed_at": None if is_open else 1_800_000_100 + number,
        "closed_by": None if is_open else "ana",
        "reason": None if is_open else f"a known campaign, number {number}",
    }


def _measure(daemon: Daemon) -> list[float]:
    visitor = Visitor(daemon.url)
    visitor.sign_in("ana")
    took = []
    for _ in range(TURNS):
        for path in PATHS:
            began = time.perf_counter()
            answer = visitor.get(path)
            took.append(time.perf_counter() - began)
            if answer.status != 200 or b"/incidents/" not in answer.body:
                message = f"{path} is not the list: {answer.status}"
                raise RuntimeError(message)
    return took
