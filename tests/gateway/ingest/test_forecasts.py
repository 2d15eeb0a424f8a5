"""A forecast is one incident from when it is raised until it is withdrawn, whatever happens in between."""

import itertools
from typing import Any, Final

import msgspec
import pytest
from sqlalchemy import insert

from gateway.alerts.candidate import Candidates
from gateway.clock import to_text
from gateway.errors import StoreRefused, Unavailable
from gateway.health import Health
from gateway.ingest.counting import OUTLOOK_SECONDS, Counting
from gateway.ingest.recorder import Recorder
from gateway.store.database import Database, inserted_id
from gateway.store.forecasts import read_forecasts
from gateway.store.incident_work import nominees_of, set_nominees
from gateway.store.incidents import StoredIncident, list_incidents, update_incident
from gateway.store.journal import Observation
from gateway.store.journal_writer import DatabaseJournalWriter
from gateway.store.schema import adt_files
from gateway.store.thresholds import insert_thresholds, supersede_users
from tests.support.rows import ANN, make_observation
from tests.support.watching import START
from thresholds.model import Period, Threshold
from thresholds.outlook import CLEAR_SECONDS

HOUR: Final = Period(3600, "PT1H")
WARN: Final = 1800


class Gateway:
    """The count with its store, and a clock that moves when it is told to."""

    def __init__(self, database: Database) -> None:
        self.now = int(START)
        self._database = database
        self._journal = DatabaseJournalWriter(database)
        self._counters = itertools.count(1)
        self._warn = WARN
        self.counting = self._make()

    def _make(self) -> Counting:
        self.recorder = Recorder(
            self._database, Candidates("test", ("file",), lambda: None), lambda service: service
        )
        clock = lambda: float(self.now)  # noqa: E731 - it is the clock
        return Counting(self._database, self.recorder, Health(), clock, self._warn)

    async def restart(self, warn: int = WARN) -> None:
        """Forget everything in memory and recover, as after a power cut."""
        self._warn = warn
        self.counting = self._make()
        await self.counting.recover()

    async def send(self, per_minute: int, seconds: int) -> None:
        """Let time pass with as many requests in each minute, evenly, and look as often as the daemon does."""
        for second in range(seconds):
            self.now += 1
            due = (second + 1) * per_minute // 60 - second * per_minute // 60
            if due:
                group = [self._observation() for _ in range(due)]
                await self.counting.count(group, await self._journal.append(group, self.now))
            if self.now % OUTLOOK_SECONDS == 0:
                await self.counting.tick()

    def _observation(self) -> Observation:
        seen = make_observation(next(self._counters), self.now * 1000)
        return msgspec.structs.replace(seen, received_at_ms=self.now * 1000)

    async def put_in_force(self, *levels: tuple[int, int]) -> None:
        """Put thresholds in force that have been effective for a minute."""
        async with self._database.write() as connection:
            texts = ("name", "profile", "sha256", "submitted_by")
            values = dict.fromkeys(texts, "x") | {"approved_by": "bob", "state": "in force"}
            times = {"effective_from": self.now - 60, "submitted_at": self.now - 90, "row_count": 1}
            result = await connection.execute(insert(adt_files).values(content=b"", **values, **times))
            rows = [Threshold(ANN, "SR", "4.1.1", HOUR, low, high, self.now - 60) for low, high in levels]
            await supersede_users(connection, [ANN], self.now)
            await insert_thresholds(connection, inserted_id(result), _of_file(rows, result), self.now)
        await self.counting.replace_thresholds()

    async def incidents(self, kind: str | None = "forecast") -> list[StoredIncident]:
        async with self._database.read() as connection:
            return list(reversed(await list_incidents(connection, kind=kind)))

    async def raised(self) -> int:
        async with self._database.read() as connection:
            return len(await read_forecasts(connection))


def _of_file(rows: list[Threshold], result: Any) -> list[Threshold]:
    return [msgspec.structs.replace(row, file_id=inserted_id(result), line=2) for row in rows]


def known(incident: StoredIncident) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(incident.detail)
    return found


async def test_a_forecast_that_comes_true_names_the_breach(database: Database) -> None:
    running = Gateway(database)
    await running.put_in_force((150, 200))
    await running.send(12, 300)
    (forecast,) = await running.incidents()
    facts = known(forecast)
    assert (forecast.state, forecast.level, forecast.user_id) == ("candidate", "warning", ANN)
    assert (facts["limit"], facts["threshold"]["quarantine"]) == (200, 200)
    assert to_text(running.now) < facts["earliest_at"] <= facts["expected_at"] <= facts["latest_at"]
    await running.send(12, 750)
    (forecast,) = await running.incidents()
    warning, quarantine = await running.incidents("threshold")
    assert (quarantine.level, warning.state) == ("quarantine", "closed")
    assert (forecast.state, forecast.superseded_by) == ("closed", quarantine.id)
    assert known(forecast)["outcome"] == "reached"
    assert known(forecast)["reached"] == quarantine.id
    assert f"candidate incident {quarantine.id}" in (forecast.reason or "")
    assert known(forecast)["ended_at"] == to_text(quarantine.opened_at)
    assert await running.raised() == 0


