"""A silence mutes alerts and nothing else, and what it muted and still stands is told when it is over."""

import json
from typing import Any, Final

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select

from gateway.access import Person, Role
from gateway.alerts.candidate import UPDATE_SECONDS, Candidate, Candidates
from gateway.alerts.facts import QueueFull
from gateway.alerts.message import Alert, decode
from gateway.errors import Conflict, InvalidInput, NotPermitted
from gateway.operations.silences import AHEAD_DAYS, DAY, LONGEST_DAYS, NewSilence, Silences
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from gateway.store.incidents import get_incident, update_incident
from gateway.store.schema import outbox
from gateway.store.silences import Scope, StoredSilence
from tests.support.databases import opened, store_settings

START: Final = 1_800_000_000
OLGA: Final = Person("olga", frozenset({Role.OPERATOR}))
ADAM: Final = Person("adam", frozenset({Role.AUDITOR}))
QUEUE: Final = Scope(kind="queue_full")


class Desk:
    """Incidents and silences of one store, with a clock that moves when it is told to."""

    def __init__(self, database: Database) -> None:
        self.now = START
        self.database = database
        self.candidates = Candidates("test", ("file",), lambda: None)
        self.silences = Silences(database, self.candidates, lambda: float(self.now))

    async def silence(self, seconds: int = 600, scope: Scope = QUEUE, **more: Any) -> StoredSilence:
        new = NewSilence("upgrade of the adaptor", self.now + seconds, scope=scope, **more)
        return await self.silences.create(OLGA, new)

    async def open(self, level: str = "warning", subject: str = "queue") -> int:
        async with self.database.write() as connection:
            new = Candidate(facts(level), "full", self.now, subject_key=subject)
            return await self.candidates.open(connection, new, self.now)

    async def update(self, number: int, figure: int) -> None:
        async with self.database.write() as connection:
            incident = await get_incident(connection, number)
            changed = msgspec.structs.replace(facts(incident.level), figures={"n": figure})
            await self.candidates.update(connection, incident, changed, f"full {figure}", self.now)

    async def close(self, number: int) -> None:
        async with self.database.write() as connection:
            incident = await get_incident(connection, number)
            await self.candidates.close(connection, incident, by="ana", reason="seen", now=self.now)

    async def wait(self, seconds: int) -> None:
        self.now += seconds
        await self.silences.settle()

    async def alerts(self) -> list[Alert]:
        async with self.database.read() as connection:
            rows = await connection.execute(select(outbox.c.message).order_by(outbox.c.id))
            found = [decode(message) for message in rows.scalars()]
        assert len({alert.id for alert in found}) == len(found)
        return found

    async def told(self) -> list[tuple[int, str]]:
        return [(alert.incident, alert.event) for alert in await self.alerts()]

    async def actions(self, subject: str) -> list[str]:
        records = await read_records(self.database, subject=subject)
        return [json.loads(record.body)["action"] for record in records]


def facts(level: str = "warning") -> QueueFull:
    since = "2027-01-15T08:00:00.000Z"
    return QueueFull(
        level=level, subject="queue", since=since, until=None, occurrences=1, detail="full", figures={}
    )


async def test_a_muted_incident_is_on_record_as_ever_and_told_at_the_end_with_its_true_beginning(
    database: Database,
) -> None:
    desk = Desk(database)
    silence = await desk.silence(planned_work=True)
    number = await desk.open()
    assert await desk.told() == []
    assert await desk.actions(f"incident/{number}") == ["incident.opened", "alert.muted"]
    row, muted = await desk.silences.one(ADAM, silence.id, 10)
    assert (row.state, row.muted) == ("active", 1)
    assert [(each.incident_id, each.event, each.told_at) for each in muted] == [(number, "opened", None)]
    await desk.wait(599)
    assert await desk.told() == []
    await desk.wait(1)
    (alert,) = await desk.alerts()
    assert (alert.event, alert.incident, alert.opened_at) == ("opened", number, "2027-01-15T08:00:00.000Z")
    assert alert.title == "full (planned work: upgrade of the adaptor)"
    await desk.wait(60)
    assert await desk.told() == [(number, "opened")], "it is told once"
    row, muted = await desk.silences.one(ADAM, silence.id, 10)
    assert (row.state, muted[0].told_at) == ("over", START + 600)
    assert await desk.actions(silence.subject) == ["silence.created", "silence.over"]


