"""The process that tries thresholds on the past: one job on standard input, its answer on standard output.

Started by `gateway.operations.backtests` as `python -m gateway.operations.backtest_worker`; reads the store by itself,
so that neither memory nor time is taken from the count.
"""

import asyncio
import os
import resource
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from gateway.errors import GatewayError
from gateway.operations.backtest_job import (
    MEMORY_BYTES,
    SECONDS,
    Answer,
    Case,
    Job,
    Outcome,
    decode_job,
    encode,
)
from gateway.store.counts import Stretch, read_counts
from gateway.store.database import Database, open_store
from gateway.store.digests import read_folded
from gateway.store.episodes import count_told
from gateway.store.history import DAY
from gateway.store.schema import history
from thresholds.backtest import trial
from thresholds.model import Level, Threshold, ThresholdKey
from thresholds.trial import Trial

NICENESS: Final = 10
"""The process yields to the count."""

MINUTE: Final = 60


def main() -> None:
    """Do one job; whatever fails ends the process with its message on standard error."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))  # also where the daemon is gone
    os.nice(NICENESS)
    job = decode_job(sys.stdin.buffer.read())
    try:
        sys.stdout.buffer.write(encode(asyncio.run(work(job))))
    except GatewayError as error:
        sys.exit(error.message)


async def work(job: Job) -> Answer:
    """Read the history and try every case on it."""
    database = open_store(job.store_url, Path(job.password_file) if job.password_file else None)
    try:
        return await _tried(database, job)
    finally:
        await database.close()


async def _tried(database: Database, job: Job) -> Answer:
    async with database.read() as connection:
        until = (await read_folded(connection)).history_until
        oldest = (await connection.execute(select(func.min(history.c.day)))).scalar_one()
        told = await count_told(connection, job.since, until)
    first = until if oldest is None else oldest * DAY
    on_record = Counter({(each.key, each.level): each.count for each in told})
    found: dict[int, Outcome] = {}
    by_place: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, case in enumerate(job.cases):
        row = case.either
        by_place[row.user_id, row.communication, row.service].append(number)
    for numbers in by_place.values():
        cases = [job.cases[number] for number in numbers]
        found |= zip(numbers, await _one_place(database, job.since, first, until, cases), strict=True)
    outcomes = (_with_record(found[n], job.cases[n].either.key, on_record) for n in range(len(job.cases)))
    return Answer(first, until, tuple(outcomes))


async def _one_place(
    database: Database, since: int, first: int, until: int, cases: Sequence[Case]
) -> list[Outcome]:
    """Try cases that count the same over different periods; their windows are filled from before *since*."""
    longest = max(case.either.period.seconds for case in cases)
    start = max(first, since - longest - MINUTE) // MINUTE * MINUTE
    row = cases[0].either
    counts: list[int] = []
    if start < until:
        stretch = Stretch(row.user_id, row.communication, row.service, start, until, MINUTE)
        counts = await read_counts(database, stretch, 0)

    def tried(threshold: Threshold | None) -> Trial | None:
        return None if threshold is None else trial(counts, start, threshold, since)

    return [Outcome(tried(case.old), tried(case.new), 0, 0) for case in cases]


def _with_record(
    outcome: Outcome, key: ThresholdKey, on_record: Counter[tuple[ThresholdKey, Level]]
) -> Outcome:
    warnings, quarantines = on_record[key, Level.WARNING], on_record[key, Level.QUARANTINE]
    return Outcome(outcome.old, outcome.new, warnings, quarantines)


if __name__ == "__main__":
    main()