async def test_what_a_classified_forecast_foretold_is_classified_too(sqlite: Database) -> None:
    """The breach takes its place: whoever may not know of the one may not read the other."""
    running = Gateway(sqlite)
    await running.put_in_force((150, 200))
    await running.send(12, 300)
    (forecast,) = await running.incidents()
    async with sqlite.write() as connection:
        await update_incident(connection, forecast.id, marking="classified")
        await set_nominees(connection, forecast.id, ["ana"])
    await running.send(12, 750)
    warning, quarantine = await running.incidents("threshold")
    assert (warning.level, warning.marking) == ("warning", ""), "that one was not foretold"
    assert (quarantine.level, quarantine.marking) == ("quarantine", "classified")
    async with sqlite.read() as connection:
        assert await nominees_of(connection, quarantine.id) == ["ana"]


async def test_a_forecast_recedes_when_the_requests_stop(sqlite: Database) -> None:
    running = Gateway(sqlite)
    await running.put_in_force((150, 200))
    await running.send(12, 300)
    assert await running.raised() == 1
    await running.send(0, 700 + 2 * CLEAR_SECONDS)
    (forecast,) = await running.incidents()
    assert (forecast.state, known(forecast)["outcome"]) == ("closed", "receded")


async def test_a_restart_neither_doubles_nor_loses_a_forecast(database: Database) -> None:
    running = Gateway(database)
    await running.put_in_force((150, 200))
    for _ in range(10):
        await running.send(12, 60)
        await running.restart()
    (forecast,) = await running.incidents()
    assert forecast.state == "candidate"
    while running.counting._monitor.open_forecasts()[0].clear_since is None:
        await running.send(0, OUTLOOK_SECONDS)
    await running.send(0, CLEAR_SECONDS - 2 * OUTLOOK_SECONDS)
    await running.restart()  # since when nothing is in sight is remembered
    assert await running.raised() == 1
    await running.send(0, 2 * OUTLOOK_SECONDS)
    (forecast,) = await running.incidents()
    assert known(forecast)["outcome"] == "receded"


@pytest.mark.parametrize("how", ["gone", "raised", "off"])
async def test_a_forecast_is_withdrawn_with_its_thresholds(sqlite: Database, how: str) -> None:
    running = Gateway(sqlite)
    await running.put_in_force((150, 200))
    await running.send(12, 300)
    if how == "off":
        await running.restart(warn=0)
    else:
        await running.put_in_force(*([] if how == "gone" else [(9000, 10_000)]))
        await running.send(0, 2 * CLEAR_SECONDS)
    (forecast,) = await running.incidents()
    outcome = "receded" if how == "raised" else "withdrawn"
    assert (forecast.state, known(forecast)["outcome"]) == ("closed", outcome)
    assert await running.raised() == 0


async def test_one_that_a_person_closed_ends_without_a_word(sqlite: Database) -> None:
    running = Gateway(sqlite)
    await running.put_in_force((150, 200))
    await running.send(12, 300)
    (forecast,) = await running.incidents()
    async with sqlite.write() as connection:
        candidates = Candidates("test", ("file",), lambda: None)
        await candidates.close(connection, forecast, by="ana", reason="a campaign", now=running.now)
    await running.send(12, 60)
    await running.send(0, 900)
    (forecast,) = await running.incidents()
    assert (forecast.closed_by, known(forecast)["outcome"]) == ("ana", "")
    assert await running.raised() == 0


async def test_a_commit_that_was_answered_by_silence_is_not_done_twice(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on record and was reported as failed is tried again: it changes nothing then."""
    running = Gateway(sqlite)
    await running.put_in_force((150, 200))
    record, calls = Recorder.record_forecasts, itertools.count()

    async def first_fails(self: Recorder, *arguments: Any) -> None:
        await record(self, *arguments)
        if next(calls) % 2 == 0:
            raise Unavailable("store_unavailable", "no answer", "")

    monkeypatch.setattr(Recorder, "record_forecasts", first_fails)
    await running.send(12, 300)
    await running.send(0, 900)
    (forecast,) = await running.incidents()
    assert known(forecast)["outcome"] == "receded"
    assert next(calls) >= 4


async def test_a_forecast_that_the_store_refuses_stops_neither_the_count_nor_a_start(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Gateway(sqlite)
    await running.put_in_force((150, 200))
    await running.send(12, 300)

    async def refuse(*_: Any) -> None:
        raise StoreRefused("store_refused", "a rule of a table", "")

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "record_forecasts", refuse)
        await running.send(12, 750)
        assert [each.level for each in await running.incidents("threshold")] == ["warning", "quarantine"]
        await running.restart(warn=0)
        await running.restart()
    assert await running.raised() == 1
    await running.restart()
    await running.send(0, OUTLOOK_SECONDS)
    (forecast,) = await running.incidents()
    assert known(forecast)["outcome"] == "reached"


async def test_without_a_warning_time_nothing_is_foretold(sqlite: Database) -> None:
    running = Gateway(sqlite)
    await running.restart(warn=0)
    await running.put_in_force((150, 200))
    await running.send(12, 400)
    assert await running.incidents() == []


@pytest.mark.parametrize("detail", [b'{"kind":"forecast","shape":"of another release"}', b'{"kind":"x"}'])
async def test_a_forecast_that_another_release_wrote_ends_like_any_other(
    database: Database, detail: bytes
) -> None:
    """What cannot be read stays as it is; it keeps nothing else from going on record."""
    running = Gateway(database)
    await running.put_in_force((150, 200))
    await running.send(12, 300)
    (forecast,) = await running.incidents()
    async with database.write() as connection:
        await update_incident(connection, forecast.id, detail=detail)
    await running.send(12, 750)
    (forecast,) = await running.incidents()
    _, quarantine = await running.incidents("threshold")
    assert (forecast.state, forecast.superseded_by) == ("closed", quarantine.id)
    assert bytes(forecast.detail) == detail
    assert await running.raised() == 0
