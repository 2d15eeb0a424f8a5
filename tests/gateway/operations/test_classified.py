"""What is classified is for its nominees alone, on every way in, and each look is on record before it is shown."""

import pytest

from gateway.access import Person
from gateway.alerts.facts import BreachFacts
from gateway.audit.verify import verify_chain
from gateway.errors import NotPermitted
from gateway.life import IncidentState
from gateway.live import Kind, Live
from gateway.store.audit_search import RecordFilter
from gateway.store.database import Database
from gateway.store.incident_list import IncidentFilter
from gateway.store.incidents import StoredIncident
from tests.support.incident_work import ADA, ADAM, ANA, OLGA, ZOE, Office
from tests.support.rows import ANN

SECRET = "supply of a hospital"


async def classified(database: Database) -> tuple[Office, StoredIncident]:
    """Return an incident that ana classified, with zoe as the other nominee."""
    office = await Office(database).staffed()
    incident = await office.breach()
    await office.papers.note(ANA, incident.id, SECRET)
    return office, await office.marking.mark(ANA, incident.id, "classified", ["zoe"], SECRET)


async def looks(office: Office) -> list[tuple[str, str]]:
    records = [record for record in await office.records() if record["action"] == "incident.looked_at"]
    return [(record["actor"], record["detail"]["way"]) for record in records]


@pytest.mark.parametrize("who", [ADA, ADAM, OLGA], ids=lambda each: str(each.name))
async def test_no_role_opens_what_is_classified(database: Database, who: Person) -> None:
    office, incident = await classified(database)
    sha256 = "0" * 64
    for call in (
        office.incidents.get(who, incident.id, 10),
        office.incidents.whole(who, incident.id, 10),
        anext(office.incidents.excess_csv(who, incident.id)),
        office.papers.take(who, incident.id, sha256),
    ):
        with pytest.raises(NotPermitted, match="none of its nominees"):
            await call
    assert await looks(office) == []


async def test_an_analyst_who_is_no_nominee_changes_nothing(sqlite: Database) -> None:
    office, incident = await classified(sqlite)
    await office.marking.mark(ZOE, incident.id, "classified", [], "ana has left")
    other = await office.breach(user="B")
    for call in (
        office.work.step(ANA, incident.id, IncidentState.ACKNOWLEDGED, "x"),
        office.papers.note(ANA, incident.id, "x"),
        office.marking.mark(ANA, incident.id, "", [], "let me in"),
        office.marking.merge(ANA, other.id, incident.id, "x"),
        office.work.close(ANA, incident.id, "x", IncidentState.CONFIRMED),
    ):
        with pytest.raises(NotPermitted, match="classified"):
            await call


async def test_every_look_of_a_nominee_is_on_record(database: Database) -> None:
    office, incident = await classified(database)
    found = await office.incidents.get(ZOE, incident.id, 10)
    assert found.work.nominees == ["ana", "zoe"]
    await office.incidents.whole(ANA, incident.id, 10)
    parts = [part async for part in office.incidents.excess_csv(ANA, incident.id)]
    assert parts == [b"RequestID,Class,ObservedAt,Marking\r\n"]
    assert await looks(office) == [("zoe", "api"), ("ana", "page"), ("ana", "excess.csv")]


async def test_lists_show_number_marking_kind_and_state_to_everybody_and_find_nothing_by_facts(
    database: Database,
) -> None:
    office, _ = await classified(database)
    for who in (ADAM, ANA):
        (listed,) = await office.incidents.newest(who, (), 10)
        assert (listed.title, listed.user_id, listed.level) == ("classified", "", "")
        assert (bytes(listed.detail), listed.reason, listed.licence) == (b"null", None, None)
        (row,) = (await office.incidents.find(who, IncidentFilter(), 10)).incidents
        assert (row.title, row.user_id, row.level, row.marking) == ("classified", "", "", "classified")
        for wanted in (
            IncidentFilter(user_id=ANN),
            IncidentFilter(text="breach"),
            IncidentFilter(level="warning"),
        ):
            found = await office.incidents.find(who, wanted, 10)
            assert (found.counted.count, found.incidents) == (0, [])
    assert await looks(office) == []


