"""A candidate incident is closed once."""

import pytest

from gateway.errors import Conflict, NotFound
from gateway.life import OPEN_STATES, IncidentState
from gateway.store.database import Database
from gateway.store.incidents import (
    close_incident,
    count_open,
    get_incident,
    list_incidents,
    update_incident,
)
from tests.support.rows import open_incident


async def test_an_incident_comes_back_as_it_was_opened(database: Database) -> None:
    async with database.write() as connection:
        number = await open_incident(connection)
        await update_incident(connection, number, record=5, detail=b'{"count":81}')
        incident = await get_incident(connection, number)
    assert (incident.state, incident.record) == (IncidentState.CANDIDATE, 5)
    assert bytes(incident.detail) == b'{"count":81}'
    assert incident.subject == f"incident/{number}"


async def test_an_incident_is_closed_once(database: Database) -> None:
    async with database.write() as connection:
        incident = await get_incident(connection, await open_incident(connection))
        closed = await close_incident(connection, incident, by="zoe", reason="a campaign", now=50)
        assert (closed.state, closed.closed_by, closed.reason) == (IncidentState.CLOSED, "zoe", "a campaign")
        with pytest.raises(Conflict, match="closed already"):
            await close_incident(connection, incident, by="ann", reason="again", now=60)
        assert await get_incident(connection, incident.id) == closed


async def test_incidents_are_listed_newest_first_by_state_and_not_too_many(database: Database) -> None:
    async with database.write() as connection:
        numbers = [await open_incident(connection) for _ in range(3)]
        first = await get_incident(connection, numbers[0])
        await close_incident(connection, first, by="zoe", reason="x", now=50, superseded_by=numbers[1])
        assert [incident.id for incident in await list_incidents(connection)] == numbers[::-1]
        assert await count_open(connection) == {"threshold": 2}
        still_open = await list_incidents(connection, OPEN_STATES)
        assert [incident.id for incident in still_open] == [numbers[2], numbers[1]]
        assert [incident.id for incident in await list_incidents(connection, limit=1)] == [numbers[2]]


async def test_an_unknown_incident_is_not_found(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(NotFound, match="there is no candidate incident 7"):
            await get_incident(connection, 7)