async def test_who_ends_a_silence_early_lets_all_be_told(sqlite: Database) -> None:
    desk = Desk(sqlite)
    silence = await desk.silence()
    numbers = [await desk.open(subject=str(each)) for each in range(120)]
    ended = await desk.silences.end(OLGA, silence.id, "done sooner")
    assert (ended.ended_by, ended.end_reason) == ("olga", "done sooner")
    assert await desk.open(subject="later")
    await desk.wait(0)
    assert sorted(await desk.told()) == sorted((each, "opened") for each in [*numbers, 121])
    with pytest.raises(Conflict):
        await desk.silences.end(OLGA, silence.id, "again")


async def test_what_was_closed_meanwhile_is_not_told_and_says_so(sqlite: Database) -> None:
    desk = Desk(sqlite)
    await desk.silence()
    number = await desk.open()
    await desk.close(number)
    await desk.wait(600)
    assert await desk.told() == []
    assert await desk.actions(f"incident/{number}") == [
        "incident.opened",
        "alert.muted",
        "incident.closed",
        "alert.muted",
    ]


async def test_what_the_soc_knows_is_updated_after_the_silence_and_its_end_is_told_in_it(
    sqlite: Database,
) -> None:
    desk = Desk(sqlite)
    first, second = await desk.open(), await desk.open(subject="other")
    await desk.silence(2 * UPDATE_SECONDS)
    await desk.update(first, 7)
    await desk.close(second)
    assert await desk.told() == [(first, "opened"), (second, "opened"), (second, "closed")]
    await desk.wait(2 * UPDATE_SECONDS)
    assert (await desk.told())[3:] == [(first, "updated")]
    assert (await desk.alerts())[-1].title == "full 7"


async def test_the_quarantine_level_is_muted_in_so_many_words_alone(sqlite: Database) -> None:
    desk = Desk(sqlite)
    await desk.silence(planned_work=True)
    number = await desk.open("quarantine")
    (alert,) = await desk.alerts()
    assert (alert.incident, alert.title) == (number, "full (planned work: upgrade of the adaptor)")
    await desk.silence(quarantine=True)
    await desk.open("quarantine", "other")
    assert len(await desk.alerts()) == 1
    never = (
        Scope(kind="queue_full", level="quarantine"),
        Scope(kind="dcc_quarantine"),
        Scope(kind="unknown_request"),
    )
    for scope in never:
        with pytest.raises(InvalidInput) as refused:
            await desk.silence(scope=scope)
        assert refused.value.code == "silence_quarantine", "who made it would believe that something is muted"


async def test_another_silence_holds_back_what_the_first_one_let_go(sqlite: Database) -> None:
    desk = Desk(sqlite)
    await desk.silence(100)
    await desk.silence(300)
    number = await desk.open()
    await desk.wait(100)
    await desk.wait(100)
    assert await desk.told() == []
    await desk.wait(100)
    assert await desk.told() == [(number, "opened")]


async def test_a_step_between_the_end_and_the_next_look_tells_the_beginning_first(sqlite: Database) -> None:
    """Whoever acts in the second before it is looked which silences are over."""
    desk = Desk(sqlite)
    await desk.silence(100)
    first, second = await desk.open(), await desk.open(subject="other")
    desk.now += 100
    await desk.close(first)
    await desk.update(second, 3)
    await desk.wait(1)
    assert await desk.told() == [
        (first, "opened"),
        (first, "closed"),
        (second, "opened"),
        (second, "updated"),
    ]


