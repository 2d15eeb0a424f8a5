"""DSP PM 11 and the differences of thresholds, from what is on record."""

import csv
import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.access import Person, Role
from gateway.errors import InvalidInput, NotPermitted
from gateway.operations.quarantine import Pm11, Quarantine, month_span
from gateway.store.database import Database
from gateway.store.quarantined import HeldFilter
from tests.support.dcc import quarantine
from tests.support.dcc_inbox import DCC, Inbox, running
from tests.support.duis_messages import USER_ID, request_id

ADAM = Person("adam", frozenset({Role.AUDITOR}))
MONTH = "2026-11"


@pytest_asyncio.fixture
async def inbox(database: Database) -> AsyncIterator[Inbox]:
    async with running(database) as found:
        yield found


def reports(inbox: Inbox, expected_seconds: int = 3600) -> Quarantine:
    return Quarantine(inbox.database, expected_seconds, inbox.machine)


async def measured(inbox: Inbox, month: str = MONTH) -> Pm11:
    return await reports(inbox).pm11(ADAM, month)


async def downloaded(inbox: Inbox) -> list[dict[str, str]]:
    parts = [part async for part in reports(inbox).pm11_csv(ADAM, MONTH)]
    return list(csv.DictReader(io.StringIO(b"".join(parts).decode())))


async def tell(inbox: Inbox, number: int, event: int = 42) -> None:
    await inbox.take(DCC.sign(quarantine(request_id(number), event, at=inbox.machine())))


async def test_thirty_minutes_are_within_and_a_moment_more_is_beyond(inbox: Inbox) -> None:
    await inbox.passed(1, 2, 3, 4)
    inbox.machine.wait(60)
    await tell(inbox, 1)
    inbox.machine.wait(1740)
    await tell(inbox, 2)
    inbox.machine.wait(0.001)
    await tell(inbox, 3)
    found = await measured(inbox)
    assert (found.count, found.within_30_minutes, found.uncertain) == (3, 2, 0)
    assert found.share == pytest.approx(2 / 3)
    assert found.worst_seconds == pytest.approx(1800.001)
    assert (found.not_seen, found.not_notified, found.not_yet_notified) == (0, 1, 0)
    slowest = await reports(inbox).pm11_list(ADAM, MONTH, 1)
    assert [each.request_id for each in slowest] == [request_id(3)]


async def test_a_request_that_two_events_hold_is_measured_once_by_the_first_alert(inbox: Inbox) -> None:
    await inbox.passed(1)
    inbox.machine.wait(60)
    await tell(inbox, 1)
    await tell(inbox, 666)
    inbox.machine.wait(3600)
    await tell(inbox, 1, event=43)
    await tell(inbox, 666, event=43)
    found = await measured(inbox)
    assert (found.count, found.within_30_minutes, found.worst_seconds, found.not_seen) == (1, 1, 60.0, 1)
    (row,) = await reports(inbox).pm11_list(ADAM, MONTH, 10)
    assert (row.event_ref, row.within) == ("42", "yes")
    assert len(await downloaded(inbox)) == 1


async def test_what_the_dcc_may_yet_tell_of_is_apart_from_what_it_did_not_tell(inbox: Inbox) -> None:
    await inbox.passed(1)
    inbox.machine.wait(1800)
    await inbox.passed(2)
    found = await measured(inbox)
    assert (found.not_notified, found.not_yet_notified) == (0, 2)
    inbox.machine.wait(0.001)
    found = await measured(inbox)
    assert (found.not_notified, found.not_yet_notified) == (1, 1)


async def test_a_request_that_left_twice_is_missing_in_the_first_month_alone(inbox: Inbox) -> None:
    """As a critical one does: as TRANSFORM, and as SPC in the next month."""
    inbox.machine.now = month_span("2026-12")[0] / 1000 - 1
    await inbox.passed(1)
    inbox.machine.wait(1)
    await inbox.passed(1)
    inbox.machine.wait(3600)
    counts = [(await measured(inbox, month)).not_notified for month in ("2026-11", "2026-12")]
    assert counts == [1, 0]


async def test_what_was_told_before_it_was_sent_is_a_difference_of_clocks_and_no_part_of_the_share(
    inbox: Inbox,
) -> None:
    await inbox.passed(1, 2, 3)
    inbox.machine.wait(-7.5)
    await tell(inbox, 1)
    inbox.machine.wait(5)
    await tell(inbox, 2)
    inbox.machine.wait(12.5)
    await tell(inbox, 3)
    found = await measured(inbox)
    assert (found.count, found.within_30_minutes, found.share, found.worst_seconds) == (1, 1, 1.0, 10.0)
    assert (found.clock_difference, found.ahead_seconds) == (2, 7.5)
    listed = await reports(inbox).pm11_list(ADAM, MONTH, 10)
    assert [(each.within, each.longest_ms) for each in listed] == [
        ("yes", 10_000),
        ("clock_difference", -2500),
        ("clock_difference", -7500),
    ]
    told = {row["Within30Minutes"]: row["SecondsAtMost"] for row in await downloaded(inbox)}
    assert told["clock_difference"] in {"-2.5", "-7.5"}


