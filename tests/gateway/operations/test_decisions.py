"""A decision freezes exact requests, a request is in one decision at a time, and a second person approves."""

import asyncio
import json

import pytest
from sqlalchemy import Executable, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Person, Role
from gateway.audit.verify import verify_chain
from gateway.errors import Conflict, InvalidInput, NotFound, NotPermitted, StoreRefused
from gateway.operations.decision_ends import DecisionEnds
from gateway.operations.decisions import Proposal
from gateway.store.adt_files import FileState, StoredFile, get_file, get_part, list_files, move_file
from gateway.store.audit_log import all_records
from gateway.store.database import Database
from gateway.store.dcc_schema import quarantined
from gateway.store.decision_ends import Place, answered_rows
from gateway.store.decision_schema import decision_rows
from gateway.store.decisions import Chosen, StoredDecision, rows_of
from gateway.store.schema import adt_files
from tests.support.held import (
    ANALYST,
    APPROVER,
    OTHER_ANALYST,
    RULES,
    US,
    answer,
    decisions_on,
    files_of,
    hold,
    request_id,
)
from thresholds.exit_file import ExitRow, read_exit_file
from thresholds.exit_profile import ExitAction

EVENT = Chosen(event_ref="77")


def proposal(chosen: Chosen = EVENT, action: ExitAction = ExitAction.RELEASE, seen: str = "") -> Proposal:
    return Proposal(action, "tariff campaign of 21 November", chosen, seen)


async def write(database: Database, statement: Executable) -> None:
    async with database.write() as connection:
        await connection.execute(statement)


async def states(database: Database) -> list[str]:
    async with database.read() as connection:
        query = select(quarantined.c.state).order_by(quarantined.c.id)
        return list((await connection.execute(query)).scalars())


async def delivered(database: Database, decision: StoredDecision) -> StoredFile:
    """Bring the file to where the DCC has it, past the token."""
    approved = await files_of(database).approve(APPROVER, decision.id)
    async with database.write() as connection:
        signed = await move_file(connection, approved, FileState.SIGNED, signed_at=2000)
        return await move_file(connection, signed, FileState.DELIVERED, delivered_at=2001)


async def test_a_decision_is_a_file_that_says_exactly_the_requests_that_matched(database: Database) -> None:
    await hold(database, 3)
    await hold(database, 1, event_ref="78", first=9)
    decisions = decisions_on(database)
    decision = await decisions.propose(ANALYST, proposal())
    shown = await decisions.get(OTHER_ANALYST, decision.id)
    check = read_exit_file(shown.content, decision.file.name, RULES.profile)
    assert check.rows == tuple(ExitRow(US, "77", request_id(n), ExitAction.RELEASE) for n in (1, 2, 3))
    assert check.sha256 == decision.file.sha256
    assert [row.request_id for row in shown.rows] == [row.request_id for row in check.rows]
    assert [row.line for row in shown.rows] == [2, 3, 4]
    assert (decision.state, decision.file.row_count, decision.oldest_at) == ("submitted", 3, 1000)
    assert decision.file.profile == "exit-quarantine-1 (unverified)"
    assert await states(database) == ["decided", "decided", "decided", "held"]


async def test_what_is_decided_is_on_record_with_its_reason_and_the_hash_of_the_file(
    sqlite: Database,
) -> None:
    await hold(sqlite, 2)
    decision = await decisions_on(sqlite).propose(ANALYST, proposal())
    records = [json.loads(record.body) async for record in all_records(sqlite)]
    detail = records[-1]["detail"]
    assert (records[-1]["actor"], records[-1]["action"]) == ("ana", "exit_quarantine.submitted")
    assert records[-1]["subject"] == f"exit-quarantine/{decision.id}"
    assert (detail["sha256"], detail["rows"], detail["action"]) == (decision.file.sha256, 2, "RELEASE")
    assert detail["chosen"] == {"event_ref": "77"}
    assert detail["reason"] == "tariff campaign of 21 November"


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (Chosen(user_id=US), 4),
        (Chosen(service="7.2", breach="user_threshold"), 4),
        (Chosen(event_ref="78"), 1),
        (Chosen(numbers=(1, 4)), 2),
    ],
)
async def test_requests_are_chosen_by_every_condition_that_is_given(
    sqlite: Database, chosen: Chosen, count: int
) -> None:
    await hold(sqlite, 3)
    await hold(sqlite, 1, event_ref="78", first=9)
    assert len((await decisions_on(sqlite).covered(ANALYST, chosen)).requests) == count
    assert (await decisions_on(sqlite).propose(ANALYST, proposal(chosen))).file.row_count == count


