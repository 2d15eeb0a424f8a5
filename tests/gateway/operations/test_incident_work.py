"""What people do with incidents: who may, what is on record, what is told, and what somebody else did meanwhile."""

import asyncio

import msgspec
import pytest

from gateway.errors import Conflict, GatewayError, InvalidInput, NotFound, NotPermitted
from gateway.life import FINDINGS, OPEN_STATES, IncidentState
from gateway.store.database import Database
from gateway.store.incidents import count_open, find_open, get_incident, update_incident
from tests.support.incident_work import ADAM, ANA, OLGA, ZOE, Office, queue_facts

ACKNOWLEDGED, CONFIRMED, CLOSED = (IncidentState(name) for name in ("acknowledged", "confirmed", "closed"))


async def test_each_step_is_on_record_in_the_history_and_told(database: Database) -> None:
    office = await Office(database).staffed()
    incident = await office.breach()
    for state in (ACKNOWLEDGED, IncidentState.INVESTIGATING, CONFIRMED, CLOSED):
        office.now += 60
        incident = await office.work.step(ANA, incident.id, state, f"why {state}", incident.version)
    assert (incident.state, incident.finding, incident.closed_by) == (CLOSED, CONFIRMED, "ana")
    found = await office.incidents.get(ADAM, incident.id, 10)
    states = [(step.state, step.done_by, step.reason) for step in found.work.steps]
    names = ["acknowledged", "investigating", "confirmed", "closed"]
    assert states == [("candidate", "system", ""), *((name, "ana", f"why {name}") for name in names)]
    assert [step.done_at - int(office.now) for step in found.work.steps[1:]] == [-180, -120, -60, 0]
    records = await office.records("incident/1")
    assert [record["action"] for record in records] == [step.action for step in found.work.steps]
    assert [record["number"] for record in records] == [step.record for step in found.work.steps]
    alerts = await office.alerts("file")
    assert [alert.event for alert in alerts] == ["opened", "updated", "updated", "updated", "closed"]
    assert [(alert.state, alert.by, alert.reason) for alert in alerts[1:]] == states[1:]
    assert len({alert.id for alert in alerts}) == len(alerts)


@pytest.mark.parametrize("with_version", [True, False], ids=["version", "state"])
async def test_of_two_who_decide_at_once_the_second_is_told_what_the_first_did(
    database: Database, with_version: bool
) -> None:
    office = await Office(database).staffed()
    incident = await office.breach()
    seen = incident.version if with_version else None
    calls = [
        office.work.step(who, incident.id, state, f"by {who.name}", seen)
        for who, state in ((ANA, IncidentState.FALSE_POSITIVE), (ZOE, CONFIRMED))
    ]
    first, second = sorted(
        await asyncio.gather(*calls, return_exceptions=True), key=lambda it: isinstance(it, Exception)
    )
    assert isinstance(second, Conflict)
    winner = (await office.incidents.get(ADAM, incident.id, 0)).work.steps[-1]
    assert winner.done_by in second.message, "who was quicker"
    assert not isinstance(first, BaseException)
    assert winner.state == first.state
    assert len(await office.alerts("file")) == 2, "nothing of the second is told"
    assert len(await office.records("incident/1")) == 2


async def test_nobody_closes_a_finding_that_they_have_not_seen(sqlite: Database) -> None:
    """Zoe saw a false positive; meanwhile Ana took that back and confirmed it."""
    office = await Office(sqlite).staffed()
    number = (await office.breach()).id
    seen = await office.work.step(ZOE, number, IncidentState.FALSE_POSITIVE, "a test")
    await office.work.step(ANA, number, IncidentState.INVESTIGATING, "it is none")
    await office.work.step(ANA, number, CONFIRMED, "it is real")
    with pytest.raises(Conflict, match="ana"):
        await office.work.close(ZOE, number, "a test, as said", version=seen.version)
    assert (await office.incidents.get(ADAM, number, 0)).incident.state is CONFIRMED


