"""The SOC is told of requests that wait too long in quarantine, and of the last one's end."""

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy import func, select, update

from gateway.alerts.facts import ConditionFacts
from gateway.operations.quarantine_watch import QuarantineWatch
from gateway.store.database import Database
from gateway.store.dcc_schema import quarantined
from gateway.store.incident_work import nominees_of, set_nominees
from gateway.store.incidents import StoredIncident, close_incident, get_incident, update_incident
from gateway.store.schema import outbox
from tests.support.dcc_inbox import Inbox, running
from tests.support.watching import make_conditions

WAIT = 3600


@pytest_asyncio.fixture
async def inbox(database: Database) -> AsyncIterator[Inbox]:
    async with running(database) as found:
        yield found


def watch_on(inbox: Inbox) -> QuarantineWatch:
    conditions = make_conditions(inbox.database, inbox.machine)
    return QuarantineWatch(inbox.database, conditions, WAIT, inbox.machine)


async def facts(inbox: Inbox) -> ConditionFacts:
    return (await inbox.incidents("dcc_quarantine"))[0][1]


async def alerts(inbox: Inbox) -> int:
    async with inbox.database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(outbox))).scalar_one())


async def end(inbox: Inbox, *numbers: int) -> None:
    async with inbox.database.write() as connection:
        which = quarantined.c.id.in_(numbers)
        await connection.execute(update(quarantined).where(which).values(state="ended", ended_at=1))


async def close(inbox: Inbox, incident: StoredIncident) -> None:
    async with inbox.database.write() as connection:
        now = await get_incident(connection, incident.id)
        await close_incident(connection, now, by="ana", reason="known", now=int(inbox.machine()))


async def test_a_wait_that_is_over_the_limit_is_told_once(inbox: Inbox) -> None:
    await inbox.held(1, 2)
    watch = watch_on(inbox)
    await watch.look()
    before = await alerts(inbox)
    assert "overdue" not in (await facts(inbox)).figures
    inbox.machine.wait(WAIT + 1)
    for again in (watch, watch, watch_on(inbox)):  # the last is that of a restarted daemon
        await again.look()
        assert await alerts(inbox) == before + 1
    told = await facts(inbox)
    assert told.figures["overdue"] == 2
    assert "2 wait for longer than 60 min" in told.detail
    await end(inbox, 1)
    await watch_on(inbox).look()
    assert (await facts(inbox)).figures["overdue"] == 1


async def test_a_wait_of_a_closed_incident_opens_another_one_unless_the_closer_knew(inbox: Inbox) -> None:
    await inbox.held(1)
    ((first, _),) = await inbox.incidents("dcc_quarantine")
    await close(inbox, first)
    inbox.machine.wait(WAIT + 1)
    await watch_on(inbox).look()
    (second, told), (earlier, _) = await inbox.incidents("dcc_quarantine")
    assert (second.is_open, earlier.is_open, told.figures["overdue"]) == (True, False, 1)
    await close(inbox, second)
    for watch in (watch_on(inbox), watch_on(inbox)):
        await watch.look()
    assert len(await inbox.incidents("dcc_quarantine")) == 2


async def test_an_incident_has_an_end_once_each_request_has_ended_and_begins_anew_with_the_next(
    inbox: Inbox,
) -> None:
    await inbox.held(1, 2)
    inbox.machine.wait(WAIT + 1)
    watch = watch_on(inbox)
    await watch.look()
    await end(inbox, 1)
    await watch.look()
    assert (await facts(inbox)).until is None
    await end(inbox, 2)
    await watch.look()
    ended = await facts(inbox)
    assert ended.until is not None
    assert (ended.figures["overdue"], ended.detail.endswith("each has ended")) == (0, True)
    await inbox.held(3)
    again = await facts(inbox)
    assert (again.until, again.occurrences, again.figures["requests"]) == (None, 2, 3)
    await watch.look()
    assert (await facts(inbox)).until is None


async def test_what_takes_up_a_classified_event_again_is_classified_for_the_same_people(inbox: Inbox) -> None:
    """A request that waits too long opens another incident after the first was closed: it says the same."""
    await inbox.held(1)
    watch = watch_on(inbox)
    ((incident, _),) = await inbox.incidents("dcc_quarantine")
    async with inbox.database.write() as connection:
        await update_incident(connection, incident.id, marking="classified")
        await set_nominees(connection, incident.id, ["ana", "olga"])
    await close(inbox, incident)
    inbox.machine.wait(WAIT + 1)
    await watch.look()
    (again, _), _ = await inbox.incidents("dcc_quarantine")
    assert (again.is_open, again.marking) == (True, "classified")
    async with inbox.database.read() as connection:
        assert await nominees_of(connection, again.id) == ["ana", "olga"]
        query = select(outbox.c.message).where(outbox.c.incident_id == again.id)
        messages = [bytes(message) for message in (await connection.execute(query)).scalars()]
    assert messages
    assert not any(incident.title.encode() in message for message in messages)