async def test_a_choice_by_service_says_how_many_it_leaves_out_because_theirs_is_not_known(
    database: Database,
) -> None:
    numbers = await hold(database, 4)
    unknown = quarantined.c.id.in_(numbers[:2])
    await write(database, update(quarantined).where(unknown).values(service_reference_variant=None))
    decisions = decisions_on(database)
    by_service = await decisions.covered(ANALYST, Chosen(event_ref="77", service="7.2"))
    assert ([each.id for each in by_service.requests], by_service.without_service) == (numbers[2:], 2)
    assert (await decisions.covered(ANALYST, Chosen(event_ref="78", service="7.2"))).without_service == 0
    assert (await decisions.covered(ANALYST, EVENT)).without_service == 0


@pytest.mark.parametrize(
    "chosen",
    [
        Chosen(numbers=tuple(range(1, 40_001))),
        Chosen(numbers=(10**30,)),
        Chosen(incident=10**30),
        Chosen(event_ref="a\0b"),
        Chosen(numbers=(-1,)),
    ],
    ids=["many", "vast", "incident", "nul", "negative"],
)
async def test_what_no_database_takes_is_refused_before_it_is_asked(
    database: Database, chosen: Chosen
) -> None:
    with pytest.raises(InvalidInput):
        await decisions_on(database).covered(ANALYST, chosen)


async def test_no_condition_never_means_everything(sqlite: Database) -> None:
    await hold(sqlite, 1)
    with pytest.raises(InvalidInput, match="at least one condition"):
        await decisions_on(sqlite).propose(ANALYST, proposal(Chosen()))
    with pytest.raises(InvalidInput, match="reason"):
        await decisions_on(sqlite).propose(ANALYST, Proposal(ExitAction.DELETE, " ", EVENT))


async def test_two_analysts_who_decide_at_once_never_share_a_request(database: Database) -> None:
    numbers = await hold(database, 40)
    decisions = decisions_on(database)
    people = [ANALYST, OTHER_ANALYST] * 5
    asked = [
        proposal(Chosen(numbers=tuple(numbers[start : start + 13])), ExitAction(action))
        for start, action in zip(
            (0, 5, 10, 20, 25, 0, 26, 12, 13, 27), ["RELEASE", "DELETE"] * 5, strict=True
        )
    ]
    outcomes = await asyncio.gather(
        *(decisions.propose(person, each) for person, each in zip(people, asked, strict=True)),
        return_exceptions=True,
    )
    made = [each for each in outcomes if isinstance(each, StoredDecision)]
    refused = [each for each in outcomes if not isinstance(each, StoredDecision)]
    assert made
    assert refused
    codes = {each.code for each in refused if isinstance(each, Conflict)}
    assert codes
    assert codes <= {"request_decided", "quarantine_changed"}
    assert all(isinstance(each, Conflict) for each in refused)
    async with database.read() as connection:
        rows = [row.quarantined_id for each in made for row in await rows_of(connection, each.id)]
    assert len(rows) == len(set(rows)) == 13 * len(made)


async def test_the_store_itself_refuses_a_request_in_two_decisions(database: Database) -> None:
    (number,) = await hold(database, 1)
    decision = await decisions_on(database).propose(ANALYST, proposal())
    values = {"quarantined_id": number, "user_id": US, "event_ref": "77", "request_id": request_id(1)}
    row = {"file_id": decision.id, "line": 9, **values}
    with pytest.raises(StoreRefused):
        await write(database, insert(decision_rows).values(**row))


async def test_what_changed_since_it_was_looked_at_is_not_decided(sqlite: Database) -> None:
    await hold(sqlite, 2)
    decisions = decisions_on(sqlite)
    seen = (await decisions.covered(ANALYST, EVENT)).seen
    await hold(sqlite, 1, first=9)
    with pytest.raises(Conflict) as refused:
        await decisions.propose(ANALYST, proposal(seen=seen))
    assert refused.value.code == "quarantine_changed"
    assert await states(sqlite) == ["held"] * 3


