"""What is classified is not found by roundabout ways: groups, searches of the chain, looks, refusals."""

import hashlib
import json

import pytest
from sqlalchemy import update

from gateway.audit.record import Entry
from gateway.audit.verify import verify_chain
from gateway.errors import Conflict
from gateway.life import IncidentState
from gateway.operations.silences import NewSilence, Silences
from gateway.store.audit_log import append_record
from gateway.store.audit_search import RecordFilter
from gateway.store.database import Database
from gateway.store.schema import audit_records
from gateway.store.silences import Scope
from gateway.web.console.records import shown_record
from tests.gateway.operations.test_classified import SECRET, classified, looks
from tests.support.incident_work import ADAM, ANA, NOW, OLGA, ZOE, Office, queue_facts
from tests.support.rows import ANN, BOB


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
    assert [bool(record.body) for record in everything] == [False] * 3, (
        "that there are records, everybody sees"
    )


async def test_a_look_at_an_attachment_does_not_tell_its_hash(database: Database) -> None:
    """Everybody reads records of looks; whoever has a file elsewhere must not learn that it is evidence here."""
    office, incident = await classified(database)
    content = b"a memorandum that many have"
    sha256 = hashlib.sha256(content).hexdigest()
    added = await office.papers.attach(ANA, incident.id, "memo.txt", content)
    assert (await office.papers.take(ZOE, incident.id, sha256)).content == content
    assert await looks(office) == [("zoe", f"attachment {added.id}")]
    assert not any(sha256.encode() in record.body for record in await office.audit.page(ADAM, 0, 100))


async def test_a_refusal_to_reopen_does_not_tell_what_a_classified_incident_is_about(
    database: Database,
) -> None:
    office = await Office(database).staffed()
    closed = await office.open(queue_facts(), "full", subject_key="queue")
    await office.work.close(ANA, closed.id, "over", IncidentState.CONFIRMED)
    secret = await office.open(queue_facts(), "full", NOW, subject_key="queue")
    await office.marking.mark(ANA, secret.id, "classified", [], SECRET)
    with pytest.raises(Conflict) as told:
        await office.work.reopen(ZOE, closed.id, "again")
    assert str(secret.id) not in told.value.message + told.value.remedy
    with pytest.raises(Conflict, match=f"incident {secret.id} is open"):
        await office.work.reopen(ANA, closed.id, "again")


async def test_a_silence_does_not_tell_which_classified_incident_it_muted(database: Database) -> None:
    """What a silence is about (a User ID, a class) is what the incident is about."""
    office = await Office(database).staffed()
    silences = Silences(database, office.candidates, office.clock)
    made = await silences.create(OLGA, NewSilence("x", int(NOW) + 600, scope=Scope(user_id=ANN)))
    open_, secret = await office.breach(), await office.breach()
    await office.marking.mark(ANA, secret.id, "classified", [], SECRET)
    row, muted = await silences.one(ADAM, made.id, 10)
    assert [each.incident_id for each in muted] == [open_.id]
    assert (row.muted, row.withheld) == (3, 2), "that something was muted nobody hides"


async def test_a_record_whose_bytes_were_taken_out_of_the_store_is_no_withheld_one(
    database: Database,
) -> None:
    """A signature that nobody approved cannot hide behind what is withheld: incidents alone are."""
    office, incident = await classified(database)
    async with database.write() as connection:
        entry = Entry("system", "adt_file.signed", "adt-file/1", {"sha256": "0" * 64})
        signed = await append_record(connection, entry, NOW)
        where = audit_records.c.number == signed.number
        await connection.execute(update(audit_records).where(where).values(body=b""))
    seen = await office.audit.page(ADAM, 0, 100)
    assert [record.number for record in seen if record.withheld] == [1, 2, 3]
    verdict = verify_chain(seen, may_be_withheld=True)
    assert (verdict.intact, verdict.wrong_number) == (False, signed.number)
    assert not shown_record(seen[-1], ADAM).withheld, "no page says that it is about an incident"
    lines = [json.loads(line) async for line in office.audit.export(ADAM)]
    assert [line["number"] for line in lines if line.get("withheld")] == [1, 2, 3]
    assert incident.record == 1
