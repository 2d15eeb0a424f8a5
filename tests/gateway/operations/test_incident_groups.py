"""Breaches of one User ID within a time are one group; people split and merge, and nothing is lost."""

import pytest
from sqlalchemy import update

from gateway.alerts.facts import DccQuarantine
from gateway.errors import Conflict, InvalidInput
from gateway.store.database import Database
from gateway.store.episodes import open_episode
from gateway.store.schema import episodes
from tests.support.incident_work import ADAM, ANA, NOW, ZOE, Office, queue_facts
from tests.support.rows import ANN, BOB
from thresholds.breach import EpisodeId
from thresholds.model import Alignment, Level, ThresholdKey, UserId


async def members(office: Office, number: int) -> set[int]:
    found = await office.incidents.get(ADAM, number, 0)
    return {number} | {member.id for member in found.work.group}


async def test_breaches_of_one_user_within_the_time_are_one_group(database: Database) -> None:
    office = await Office(database).staffed()
    first = await office.breach()
    near = await office.breach(NOW + 3600)
    chained = await office.breach(NOW + 7200)
    other_user = await office.breach(NOW, BOB)
    later = await office.breach(NOW + 7200 + 3601)
    condition = await office.open(queue_facts(), "full", NOW, ANN)
    assert await members(office, first.id) == {first.id, near.id, chained.id}
    for alone in (other_user, later, condition):
        assert await members(office, alone.id) == {alone.id}
    for each in (first, near, chained):
        steps = (await office.incidents.get(ADAM, each.id, 0)).work.steps
        assert [step.action for step in steps] == ["incident.opened", "incident.grouped"]
    grouped = [record for record in await office.records() if record["action"] == "incident.grouped"]
    assert [record["detail"]["with"] for record in grouped] == [first.id, near.id]
    assert [alert.event for alert in await office.alerts("file")] == ["opened"] * 6, "nobody is told twice"


async def test_one_is_taken_out_and_put_into_another_group_and_keeps_its_history(database: Database) -> None:
    office = await Office(database).staffed()
    first, second = await office.breach(), await office.breach()
    third, fourth = await office.breach(user=BOB), await office.breach(user=BOB)
    await office.marking.split(ANA, second.id, "another cause")
    assert await members(office, first.id) == {first.id}
    with pytest.raises(Conflict, match="in no group"):
        await office.marking.split(ANA, second.id, "again")
    await office.marking.merge(ANA, third.id, second.id, "one cause")
    assert await members(office, second.id) == {second.id, third.id, fourth.id}, "its group comes with it"
    with pytest.raises(Conflict, match="already"):
        await office.marking.merge(ANA, second.id, fourth.id, "again")
    actions = [record["action"] for record in await office.records(f"incident/{second.id}")]
    assert actions == ["incident.opened", "incident.grouped", "incident.split", "incident.merged"]
    whats = [step.what for step in (await office.incidents.get(ADAM, second.id, 0)).work.steps]
    assert whats[1:] == [
        f"put into group 1 with incident {first.id}",
        "taken out of group 1",
        f"put into group 3 with incident {third.id}",
    ]


async def test_nobody_groups_by_what_they_have_not_seen(sqlite: Database) -> None:
    """Zoe saw the incidents before Ana took one out of its group."""
    office = await Office(sqlite).staffed()
    first, second, other = await office.breach(), await office.breach(), await office.breach(user=BOB)
    await office.marking.split(ANA, second.id, "another cause", second.version)
    for stale in (
        office.marking.merge(ZOE, second.id, other.id, "x", second.version),
        office.marking.split(ZOE, second.id, "x", second.version),
    ):
        with pytest.raises(Conflict, match=r"ana, .*another cause"):
            await stale
    assert await members(office, other.id) == {other.id}
    seen = (await office.incidents.get(ADAM, second.id, 0)).incident
    await office.marking.merge(ZOE, second.id, first.id, "one cause", seen.version)
    assert await members(office, first.id) == {first.id, second.id}


async def test_an_incident_is_no_group_by_itself(sqlite: Database) -> None:
    office = await Office(sqlite).staffed()
    first = await office.breach()
    with pytest.raises(InvalidInput):
        await office.marking.merge(ANA, first.id, first.id, "x")


def held_facts() -> DccQuarantine:
    return DccQuarantine("quarantine", f"{ANN}/42", "2027-01-15T08:00:00.000Z", None, 1, "held", {})


async def test_what_the_dcc_holds_is_in_the_group_of_the_breach_whichever_is_known_first(
    database: Database,
) -> None:
    office = await Office(database).staffed()
    breach = await office.breach()
    held = await office.open(held_facts(), "held", NOW + 1700, ANN)
    other_user = await office.open(held_facts(), "held", NOW, BOB)
    later = await office.breach(NOW + 1800)
    condition = await office.open(queue_facts(), "full", NOW + 1800, ANN)
    assert await members(office, breach.id) == {breach.id, held.id, later.id}
    for alone in (other_user, condition):
        assert await members(office, alone.id) == {alone.id}


async def test_what_the_dcc_holds_joins_a_breach_that_began_long_before_and_lasts(database: Database) -> None:
    office = await Office(database).staffed()
    lasting, over = await office.breach(NOW - 90_000), await office.breach(NOW - 80_000)
    for number, ended_at in ((lasting.id, None), (over.id, NOW - 70_000)):
        key = ThresholdKey(UserId(ANN), "SR", f"4.{number}", 86_400, Alignment.ROLLING)
        async with database.write() as connection:
            await open_episode(connection, EpisodeId(key, Level.QUARANTINE, int(NOW) - 90_000), number)
            change = update(episodes).where(episodes.c.incident_id == number)
            await connection.execute(change.values(ended_at=ended_at))
    held = await office.open(held_facts(), "held", NOW, ANN)
    assert await members(office, held.id) == {lasting.id, held.id}
    assert (await office.incidents.get(ADAM, over.id, 0)).incident.group_id is None
