"""What is classified is not found by roundabout ways: groups, searches of the chain, looks, refusals."""

import hashlib

import pytest

from gateway.errors import Conflict
from gateway.life import IncidentState
from gateway.store.audit_search import RecordFilter
from gateway.store.database import Database
from tests.gateway.operations.test_classified import SECRET, classified, looks
from tests.support.incident_work import ADAM, ANA, NOW, ZOE, Office, queue_facts
from tests.support.rows import BOB


async def test_a_group_that_another_analyst_moves_leaves_the_classified_member_where_it_is(
    database: Database,
) -> None:
    """Whoever is no nominee does nothing to it, by way of its group neither."""
    office = await Office(database).staffed()
    first, secret, other = await office.breach(), await office.breach(), await office.breach(user=BOB)
    await office.marking.mark(ANA, secret.id, "classified", [], SECRET)
    before = (await office.incidents.get(ANA, secret.id, 0)).incident
    await office.marking.merge(ZOE, first.id, other.id, "one cause")
    after = (await office.incidents.get(ANA, secret.id, 0)).incident
    assert (after.version, after.group_id) == (before.version, before.group_id)
    group = (await office.incidents.get(ZOE, other.id, 0)).work.group
    assert [member.id for member in group] == [first.id]


async def test_the_chain_is_not_searched_for_what_was_done_and_by_whom(database: Database) -> None:
    """A record that is found by its action or actor tells both, though its bytes are withheld."""
    office, incident = await classified(database)
    other = await office.open(queue_facts(), "full")
    await office.papers.note(ANA, other.id, "seen")
    for wanted in (RecordFilter(action="incident.noted"), RecordFilter(actor="ana")):
        found = await office.audit.find(ADAM, wanted, 1)
        assert [b'"incident/2"' in record.body for record in found] == [True]
        found = await office.audit.find(ADAM, wanted, 10)
        assert all(record.body for record in found)
        assert any(b"incident/1" in record.body for record in await office.audit.find(ZOE, wanted, 10))
    everything = await office.audit.find(ADAM, RecordFilter(incident.subject), 10)
    assert [bool(record.body) for record in everything] == [False] * 3, "that there are records, everybody sees"