async def test_a_sending_that_is_known_to_the_minute_takes_no_less_than_no_time(inbox: Inbox) -> None:
    """The alert came within the minute of the sending: that is no difference of clocks."""
    await inbox.saw(1)
    inbox.machine.wait(20)
    told = inbox.machine()
    inbox.machine.wait(30)
    await inbox.saw(2)
    await inbox.fold()
    inbox.machine.now = told
    await tell(inbox, 1)
    (row,) = await reports(inbox).pm11_list(ADAM, MONTH, 10)
    assert (row.within, row.shortest_ms, row.longest_ms) == ("yes", 0, 20_000)


async def test_what_is_known_to_the_minute_is_uncertain_where_that_decides(inbox: Inbox) -> None:
    await inbox.saw(1)
    inbox.machine.wait(50)
    await inbox.saw(2)
    await inbox.fold()
    inbox.machine.wait(1770)
    await tell(inbox, 1)
    found = await measured(inbox)
    assert (found.count, found.within_30_minutes, found.uncertain) == (1, 0, 1)


async def test_a_request_that_was_not_seen_leaving_has_no_time_and_no_part_in_the_share(inbox: Inbox) -> None:
    await tell(inbox, 666)
    found = await measured(inbox)
    assert (found.count, found.share, found.worst_seconds, found.not_seen) == (0, None, None, 1)


async def test_a_month_is_utc_and_by_the_time_of_sending(inbox: Inbox) -> None:
    first, end = month_span("2026-12")
    assert month_span("2026-11")[1] == first
    inbox.machine.now = first / 1000 - 1
    await inbox.passed(1)
    inbox.machine.wait(1)
    await inbox.passed(2)
    inbox.machine.now = end / 1000 - 1
    await inbox.passed(3)
    inbox.machine.wait(2)
    for number in (1, 2, 3):
        await tell(inbox, number)
    counts = [(await measured(inbox, month)).count for month in ("2026-11", "2026-12", "2027-01")]
    assert counts == [1, 2, 0]


@pytest.mark.parametrize(
    "month", ["", "2026", "2026-00", "2026-13", "2026-1", "26-01", "2026-12-01", "٢٠٢٦-١٢"]
)
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(InvalidInput):
        month_span(month)


async def test_the_csv_has_every_request_once(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.operations.quarantine.AT_ONCE", 2)
    await inbox.passed(*range(5))
    inbox.machine.wait(2000)
    for number in range(5):
        await tell(inbox, number)
    rows = await downloaded(inbox)
    assert sorted(row["RequestID"] for row in rows) == [request_id(number) for number in range(5)]
    assert {row["Within30Minutes"] for row in rows} == {"no"}
    assert {row["SecondsAtMost"] for row in rows} == {"2000.0"}


async def test_where_we_expected_quarantine_the_verdict_follows_what_came(inbox: Inbox) -> None:
    await inbox.passed(1, 2)
    quarantine_ = reports(inbox, expected_seconds=3600)

    async def verdict() -> str:
        (expected,) = (await quarantine_.differences(ADAM)).expected
        return expected.verdict

    assert await verdict() == "waits"
    inbox.machine.wait(3600)
    assert await verdict() == "none_held"
    await tell(inbox, 1)
    assert await verdict() == "some_held"
    await tell(inbox, 2)
    assert await verdict() == "all_held"
    assert (await quarantine_.differences(ADAM)).unexpected == []


async def test_where_we_did_not_expect_quarantine_each_event_is_shown_once(inbox: Inbox) -> None:
    await inbox.saw(1, 2, 3)
    inbox.machine.wait(5)
    await tell(inbox, 1)
    inbox.machine.wait(5)
    await tell(inbox, 2)
    await tell(inbox, 3, event=43)
    found = (await reports(inbox).differences(ADAM)).unexpected
    assert {(each.event_ref, each.requests, each.user_id) for each in found} == {
        ("42", 2, USER_ID),
        ("43", 1, USER_ID),
    }
    assert found[-1].first_at_ms < found[-1].last_at_ms or found[0].first_at_ms < found[0].last_at_ms
    assert all(each.incident_id for each in found)


async def test_who_may_not_read_sees_nothing(sqlite: Database) -> None:
    machine = Person("adaptor", frozenset({Role.ADAPTOR}))
    found = Quarantine(sqlite, 60, lambda: 0.0)
    for call in (
        found.held(machine, HeldFilter(), 1),
        found.alert(machine, 1),
        found.differences(machine),
        found.pm11(machine, MONTH),
        found.pm11_list(machine, MONTH, 1),
        anext(found.pm11_csv(machine, MONTH)),
    ):
        with pytest.raises(NotPermitted):
            await call