async def test_a_silence_mutes_what_it_names_and_nothing_else(sqlite: Database) -> None:
    desk = Desk(sqlite)
    await desk.silence(scope=Scope(kind="clock"))
    await desk.silence(scope=Scope(kind="queue_full", user_id="90-B3-D5-1F-30-01-00-00"))
    await desk.silence(scope=Scope(kind="queue_full", service="4.1.1"))
    await desk.silence(begins_at=START + 60)
    assert await desk.open()
    assert len(await desk.told()) == 1


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ends_at": START}, "silence_ends"),
        ({"ends_at": START + LONGEST_DAYS * DAY + 1}, "silence_ends"),
        ({"begins_at": START + AHEAD_DAYS * DAY + 1, "ends_at": START + 99 * DAY}, "silence_begins"),
        ({"begins_at": START + 60, "ends_at": START + 60}, "silence_ends"),
        ({"scope": Scope()}, "silence_scope"),
        ({"scope": Scope(level="warning")}, "silence_scope"),
        ({"scope": Scope(kind="anything")}, "silence_kind"),
        ({"scope": Scope(kind="clock", level="all")}, "silence_level"),
        ({"scope": Scope(user_id="nobody")}, "silence_user_id"),
        ({"scope": Scope(kind="threshold", communication="sr")}, "silence_communication"),
        ({"scope": Scope(kind="threshold", service="4.1.1'--")}, "silence_service"),
        ({"reason": " "}, "reason_required"),
    ],
)
async def test_a_silence_has_a_reason_an_end_and_a_scope(
    sqlite: Database, values: dict[str, Any], code: str
) -> None:
    usual: dict[str, Any] = {"reason": "x", "ends_at": START + 60, "scope": QUEUE}
    with pytest.raises(InvalidInput) as refused:
        await Desk(sqlite).silences.create(OLGA, NewSilence(**(usual | values)))
    assert refused.value.code == code


async def test_who_only_reads_mutes_nothing(sqlite: Database) -> None:
    desk = Desk(sqlite)
    with pytest.raises(NotPermitted):
        await desk.silences.create(ADAM, NewSilence("x", START + 60, scope=QUEUE))
    with pytest.raises(NotPermitted):
        await desk.silences.end(ADAM, (await desk.silence()).id, "x")


STEPS: Final = st.one_of(
    st.tuples(st.just("silence"), st.integers(1, 400)),
    st.tuples(st.just("open")),
    st.tuples(st.just("update"), st.integers(0, 5)),
    st.tuples(st.just("close"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(0, 400)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=2, max_size=14))
async def test_whatever_happens_every_open_incident_is_told_once_all_silences_are_over(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    async with opened(store_settings(tmp_path_factory.mktemp("muting"))) as database:
        desk = Desk(database)
        is_open: dict[int, bool] = {}
        for name, *values in steps:
            numbers = [number for number, still in is_open.items() if still]
            if name == "open":
                is_open[await desk.open(subject=str(len(is_open)))] = True
            elif name in {"silence", "wait"}:
                await getattr(desk, name)(*values)
            elif numbers:
                number = numbers[values[0] % len(numbers)]
                await (desk.close(number) if name == "close" else desk.update(number, desk.now))
                is_open[number] = name != "close"
        await desk.wait(1000)
        told = await desk.told()
        for number, still in is_open.items():
            events = [event for incident, event in told if incident == number]
            assert events[:1] == ["opened"] if still or events else events == []
            assert events.count("opened") <= 1
            assert events.count("closed") == (not still and bool(events))
        assert await desk.silences.find(ADAM, 10, over=False) == (0, [])


async def test_a_classified_incident_keeps_its_title_to_itself(sqlite: Database) -> None:
    desk = Desk(sqlite)
    silence = await desk.silence()
    number = await desk.open()
    async with sqlite.write() as connection:
        await update_incident(connection, number, marking="classified")
    row, muted = await desk.silences.one(ADAM, silence.id, 10)
    assert (row.muted, row.withheld, muted) == (1, 1, [])


async def test_a_silence_that_is_over_for_good_mutes_nothing_whatever_the_clock_says(
    sqlite: Database,
) -> None:
    """A clock set back, or a step that waited for the store while the silence was settled: nobody would tell it."""
    desk = Desk(sqlite)
    await desk.silence(60)
    await desk.wait(61)
    desk.now -= 30
    number = await desk.open()
    assert await desk.told() == [(number, "opened")]


async def test_a_clock_set_back_while_a_silence_is_settled_swallows_nothing(sqlite: Database) -> None:
    desk = Desk(sqlite)
    await desk.silence(60)
    number = await desk.open()
    times = iter([START + 61.0])
    desk.silences = Silences(sqlite, desk.candidates, lambda: next(times, START + 30.0))
    await desk.silences.settle()
    assert await desk.told() == [(number, "opened")]