async def test_operators_acknowledge_and_note_and_decide_nothing(sqlite: Database) -> None:
    office = await Office(sqlite).staffed()
    number = (await office.breach()).id
    await office.work.step(OLGA, number, ACKNOWLEDGED, "I am on it")
    await office.papers.note(OLGA, number, "the adaptor was restarted")
    for refused in (
        office.work.step(OLGA, number, CONFIRMED, "x"),
        office.work.close(OLGA, number, "x", CONFIRMED),
        office.work.assign(OLGA, number, "ana"),
        office.papers.attach(OLGA, number, "a", b"x"),
        office.marking.mark(OLGA, number, "confidential", (), "x"),
        office.papers.note(ADAM, number, "x"),
    ):
        with pytest.raises(NotPermitted):
            await refused


async def test_closing_needs_a_finding_and_takes_both_steps_at_once(sqlite: Database) -> None:
    office = await Office(sqlite).staffed()
    number = (await office.breach()).id
    with pytest.raises(Conflict, match="cannot become closed"):
        await office.work.close(ANA, number, "done")
    closed = await office.work.close(ANA, number, "a campaign", IncidentState.EXPECTED_WORK)
    assert (closed.state, closed.finding) == (CLOSED, IncidentState.EXPECTED_WORK)
    with pytest.raises(Conflict, match="closed already by ana"):
        await office.work.close(ZOE, number, "again", CONFIRMED)


async def test_what_another_release_wrote_is_not_taken_up_by_another_incident(sqlite: Database) -> None:
    office = await Office(sqlite).staffed()
    first = await office.open(queue_facts(), "full", subject_key="queue")
    await office.work.close(ANA, first.id, "over", CONFIRMED)
    async with sqlite.write() as connection:
        await update_incident(connection, first.id, detail=b'{"kind":"of another release"}')
    with pytest.raises(Conflict, match="another release"):
        await office.work.reopen(ANA, first.id, "more")


async def test_a_closed_incident_is_taken_up_by_another_that_names_it(database: Database) -> None:
    office = await Office(database).staffed()
    first = await office.open(queue_facts(), "full", subject_key="queue")
    with pytest.raises(Conflict, match="is not closed"):
        await office.work.reopen(ANA, first.id, "more")
    closed = await office.work.close(ANA, first.id, "over", CONFIRMED)
    seen = await office.work.ticket(ANA, first.id, "INC-7", closed.version)
    with pytest.raises(Conflict, match=r"ana, .*ticket INC-7"):
        await office.work.reopen(ZOE, first.id, "it was not over", closed.version)
    again = await office.work.reopen(ZOE, first.id, "it was not over", seen.version)
    assert (again.reopens, again.state, again.title) == (first.id, IncidentState.CANDIDATE, "full")
    told = (await office.alerts("file"))[-1]
    assert (told.event, told.incident, told.by, told.reason) == ("opened", again.id, "zoe", "it was not over")
    assert (await office.incidents.get(ADAM, first.id, 0)).work.reopened_as == [again.id]
    with pytest.raises(Conflict, match=f"was reopened as {again.id}"):
        await office.work.reopen(ANA, first.id, "more")


async def test_what_is_open_for_a_subject_is_not_opened_twice(database: Database) -> None:
    office = await Office(database).staffed()
    first = await office.open(queue_facts(), "full", subject_key="queue")
    await office.work.close(ANA, first.id, "over", CONFIRMED)
    other = await office.open(queue_facts(), "full again", subject_key="queue")
    await office.work.step(ANA, other.id, CONFIRMED, "yes")
    with pytest.raises(Conflict, match=f"incident {other.id} is open"):
        await office.work.reopen(ANA, first.id, "more")


