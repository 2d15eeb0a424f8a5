"""Answers that come before the alert of their request are not lost, whatever happens in between."""

import pytest
from sqlalchemy import func, select

from gateway.ingest.dcc import answers
from gateway.store.database import Database
from gateway.store.dcc_schema import dcc_answers
from tests.support.dcc import answer
from tests.support.dcc_inbox import DCC, running
from tests.support.duis_messages import request_id


async def test_an_answer_that_overtook_its_alert_is_known_after_a_restart(database: Database) -> None:
    async with running(database) as inbox:
        at = inbox.machine()
        await inbox.take(DCC.sign(answer(request_id(1), "E20", at=at + 1)))
        await inbox.take(
            DCC.sign(answer(request_id(1), at=at + 2)), DCC.sign(answer(request_id(2), at=at + 2))
        )
    async with running(database) as restarted:
        await restarted.held(1, 2, 3)
        codes = {row.request_id: row.answer_code for row in await restarted.rows()}
    assert codes == {request_id(1): "I0", request_id(2): "I0", request_id(3): None}


async def test_only_the_last_answers_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "REMEMBERED", 5)
    async with running(database) as inbox:
        for number in range(20):
            await inbox.take(DCC.sign(answer(request_id(number), at=inbox.machine() + 1)))
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(dcc_answers))).scalar_one() == 5
    async with running(database) as restarted:
        await restarted.held(14, 15, 19)
        answered = {row.request_id for row in await restarted.rows() if row.answer_code}
    assert answered == {request_id(15), request_id(19)}