async def test_a_decided_request_names_the_decision_that_has_it(sqlite: Database) -> None:
    (number,) = await hold(sqlite, 1)
    decisions = decisions_on(sqlite)
    first = await decisions.propose(ANALYST, proposal())
    with pytest.raises(Conflict, match=f"is in decision {first.id} already"):
        await decisions.propose(OTHER_ANALYST, proposal(Chosen(numbers=(number,))))
    with pytest.raises(Conflict, match="no held request matches"):
        await decisions.propose(OTHER_ANALYST, proposal())


async def test_the_dcc_is_never_told_opposite_things_of_one_request(database: Database) -> None:
    """It may be held under two events; each may be decided by itself, but not the one to release and one to delete."""
    await hold(database, 2)
    await hold(database, 1, event_ref="78", first=2)
    decisions, other = decisions_on(database), Chosen(event_ref="78")
    first = await decisions.propose(ANALYST, proposal())
    with pytest.raises(Conflict, match=f"decision {first.id} tells the DCC otherwise") as refused:
        await decisions.propose(OTHER_ANALYST, proposal(other, ExitAction.DELETE))
    assert refused.value.code == "request_opposed"
    assert await states(database) == ["decided", "decided", "held"]
    await decisions.propose(OTHER_ANALYST, proposal(other))
    await decisions.withdraw(ANALYST, first.id, "the other way")
    with pytest.raises(Conflict):
        await decisions.propose(ANALYST, proposal(EVENT, ExitAction.DELETE))


async def test_who_proposed_cannot_approve_whatever_their_roles(database: Database) -> None:
    await hold(database, 1)
    both = Person("ana", frozenset({Role.ANALYST, Role.APPROVER}))
    decision = await decisions_on(database).propose(both, proposal())
    with pytest.raises(NotPermitted) as refused:
        await files_of(database).approve(both, decision.id)
    assert refused.value.code == "second_person_required"
    change = update(adt_files).where(adt_files.c.id == decision.id)
    with pytest.raises(StoreRefused):
        await write(database, change.values(state="approved", approved_by="ana"))
    approved = await files_of(database).approve(APPROVER, decision.id)
    assert (approved.state, approved.approved_by) == (FileState.APPROVED, "bob")


async def test_only_analysts_and_operators_propose_and_only_approvers_approve(sqlite: Database) -> None:
    await hold(sqlite, 1)
    for role in set(Role) - {Role.ANALYST, Role.OPERATOR}:
        with pytest.raises(NotPermitted):
            await decisions_on(sqlite).propose(Person("eve", frozenset({role})), proposal())
    decision = await decisions_on(sqlite).propose(ANALYST, proposal())
    for role in set(Role) - {Role.APPROVER}:
        with pytest.raises(NotPermitted):
            await files_of(sqlite).approve(Person("eve", frozenset({role})), decision.id)


@pytest.mark.parametrize("how", ["reject", "withdraw"])
async def test_requests_of_a_decision_that_ends_before_its_signature_are_held_again(
    database: Database, how: str
) -> None:
    await hold(database, 2)
    decisions = decisions_on(database)
    first = await decisions.propose(ANALYST, proposal())
    if how == "reject":
        await decisions.reject(APPROVER, first.id, "not a campaign of ours")
    else:
        await decisions.withdraw(ANALYST, first.id, "too early")
    assert await states(database) == ["held", "held"]
    second = await decisions.propose(OTHER_ANALYST, proposal(action=ExitAction.DELETE))
    assert second.file.row_count == 2
    with pytest.raises(Conflict):
        await files_of(database).approve(APPROVER, first.id)


async def test_a_decision_is_withdrawn_by_who_proposed_it_alone(sqlite: Database) -> None:
    await hold(sqlite, 1)
    decision = await decisions_on(sqlite).propose(ANALYST, proposal())
    with pytest.raises(NotPermitted, match="not by axel"):
        await decisions_on(sqlite).withdraw(OTHER_ANALYST, decision.id, "no")


async def test_a_file_of_thresholds_is_no_decision(sqlite: Database) -> None:
    with pytest.raises(NotFound):
        await decisions_on(sqlite).known(ANALYST, 1)