@pytest.mark.parametrize("state", OPEN_STATES)
async def test_what_comes_back_adds_to_an_incident_until_it_is_closed(
    sqlite: Database, state: IncidentState
) -> None:
    office = await Office(sqlite).staffed()
    incident = await office.open(queue_facts(), "full", subject_key="queue")
    if state is not IncidentState.CANDIDATE:
        await office.work.step(ANA, incident.id, state, "seen")
    async with sqlite.write() as connection:
        found = await find_open(connection, incident.kind, "queue")
        assert found
        assert found.state is state
        changed = msgspec.structs.replace(queue_facts(), occurrences=2)
        await office.candidates.update(connection, found, changed, "full twice", office.now)
    assert (await office.incidents.get(ADAM, incident.id, 0)).incident.title == "full twice"
    assert (await office.incidents.newest(ADAM, OPEN_STATES, 10))[0].state is state
    await office.work.close(ANA, incident.id, "over", CONFIRMED if state not in FINDINGS else None)
    async with sqlite.read() as connection:
        assert await find_open(connection, incident.kind, "queue") is None
        assert await count_open(connection) == {}


async def test_assignment_ticket_and_classification_are_on_record(sqlite: Database) -> None:
    office = await Office(sqlite).staffed()
    number = (await office.breach()).id
    await office.work.assign(ANA, number, "zoe")
    await office.work.ticket(ANA, number, "  CHG 12 ")
    decided = await office.work.classify(ANA, number, ("c", "a", "c"), "compromise", "supply was cut")
    assert (decided.assigned_to, decided.ticket) == ("zoe", "CHG 12")
    assert (decided.licence, decided.sec) == ("ac", "compromise")
    none = await office.work.classify(ANA, number, (), "none", "it was a test")
    assert (none.licence, none.sec) == ("", "none"), "decided that it is none, not undecided"
    last = (await office.alerts("file"))[-1]
    assert (last.assigned_to, last.ticket) == ("zoe", "CHG 12")
    found = await office.incidents.get(ADAM, number, 0)
    assert found.suggestion
    assert found.suggestion.letter == "c"
    assert [record["action"] for record in await office.records("incident/1")][1:] == [
        *("incident.assigned", "incident.ticket"),
        *("incident.classification", "incident.classification"),
    ]


@pytest.mark.parametrize("name", ["nobody", "machine", "", " "])
async def test_only_people_who_may_look_are_assigned_or_nominated(sqlite: Database, name: str) -> None:
    office = await Office(sqlite).staffed()
    number = (await office.breach()).id
    with pytest.raises(InvalidInput):
        await office.marking.mark(ANA, number, "classified", [name], "why")
    if name:
        with pytest.raises(InvalidInput):
            await office.work.assign(ANA, number, name)
    async with sqlite.read() as connection:
        assert (await get_incident(connection, number)).version == 1


@pytest.mark.parametrize(
    "text", ["", " \n ", "x" * 4001, "bell \x07", "null \0", "\x1b[31m red", "\u202e turned round", "\ud800"]
)
async def test_a_note_is_text_that_people_can_read(sqlite: Database, text: str) -> None:
    office = await Office(sqlite).staffed()
    number = (await office.breach()).id
    with pytest.raises(InvalidInput):
        await office.papers.note(ANA, number, text)
    note = await office.papers.note(ANA, number, "first\r\n<b>second</b>\n")
    assert note.text == "first\n<b>second</b>"


async def test_it_is_kept_who_was_told_and_when(database: Database) -> None:
    office = await Office(database).staffed()
    number = (await office.breach()).id
    for whom in ("Security Sub-Committee", "DCC"):
        await office.papers.notify(ANA, number, whom, office.now - 60, "SSC-7")
    with pytest.raises(InvalidInput, match="past"):
        await office.papers.notify(ANA, number, "Ofgem", office.now + 1, "")
    told = (await office.incidents.get(ADAM, number, 0)).work.notifications
    assert [(each.whom, each.told_at) for each in told] == [
        ("Security Sub-Committee", office.now - 60),
        ("DCC", office.now - 60),
    ]


async def test_nothing_is_done_to_what_is_not_there(sqlite: Database) -> None:
    office = await Office(sqlite).staffed()
    for call in (
        office.work.step(ANA, 9, ACKNOWLEDGED, "x"),
        office.papers.note(ANA, 9, "x"),
        office.papers.take(ANA, 9, "0" * 64),
        office.marking.merge(ANA, 9, 10, "x"),
    ):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(GatewayError, match="reason"):
        await office.work.step(ANA, 9, ACKNOWLEDGED, " ")
    assert await office.records() == []
