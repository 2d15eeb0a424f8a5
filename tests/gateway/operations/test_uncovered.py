"""Who is counted against nothing is told, each once, and a flood of names together."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.candidate import Candidates
from gateway.alerts.facts import NoThresholds
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.recorder import Recorder
from gateway.ingest.senders import TRACKED, Senders
from gateway.operations import uncovered as module
from gateway.operations.rules import Rulebook, load_rules
from gateway.operations.uncovered import OTHERS, QUIET_SECONDS, UncoveredWatch, uncovered
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.incidents import list_incidents
from gateway.store.journal import Observation
from tests.support.adt import ROOT
from tests.support.rows import ANN, BOB, make_observation, make_threshold
from tests.support.watching import Machine, make_conditions
from thresholds.model import Threshold, UserId

NOW = 1000
ENDED = make_threshold(effective_from=100, effective_to=900)
COMING = make_threshold(effective_from=1100)
STANDING = make_threshold(effective_from=100)


def told(senders: Iterable[UserId], ours: set[UserId], rows: Iterable[Threshold]) -> list[tuple[str, str]]:
    return [(found.user_id, found.because) for found in uncovered(senders, ours, rows, NOW)]


def test_it_says_whether_there_never_was_a_threshold_or_when_the_last_ended() -> None:
    assert told([ANN], {ANN}, []) == [(ANN, "it has none in any file in force")]
    assert told([ANN], {ANN}, [ENDED]) == [(ANN, "the last ended at 1970-01-01T00:15:00Z")]
    assert told([ANN], {ANN}, [ENDED, COMING]) == [
        (ANN, "the last ended at 1970-01-01T00:15:00Z, the next begins at 1970-01-01T00:18:20Z")
    ]
    assert told([ANN], {ANN}, [ENDED, STANDING]) == []


def test_ours_whose_thresholds_have_all_ended_are_told_without_a_word_of_theirs() -> None:
    assert told([], {ANN}, [ENDED]) == [(ANN, "the last ended at 1970-01-01T00:15:00Z")]
    assert told([], {ANN}, [COMING]) == []
    assert told([], {ANN}, []) == [], "one that is set up and has not begun yet is no news"


def test_a_user_id_that_is_none_of_ours_is_called_so() -> None:
    assert [found.foreign for found in uncovered([ANN, BOB], {ANN}, [], NOW)] == [False, True]
    assert [found.foreign for found in uncovered([ANN, BOB], set(), [], NOW)] == [False, False]


ROWS = st.builds(
    make_threshold,
    user=st.sampled_from([ANN, BOB]),
    effective_from=st.integers(0, 2000),
    effective_to=st.none() | st.integers(0, 2000),
)


@given(rows=st.lists(ROWS, max_size=6), senders=st.sets(st.sampled_from([ANN, BOB])))
def test_who_is_told_has_no_threshold_in_force(rows: list[Threshold], senders: set[UserId]) -> None:
    found = {each.user_id for each in uncovered(senders, {ANN}, rows, NOW)}
    covered = {
        row.user_id
        for row in rows
        if row.effective_from <= NOW and (row.effective_to is None or row.effective_to > NOW)
    }
    assert not found & covered
    assert senders - covered <= found


class Watched:
    """A watch over a real count, with a clock that is moved by hand."""

    def __init__(self, database: Database) -> None:
        self.machine = Machine(NOW)
        self.conditions = make_conditions(database, self.machine)
        recorder = Recorder(database, Candidates("test", (), lambda: None), str)
        self.counting = Counting(database, recorder, Health(), self.machine, 3600)
        profile = {"profile": ROOT / "config" / "profiles" / "adt-1.toml"}
        users = [{"user_id": ANN, "roles": ["IS"]}]
        settings = Settings.model_validate({"adt_files": profile, "service_users": users})
        rules = Rulebook(load_rules(settings))
        self.watch = UncoveredWatch(self.conditions, self.counting, rules, self.machine)

    async def send(self, *users: str) -> None:
        """Count one communication of each User ID."""
        await self.counting.count([_sent(UserId(user), int(self.machine())) for user in users], 1)

    def after(self, seconds: float) -> list[str]:
        self.machine.wait(seconds)
        self.watch.look()
        return self.conditions.lasting(NoThresholds)


def _sent(user: UserId, now: int) -> Observation:
    seen = make_observation(observed_at_ms=now * 1000)
    sent = msgspec.structs.replace(seen.communication, originator=user)
    return msgspec.structs.replace(seen, communication=sent)


async def test_who_sends_without_thresholds_is_told_until_it_is_quiet_for_an_hour(sqlite: Database) -> None:
    watched = Watched(sqlite)
    assert watched.after(60) == []
    await watched.send(ANN, BOB)
    assert watched.after(60) == [ANN, BOB]
    await watched.send(ANN)
    assert watched.after(QUIET_SECONDS - 60) == [ANN, BOB]
    assert watched.after(60) == [ANN]
    await watched.conditions.write()
    async with sqlite.read() as connection:
        found = {incident.user_id: incident.title for incident in await list_incidents(connection)}
    assert found[ANN].startswith(f"no threshold of {ANN} is in force (it has none")
    assert "no more" in found[BOB]


async def test_thresholds_in_force_end_it(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(sqlite)
    await watched.send(ANN)
    assert watched.after(60) == [ANN]
    monkeypatch.setattr(watched.counting, "_thresholds", (STANDING,))
    assert watched.after(60) == []


async def test_a_flood_of_names_is_told_together_and_forgotten(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NAMED", 2)
    monkeypatch.setattr(module, "KEPT", 3)
    watched = Watched(sqlite)
    names = [f"90-B3-D5-1F-30-FF-00-{number:02X}" for number in range(10)]
    await watched.send(*names)
    assert watched.after(60) == [*names[:2], OTHERS]
    assert len(watched.watch._sent_at) == 5
    await watched.send(*names[:2])
    assert watched.after(QUIET_SECONDS) == names[:2], "the rest have been quiet for long"


async def test_a_restart_goes_on_with_who_was_told(sqlite: Database) -> None:
    watched = Watched(sqlite)
    await watched.send(BOB)
    watched.after(60)
    await watched.conditions.write()
    again = Watched(sqlite)
    await again.conditions.recover()
    again.watch = UncoveredWatch(again.conditions, again.counting, watched.watch._rules, again.machine)
    assert again.after(60) == [BOB]
    assert again.after(QUIET_SECONDS) == []
    await again.conditions.write()
    async with sqlite.read() as connection:
        (incident,) = await list_incidents(connection)
    detail: Any = msgspec.json.decode(incident.detail)
    assert (detail["occurrences"], detail["until"] is None) == (1, False)


@given(st.lists(st.integers(0, 5000), max_size=50))
def test_senders_are_bounded_whatever_is_in_the_headers(sizes: list[int]) -> None:
    senders, number = Senders(), 0
    for size in sizes:
        senders.note([_sent(UserId(str(number + each)), 1) for each in range(min(size, 300))])
        number += 300
    assert len(senders.take()) < TRACKED + 300
    assert senders.take() == frozenset()
