"""What takes the place of an incident takes that of the one which took it up again: its marking goes with it."""

import pytest

from gateway.alerts.candidate import Candidates
from gateway.store.database import Database
from gateway.store.incident_work import nominees_of, set_nominees
from gateway.store.incidents import StoredIncident, close_incident, get_incident, update_incident
from tests.gateway.ingest.test_forecasts import Gateway


async def reopened(database: Database, running: Gateway, incident: StoredIncident) -> StoredIncident:
    """Let a person close an incident, take it up again and mark that one."""
    candidates = Candidates("test", ("file",), lambda: None)
    async with database.write() as connection:
        await close_incident(connection, incident, by="ana", reason="a campaign", now=running.now)
        closed = await get_incident(connection, incident.id)
        again = await candidates.reopen(connection, closed, "ana", "it is none", float(running.now))
        await update_incident(connection, again.id, marking="classified")
        await set_nominees(connection, again.id, ["ana"])
        return await get_incident(connection, again.id)


@pytest.mark.parametrize(("kind", "before"), [("threshold", 760), ("forecast", 300)])
async def test_a_breach_takes_over_the_marking_of_what_was_reopened(
    database: Database, kind: str, before: int
) -> None:
    running = Gateway(database)
    await running.put_in_force((150, 200))
    await running.send(12, before)
    again = await reopened(database, running, (await running.incidents(kind))[0])
    await running.send(12, 1050 - before)
    found = [each for each in await running.incidents("threshold") if each.level == "quarantine"]
    assert [each.marking for each in found] == ["classified"], "nobody else may read what takes its place"
    async with database.read() as connection:
        assert await nominees_of(connection, found[0].id) == ["ana"]
        last = await get_incident(connection, again.id)
    assert (last.state, last.superseded_by) == ("closed", found[0].id)
