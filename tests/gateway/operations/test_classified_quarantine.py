"""What the DCC holds is there for everybody who decides; to which classified incident it belongs is not."""

import json

import pytest
from sqlalchemy import update

from gateway.errors import Conflict
from gateway.operations.decisions import Proposal
from gateway.operations.quarantine import Quarantine
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from gateway.store.dcc_schema import quarantined
from gateway.store.decisions import Chosen
from gateway.store.incidents import update_incident
from gateway.store.quarantined import HeldFilter
from tests.support.dcc import quarantine
from tests.support.dcc_inbox import DCC, running
from tests.support.duis_messages import request_id
from tests.support.held import ANALYST, APPROVER, decisions_on, hold
from tests.support.incident_work import ADAM, Office
from thresholds.exit_profile import ExitAction


async def mark(database: Database, number: int, marking: str) -> None:
    async with database.write() as connection:
        await update_incident(connection, number, marking=marking)


async def test_held_requests_alerts_and_differences_name_no_classified_incident(database: Database) -> None:
    async with running(database) as inbox:
        await inbox.passed(1, 2)
        await inbox.take(DCC.sign(quarantine(request_id(9), 42, at=inbox.machine())))
        reader = Quarantine(database, 3600, inbox.machine)
        (held,) = (await reader.held(ADAM, HeldFilter(), 10)).held
        assert held.incident_id
        expected = (await reader.differences(ADAM)).expected[0].found.incident_id
        assert expected
        wanted = HeldFilter(incident_id=held.incident_id)
        assert (await reader.held(ADAM, wanted, 10)).count == 1
        for number in (held.incident_id, expected):
            await mark(database, number, "classified")
        (hidden,) = (await reader.held(ADAM, HeldFilter(), 10)).held
        assert (hidden.id, hidden.incident_id) == (held.id, None)
        assert (await reader.held(ADAM, wanted, 10)).count == 0, "what is hidden is not found either"
        whole = await reader.alert(ADAM, held.alert_id)
        assert whole.held
        assert whole.held.incident_id is None
        found = await reader.differences(ADAM)
        assert [each.found.incident_id for each in found.expected] == [None]
        assert {each.incident_id for each in found.unexpected} <= {None}


async def test_a_decision_by_incident_does_not_tell_the_requests_of_a_classified_one(
    database: Database,
) -> None:
    office = Office(database)
    await hold(database, 2)
    incident = await office.breach()
    async with database.write() as connection:
        await connection.execute(update(quarantined).values(incident_id=incident.id))
    decisions, chosen = decisions_on(database), Chosen(incident=incident.id)
    assert [each.incident_id for each in (await decisions.covered(ANALYST, chosen)).requests] == [1, 1]
    await mark(database, incident.id, "classified")
    assert (await decisions.covered(ANALYST, chosen)).requests == []
    with pytest.raises(Conflict, match="no held request matches"):
        await decisions.propose(ANALYST, Proposal(ExitAction.RELEASE, "x", chosen))
    by_event = (await decisions.covered(ANALYST, Chosen(event_ref="77"))).requests
    assert [each.incident_id for each in by_event] == [None, None]


async def test_a_decision_by_incident_does_not_name_it_once_that_is_classified(database: Database) -> None:
    office = Office(database)
    await hold(database, 2)
    incident = await office.breach()
    async with database.write() as connection:
        await connection.execute(update(quarantined).values(incident_id=incident.id))
    decisions, chosen = decisions_on(database), Chosen(event_ref="77", incident=incident.id)
    made = await decisions.propose(ANALYST, Proposal(ExitAction.RELEASE, "x", chosen))
    assert (made.chosen, made.incident_hidden) == (chosen, False)
    (record,) = await read_records(database, subject=made.file.subject)
    assert json.loads(record.body)["detail"]["chosen"] == {"event_ref": "77", "by_incident": True}
    await mark(database, incident.id, "classified")
    shown = [
        (await decisions.get(ANALYST, made.id)).stored,
        (await decisions.newest(ANALYST))[0][0],
        (await decisions.submitted(APPROVER))[0],
        await decisions.known(APPROVER, made.id),
    ]
    assert {(each.chosen.incident, each.chosen.event_ref, each.incident_hidden) for each in shown} == {
        (0, "77", True)
    }
    await mark(database, incident.id, "")
    assert (await decisions.known(APPROVER, made.id)).chosen == chosen