async def test_a_request_ends_when_it_is_answered_after_the_dcc_has_the_file(database: Database) -> None:
    await hold(database, 3)
    decisions, ends = decisions_on(database), DecisionEnds(database, 3600, lambda: 2010.0)
    decision = await decisions.propose(ANALYST, proposal())
    await answer(database, 1, at=1500)  # before the file was signed: it says nothing of the release
    await answer(database, 2, at=2005)
    assert await ends.look() == 0  # nothing is delivered yet
    await delivered(database, decision)
    assert await states(database) == ["released"] * 3
    assert await ends.look() == 1
    assert await ends.look() == 0
    rows = (await decisions.get(ANALYST, decision.id)).rows
    assert [row.ended_how for row in rows] == [None, "answered", None]
    assert await states(database) == ["released", "ended", "released"]
    await answer(database, 1, at=2006)
    await answer(database, 3, at=2007)
    assert await ends.look() == 2
    assert (await decisions.known(ANALYST, decision.id)).state == "ended"
    actions = [json.loads(record.body)["action"] async for record in all_records(database)]
    assert actions[-1] == "exit_quarantine.ended"


async def test_what_a_person_confirms_while_answers_are_read_stays_as_they_said_it(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who said so, why, and one record of it: the answer that comes at the same time takes none of it away."""
    await hold(sqlite, 1)
    decisions, ends = decisions_on(sqlite), DecisionEnds(sqlite, 3600, lambda: 2010.0)
    decision = await decisions.propose(ANALYST, proposal())
    await delivered(sqlite, decision)
    await answer(sqlite, 1, at=2005)

    async def and_somebody_confirms(connection: AsyncConnection, limit: int) -> list[Place]:
        found = await answered_rows(connection, limit)
        await decisions.confirm(ANALYST, decision.id, "seen at the SSI")
        return found

    monkeypatch.setattr("gateway.operations.decision_ends.answered_rows", and_somebody_confirms)
    await ends.look()
    (row,) = (await decisions.get(ANALYST, decision.id)).rows
    assert (row.ended_how, row.ended_by, row.ended_reason) == ("confirmed", "ana", "seen at the SSI")
    actions = [json.loads(record.body)["action"] async for record in all_records(sqlite)]
    assert actions.count("exit_quarantine.requests_ended") == 1


async def test_a_deletion_is_confirmed_by_hand_with_a_reason_once_the_dcc_has_the_file(
    database: Database,
) -> None:
    await hold(database, 3)
    decisions = decisions_on(database)
    decision = await decisions.propose(ANALYST, proposal(action=ExitAction.DELETE))
    with pytest.raises(Conflict, match="cannot have acted"):
        await decisions.confirm(ANALYST, decision.id, "gone")
    await delivered(database, decision)
    assert await states(database) == ["deleted"] * 3
    assert (await decisions.confirm(ANALYST, decision.id, "seen at the SSI", (2, 4))).ended_rows == 2
    with pytest.raises(InvalidInput):
        await decisions.confirm(ANALYST, decision.id, "again", (2,))
    ended = await decisions.confirm(ANALYST, decision.id, "seen at the SSI")
    assert (ended.state, ended.ended_rows) == ("ended", 3)
    with pytest.raises(Conflict, match="has ended already"):
        await decisions.confirm(ANALYST, decision.id, "again")
    assert await states(database) == ["ended"] * 3


async def test_the_chain_verifies_with_decisions_in_it(sqlite: Database) -> None:
    await hold(sqlite, 2)
    decision = await decisions_on(sqlite).propose(ANALYST, proposal())
    await delivered(sqlite, decision)
    await decisions_on(sqlite).confirm(ANALYST, decision.id, "seen")
    assert verify_chain([record async for record in all_records(sqlite)]).intact


async def test_lists_of_adt_files_hold_no_decision_and_the_file_is_found_by_its_number(
    sqlite: Database,
) -> None:
    await hold(sqlite, 1)
    decision = await decisions_on(sqlite).propose(ANALYST, proposal())
    assert await files_of(sqlite).newest(ANALYST) == []
    async with sqlite.read() as connection:
        assert await list_files(connection) == [decision.file]
        assert await get_file(connection, decision.id) == decision.file
        assert await get_part(connection, decision.id, "content")
