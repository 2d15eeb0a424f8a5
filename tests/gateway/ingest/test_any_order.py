"""Any order, delay, repetition and split into deliveries: the way through intake, journal and count loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import insert

from gateway.alerts.candidate import Candidates
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.intake import Intake, Taken
from gateway.ingest.receive import Receiver
from gateway.ingest.recorder import Recorder
from gateway.settings import Ingest
from gateway.store.database import Database, inserted_id
from gateway.store.incidents import list_incidents
from gateway.store.journal import Observation
from gateway.store.journal_writer import open_journal_writer
from gateway.store.schema import adt_files
from gateway.store.thresholds import insert_thresholds
from tests.support.databases import opened, store_settings
from tests.support.duis_messages import request_id, service_request
from tests.support.oracle import MONDAY, USER, Oracle, row
from tests.support.traffic import communication
from thresholds.catalogue import load_catalogue

START = MONDAY + 3600
PERIOD, WARNING, QUARANTINE = 60, 3, 6


class Gateway:
    """Intake, journal on an SQLite file and count, with a clock that moves when it is told to."""

    def __init__(self, database: Database) -> None:
        self.now = START
        self.database = database
        recorder = Recorder(database, Candidates("test", (), lambda: None), str)
        self.counting = Counting(database, recorder, Health(), self._clock)
        self.journal = open_journal_writer(database)
        self.intake = Intake(database, self.journal, self.counting, Ingest(), self._clock)

    def _clock(self) -> float:
        return float(self.now)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Gateway]:
    async with opened(store_settings(folder)) as database:
        async with database.write() as connection:
            values = dict.fromkeys(("name", "profile", "sha256", "submitted_by"), "x")
            times = {
                "approved_by": "bob",
                "effective_from": 0,
                "submitted_at": 0,
                "row_count": 1,
                "state": "in force",
            }
            result = await connection.execute(insert(adt_files).values(content=b"", **values, **times))
            thresholds = [row(PERIOD, WARNING, QUARANTINE)]
            await insert_thresholds(connection, inserted_id(result), thresholds, 0)
        gateway = Gateway(database)
        await gateway.intake.recover()
        async with asyncio.TaskGroup() as group:
            work = group.create_task(gateway.intake.run())
            yield gateway
            work.cancel()
        gateway.journal.close()


DELIVERIES = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 3, 20, 70]),  # seconds since the delivery before
        st.lists(
            st.tuples(st.integers(0, 14), st.sampled_from([0, 0, 1, 5, 59, 250])), min_size=1, max_size=6
        ),
    ),
    min_size=1,
    max_size=8,
)
"""Each request is a number, which may come again anywhere, and by how many seconds it is late."""


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries=DELIVERIES)
async def test_the_whole_way_counts_and_breaches_like_the_definition(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    oracle = Oracle([row(PERIOD, WARNING, QUARANTINE)], START)
    known: set[int] = set()
    async with running(tmp_path_factory.mktemp("order")) as gateway:
        for gap, requests in deliveries:
            gateway.now += gap
            await gateway.counting.tick()
            sent = [observation(number, gateway.now - late, gateway.now) for number, late in requests]
            fresh = dict(reversed([(number, late) for number, late in requests if number not in known]))
            taken = await gateway.intake.take(sent)
            assert (taken.accepted, taken.duplicate) == (len(fresh), len(requests) - len(fresh))
            for number, late in dict.fromkeys((n, fresh[n]) for n, _ in requests if n in fresh):
                oracle.observe(gateway.now - late, gateway.now)
                known.add(number)
            await gateway.intake.ask()
            (rate,) = gateway.counting.rates()
            assert rate.count == oracle.count(gateway.now)
        gateway.now += 1
        await gateway.counting.tick()
        oracle.advance(gateway.now)
        async with gateway.database.read() as connection:
            incidents = await list_incidents(connection)
    found = sorted((incident.level, incident.opened_at, incident.is_open) for incident in incidents)
    reports = [report[1:] for report in oracle.reports if report[0] == "opened"]
    superseded = {report[-1] for report in reports}
    assert found == sorted(
        (level, at, level == "quarantine" or at not in superseded) for level, at, *_ in reports
    )


def observation(number: int, observed_at: int, received_at: int) -> Observation:
    sent = msgspec.structs.replace(communication(), request_id=request_id(number), counter=number)
    return Observation(sent, observed_at * 1000, received_at * 1000)


@pytest.mark.parametrize(("wait", "counted"), [(0, 1), (200, 0), (1000, 1)])
async def test_what_waited_for_the_store_counts_after_a_restart_where_it_counted_before(
    tmp_path: Path, wait: int, counted: int
) -> None:
    """A file of the drop folder and a request that was passed on are read once and handed in until they are taken."""
    async with running(tmp_path) as gateway:
        receiver = Receiver(gateway.intake, load_catalogue().classify, gateway._clock)
        read = await receiver.read(service_request(request_id(1, USER), 1, "4.1", "4.1.1"))
        gateway.now += wait
        await gateway.counting.tick()
        assert await receiver.take(read) == Taken(1, 0)
        gateway.now += 1
        other = service_request(
            request_id(2), 1, "4.1", "4.1.1"
        )  # the newest group is counted anew at a start
        assert await receiver.request(other) == Taken(1, 0)
        await gateway.intake.ask()
        await gateway.counting.tick()
        before = [rate.count for rate in gateway.counting.rates()]
        again = Gateway(gateway.database)
        again.now = gateway.now
        await again.counting.recover()
        assert [rate.count for rate in again.counting.rates()] == before == [counted]
