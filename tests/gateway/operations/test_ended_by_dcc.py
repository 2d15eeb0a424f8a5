"""Requests that the DCC held and answered though nobody has decided on them."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.operations.decision_ends import DecisionEnds
from gateway.operations.decisions import Proposal
from gateway.store.audit_log import all_records
from gateway.store.database import Database
from gateway.store.decisions import Chosen, held_requests
from gateway.store.quarantined import HeldFilter, HeldRow, find_held
from tests.support.dcc import answer
from tests.support.dcc_inbox import DCC, Inbox, running
from tests.support.duis_messages import request_id
from tests.support.held import ANALYST, APPROVER, decisions_on, hold
from tests.support.held import answer as answered
from thresholds.exit_profile import ExitAction


@pytest_asyncio.fixture
async def inbox(database: Database) -> AsyncIterator[Inbox]:
    async with running(database) as found:
        yield found


async def look(inbox: Inbox) -> int:
    return await DecisionEnds(inbox.database, 3600, inbox.machine).look()


async def records(database: Database, action: str) -> list[dict[str, object]]:
    found = [json.loads(record.body) async for record in all_records(database)]
    return [each["detail"] for each in found if each["action"] == action]


async def states(inbox: Inbox) -> list[tuple[str, int | None]]:
    return [(row.state, row.decision_id) for row in await inbox.rows()]


async def test_what_the_dcc_answered_by_itself_has_ended_and_nobody_is_said_to_have_decided(
    inbox: Inbox,
) -> None:
    await inbox.held(1, 2)
    await inbox.held(1, event=43)  # one request, held for two reasons: an answer to it ends both
    inbox.machine.wait(5)
    at = inbox.machine()
    await inbox.take(DCC.sign(answer(request_id(1), "I0", at=at)))
    assert await look(inbox) == 2
    assert await look(inbox) == 0
    ended: list[HeldRow] = [row for row in await inbox.rows() if row.state == "ended"]
    assert [(row.request_id, row.answer_code, row.decision_id) for row in ended] == [
        (request_id(1), "I0", None)
    ] * 2
    assert all(row.ended_at == int(at) for row in ended)
    async with inbox.database.read() as connection:
        left = await held_requests(connection, Chosen(), 10)
    assert [each.request_id for each in left] == [request_id(2)], "there is nothing to decide on the other"
    (noted,) = await records(inbox.database, "dcc.answers")
    (ended_now,) = await records(inbox.database, "dcc.requests_ended")
    assert "sha256" in str(noted)
    assert request_id(1) in str(noted)
    assert ended_now["requests"] == 2
    assert request_id(1) in str(ended_now)
    assert not await records(inbox.database, "exit_quarantine.requests_ended")


async def test_where_nothing_is_left_to_end_nothing_is_put_on_record(inbox: Inbox) -> None:
    """Two look at once: both find the request, and one of them ends it."""
    await inbox.held(1)
    inbox.machine.wait(5)
    await inbox.take(DCC.sign(answer(request_id(1), "I0", at=inbox.machine())))
    await asyncio.gather(look(inbox), look(inbox))
    (ended,) = await records(inbox.database, "dcc.requests_ended")
    assert ended["requests"] == 1


@pytest.mark.parametrize(("code", "named"), [("I99", False), ("I99", True), ("E65", False)])
async def test_an_acknowledgement_ends_nothing(inbox: Inbox, code: str, named: bool) -> None:
    """The DCC says by it that it took a message, or refused one that was sent again; not that it holds no other."""
    await inbox.held(1)
    inbox.machine.wait(5)
    await inbox.take(DCC.sign(answer(request_id(1), code, at=inbox.machine(), named=named)))
    assert await look(inbox) == 0
    (row,) = await inbox.rows()
    assert (row.state, row.answer_code) == ("held", None)


async def test_an_error_that_is_the_answer_ends_it_too(inbox: Inbox) -> None:
    await inbox.held(1)
    inbox.machine.wait(5)
    await inbox.take(DCC.sign(answer(request_id(1), "E20", at=inbox.machine())))
    assert await look(inbox) == 1
    assert await states(inbox) == [("ended", None)]


async def test_what_is_in_a_decision_is_left_to_it_until_that_is_dropped(database: Database) -> None:
    """Nobody's decision is overtaken; one that never reaches the DCC leaves its requests to the DCC's answer."""
    await hold(database, 1)
    decisions, ends = decisions_on(database), DecisionEnds(database, 3600, lambda: 2010.0)
    proposal = Proposal(ExitAction.RELEASE, "tariff campaign", Chosen(event_ref="77"), "")
    decision = await decisions.propose(ANALYST, proposal)
    await answered(database, 1, at=1500)
    assert await ends.look() == 0
    await decisions.reject(APPROVER, decision.id, "not ours")
    assert await ends.look() == 1
    async with database.read() as connection:
        (row,) = await find_held(connection, HeldFilter(), 10)
    assert (row.state, row.decision_id, row.answer_code) == ("ended", None, "I0")
