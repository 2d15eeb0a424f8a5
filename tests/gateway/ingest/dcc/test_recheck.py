"""Alerts that could not be checked are checked again, and what was wrong stays so."""

from gateway.store.database import Database
from tests.support.dcc import TestDcc, quarantine
from tests.support.dcc_inbox import DCC, running
from tests.support.duis_messages import request_id


async def test_alerts_that_came_while_our_clock_was_behind_are_believed_when_it_is_right(
    database: Database,
) -> None:
    """A clock ten minutes behind: the DCC does not tell it twice, so they are kept until they can be judged."""
    async with running(database) as inbox:
        dcc_time = inbox.machine() + 600
        await inbox.saw(1)
        true = DCC.sign(quarantine(request_id(1), at=dcc_time))
        forged = TestDcc().sign(quarantine(request_id(2), at=dcc_time), serial=DCC.certificate.serial_number)
        found = await inbox.take(true, forged)
        assert [each.trust for each in found] == ["unchecked", "wrong"]
        assert await inbox.rows() == []
        await inbox.recheck.look()
        assert await inbox.rows() == [], "the clock is as far behind as it was"
        inbox.machine.wait(600)
        await inbox.recheck.look()
        assert [row.request_id for row in await inbox.rows()] == [request_id(1)]
        assert sorted(each.trust for each in await inbox.alerts()) == ["verified", "wrong"]