async def test_its_records_are_withheld_from_others_and_the_chain_still_holds_together(
    database: Database,
) -> None:
    office, incident = await classified(database)
    seen = await office.audit.page(ADAM, 0, 1000)
    assert [record.number for record in seen if not record.body] == [1, 2, 3]
    assert not verify_chain(seen).intact, "the gateway itself never takes a record without its bytes"
    verdict = verify_chain(seen, may_be_withheld=True)
    assert (verdict.intact, verdict.withheld) == (True, 3)
    forged = [seen[0], type(seen[1])(2, b"", "0" * 64, withheld=True), *seen[2:]]
    assert verify_chain(forged, may_be_withheld=True).intact, "of two withheld in a row nothing is known"
    assert (await office.audit.get(ADAM, incident.record)).body == b""
    lines = b"".join([line async for line in office.audit.export(ADAM)])
    assert SECRET.encode() not in lines
    assert all(not record.body for record in await office.audit.find(ADAM, RecordFilter("incident/1"), 10))
    whole = await office.audit.page(ZOE, 0, 1000)
    assert verify_chain(whole).intact
    assert await looks(office) == [("zoe", "audit")]
    assert b"".join([line async for line in office.audit.export(ZOE)]).count(b"looked_at") >= 2


async def test_facts_go_to_channels_that_may_carry_them_and_to_no_other(database: Database) -> None:
    office, incident = await classified(database)
    await office.work.step(ANA, incident.id, IncidentState.CONFIRMED, SECRET)
    notices, whole = await office.alerts("file"), await office.alerts("secret")
    assert [alert.id for alert in notices] == [alert.id for alert in whole]
    for notice in notices:  # that of the opening too, which nobody had taken
        assert (notice.facts, notice.user_id, notice.reason, notice.by) == (None, "", "", "")
        assert (notice.marking, notice.incident) == ("classified", incident.id)
        assert notice.record
    assert all(isinstance(alert.facts, BreachFacts) for alert in whole)
    assert whole[-1].reason == SECRET


async def test_who_watches_hears_no_more_than_a_list_shows(sqlite: Database) -> None:
    office = await Office(sqlite).staffed()
    live = Live()
    office.candidates._telling._live = live
    incident = await office.breach()
    with live.watching({Kind.INCIDENT}) as viewer:
        await office.marking.mark(ANA, incident.id, "classified", [], SECRET)
        (event,) = viewer.take()
    assert b"breach" not in event
    assert SECRET.encode() not in event
    assert b"is classified" in event


async def test_the_marking_goes_over_to_what_takes_its_place(database: Database) -> None:
    office, incident = await classified(database)
    after = await office.breach(follows=incident)
    assert after.marking == "classified"
    with pytest.raises(NotPermitted):
        await office.incidents.get(ADAM, after.id, 1)
    await office.work.close(ZOE, incident.id, "done", IncidentState.CONFIRMED)
    again = await office.work.reopen(ZOE, incident.id, "not done")
    assert again.marking == "classified"
    assert (await office.incidents.get(ANA, again.id, 1)).work.nominees == ["ana", "zoe"]


async def test_its_group_tells_nobody_else_of_it(database: Database) -> None:
    office, incident = await classified(database)
    new = await office.breach()
    assert new.group_id is None, "it would tell the User ID"
    await office.marking.merge(ANA, new.id, incident.id, "one cause")
    groups = [(await office.incidents.get(who, new.id, 0)).work.group for who in (ADAM, ZOE)]
    assert [[(each.id, each.title) for each in group] for group in groups] == [
        [],
        [(incident.id, "classified")],
    ]


async def test_a_nominee_takes_the_marking_away(database: Database) -> None:
    office, incident = await classified(database)
    await office.marking.mark(ZOE, incident.id, "confidential", [], "it is known by now")
    found = await office.incidents.get(ADAM, incident.id, 10)
    assert (found.incident.marking, found.work.nominees) == ("confidential", [])
    assert (await office.incidents.newest(ADAM, (), 1))[0].title == "breach"
    assert (await office.alerts("file"))[-1].marking == "confidential"
