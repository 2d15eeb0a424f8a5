"""What the DCC says is on record once, matched to what left, and believed only where it is signed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.clock import to_text
from gateway.errors import Unavailable
from gateway.ingest.dcc import inbox as module
from gateway.ingest.dcc import recorder, records
from gateway.ingest.dcc.checked import read_and_check
from gateway.ingest.dcc.sightings import FEW
from gateway.ingest.dcc.signature import Trust
from gateway.ingest.errors import IngestError
from gateway.metrics import REGISTRY
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from tests.support.dcc import TestDcc, alert, answer, quarantine
from tests.support.dcc_inbox import DCC, Inbox, numbers, running
from tests.support.duis_messages import USER_ID, request_id
from thresholds.model import CommunicationClass, Level


@pytest_asyncio.fixture
async def inbox(database: Database) -> AsyncIterator[Inbox]:
    async with running(database) as found:
        yield found


@pytest_asyncio.fixture
async def small(sqlite: Database) -> AsyncIterator[Inbox]:
    """For rules in which the kind of store has no part."""
    async with running(sqlite, kept_unbelieved=3, queue_limit=100) as found:
        yield found


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_request_in_excess_is_matched_with_its_exact_time(inbox: Inbox) -> None:
    await inbox.saw(1, 2)
    await inbox.passed(2)
    inbox.machine.wait(600)
    (found,) = await inbox.held(2)
    assert (found.kind, found.trust, found.matched, found.repeated) == (
        "quarantine",
        "verified",
        "in_excess",
        False,
    )
    (row,) = await inbox.rows()
    assert row.sent_at_ms == row.sent_until_ms == inbox.machine() * 1000 - 600_000
    assert (row.state, row.user_id, row.event_ref, row.alerts) == ("held", USER_ID, "42", 1)
    assert row.episode_id is not None
    assert row.service_reference_variant == "4.1.1"  # a decision by service covers it
    ((incident, facts),) = await inbox.incidents("dcc_quarantine")
    assert (incident.level, incident.user_id, row.incident_id) == ("quarantine", USER_ID, incident.id)
    assert (facts.figures["requests"], facts.figures["in_excess"]) == (1, 1)


async def test_a_request_beside_the_excess_and_one_without_any_are_told_apart(inbox: Inbox) -> None:
    await inbox.saw(1)
    inbox.machine.wait(100)
    await inbox.passed(7)
    await inbox.saw(2)
    await inbox.passed(3, level=Level.WARNING)
    found = await inbox.held(1, 2, 3)
    assert [each.matched for each in found] == ["not_predicted", "predicted", "predicted"]
    assert {row.service_reference_variant for row in await inbox.rows()} == {"4.1.1"}


async def test_requests_of_the_last_minutes_are_found_whether_few_or_many_are_asked_for(
    small: Inbox,
) -> None:
    """One RequestID may begin as another does: it is not taken for it."""
    await small.saw(10, 100)
    await small.saw(*range(11, 11 + FEW))
    found = await small.held(1, 10)
    assert [each.matched for each in found] == ["unknown", "not_predicted"]
    found = await small.held(*range(11, 12 + FEW))
    assert [each.matched for each in found] == ["not_predicted"] * FEW + ["unknown"]


async def test_a_request_of_earlier_is_found_in_the_digests_to_the_minute(inbox: Inbox) -> None:
    await inbox.saw(1, 2)
    inbox.machine.wait(40)
    await inbox.saw(3, name=CommunicationClass.SPC)
    await inbox.fold()
    inbox.machine.wait(3000)
    await inbox.saw(4)
    await inbox.fold()
    found = await inbox.held(1, 3, 4, 5)
    assert [each.matched for each in found] == ["not_predicted"] * 3 + ["unknown"]
    rows = {row.request_id: row for row in await inbox.rows()}
    first = rows[request_id(1)]
    start = int(inbox.machine() - 3040) * 1000
    assert (first.sent_at_ms, first.sent_until_ms) == (start, start + 40_999)
    assert rows[request_id(3)].communication_class == "SPC"
    assert first.service_reference_variant == "4.1.1", "all of that minute and class were of one service"


async def test_the_service_is_known_above_a_threshold_on_any_service_too(inbox: Inbox) -> None:
    await inbox.passed(1, service="*")
    await inbox.held(1)
    (row,) = await inbox.rows()
    assert (row.matched, row.service_reference_variant) == ("in_excess", "4.1.1")


async def test_the_service_is_not_known_where_several_left_in_that_minute(inbox: Inbox) -> None:
    await inbox.saw(1)
    await inbox.saw(2, variant="4.1.2")
    await inbox.saw(3, name=CommunicationClass.SPC, variant="7.2")
    await inbox.fold()
    await inbox.held(1, 2, 3)
    found = {row.request_id: row.service_reference_variant for row in await inbox.rows()}
    assert found == {request_id(1): None, request_id(2): None, request_id(3): "7.2"}


async def test_a_value_outside_limits_says_nothing_of_counts(inbox: Inbox) -> None:
    await inbox.saw(1)
    (found,) = await inbox.held(1, breach="ADAttributeLimitsBreach")
    assert (found.breach, found.matched) == ("attribute_limits", "sent")


async def test_a_request_that_we_did_not_see_leave_is_an_incident_of_its_own(inbox: Inbox) -> None:
    await inbox.held(666)
    await inbox.held(667)
    ((incident, facts),) = await inbox.incidents("unknown_request")
    assert (incident.level, incident.user_id) == ("quarantine", USER_ID)
    assert facts.figures["requests"] == 2
    assert facts.figures["request_ids"] == f"{request_id(666)}, {request_id(667)}", (
        "of both, though told apart"
    )
    assert facts.until is not None
    assert [row.matched for row in await inbox.rows()] == ["unknown", "unknown"]


async def test_someone_elses_request_is_unknown_and_says_so(inbox: Inbox) -> None:
    other = request_id(1, originator="90-B3-D5-1F-30-66-66-66")
    (found,) = await inbox.take(DCC.sign(quarantine(other, at=inbox.machine())))
    assert found.matched == "unknown"
    ((incident, _),) = await inbox.incidents("unknown_request")
    assert "none of ours" in incident.title


async def test_the_same_alert_twice_is_once_on_record(inbox: Inbox) -> None:
    data = inbox.alert(1)
    together = await inbox.take(data, data)
    later = await inbox.take(data)
    assert [each.repeated for each in together + later] == [False, True, True]
    (row,) = await inbox.rows()
    assert row.alerts == 1
    assert len(await inbox.alerts()) == 1
    ((_, facts),) = await inbox.incidents("dcc_quarantine")
    assert facts.figures["requests"] == 1
    await inbox.held(2)
    ((_, facts),) = await inbox.incidents("dcc_quarantine")
    assert (facts.figures["requests"], facts.occurrences) == (2, 1), "it goes on, and did not begin anew"


async def test_another_alert_of_the_same_request_and_event_adds_to_it(inbox: Inbox) -> None:
    await inbox.held(1)
    inbox.machine.wait(1)
    await inbox.take(DCC.sign(quarantine(request_id(1), count=30, at=inbox.machine())))
    (row,) = await inbox.rows()
    assert (row.alerts, len(await inbox.alerts())) == (31, 2)
    assert row.received_at_ms == (inbox.machine() - 1) * 1000, "the first one tells when it was known"


async def test_a_throttled_bundle_counts_for_as_many_as_it_stands_for(inbox: Inbox) -> None:
    before = metric("adt_gateway_dcc_alerts_total", code="N46")
    data = DCC.sign(quarantine(request_id(1), count=250, at=inbox.machine()))
    await inbox.take(data)
    await inbox.take(data)
    (row,) = await inbox.rows()
    assert row.alerts == 250
    assert metric("adt_gateway_dcc_alerts_total", code="N46") - before == 250


async def test_alerts_out_of_order_give_the_same_record(inbox: Inbox) -> None:
    """An answer before the quarantine, events crossed, later numbers first."""
    await inbox.saw(*range(10))
    await inbox.take(DCC.sign(answer(request_id(3), "I0", at=inbox.machine() + 1)))
    await inbox.held(9, 3, event=2)
    await inbox.held(5, event=1)
    await inbox.held(3, event=1)
    assert numbers(await inbox.rows()) == [3, 3, 5, 9]
    assert len(await inbox.incidents("dcc_quarantine")) == 2
    answered = {row.request_id for row in await inbox.rows() if row.answer_code == "I0"}
    assert answered == {request_id(3)}, "an answer that overtook its alert is not lost"


async def test_what_is_not_verified_is_kept_and_never_believed(inbox: Inbox) -> None:
    await inbox.saw(1)
    at = inbox.machine()
    forged = TestDcc().sign(quarantine(request_id(1), at=at))
    changed = inbox.alert(2).replace(b">42<", b">43<")
    found = await inbox.take(quarantine(request_id(1), at=at), forged, changed)
    assert [each.trust for each in found] == ["unsigned", "unknown_signer", "wrong"]
    assert all(each.why and not each.matched for each in found)
    assert {each.trust for each in await inbox.alerts()} == {"unsigned", "unknown_signer", "wrong"}
    assert await inbox.rows() == []
    assert await inbox.incidents("dcc_quarantine") == []
    assert await inbox.incidents("unknown_request") == []


async def test_an_unsigned_answer_ends_nothing_and_a_signed_one_is_noted(inbox: Inbox) -> None:
    await inbox.held(1)
    await inbox.take(answer(request_id(1), "E65", at=inbox.machine()))
    await inbox.take(DCC.sign(answer(request_id(1), "I0", at=inbox.machine() - 60)))
    assert (await inbox.rows())[0].answer_code is None, "it was held after that answer"
    inbox.machine.wait(5)
    await inbox.take(DCC.sign(answer(request_id(1), "I0", at=inbox.machine())))
    (row,) = await inbox.rows()
    assert (row.answer_code, row.answered_at_ms) == ("I0", inbox.machine() * 1000)


async def test_an_answer_that_comes_again_is_no_newer_than_it_was(inbox: Inbox) -> None:
    """A broker repeats, and who keeps true answers may replay them: neither ends what is decided since."""
    await inbox.held(1)
    inbox.machine.wait(5)
    first = DCC.sign(answer(request_id(1), "E65", at=inbox.machine()))
    await inbox.take(first)
    inbox.machine.wait(60)
    second = DCC.sign(answer(request_id(1), "I0", at=inbox.machine()))
    (before,) = await inbox.rows()
    for again in (first, second, first):
        await inbox.take(again)
        inbox.machine.wait(60)
    (row,) = await inbox.rows()
    assert before.answered_at_ms is not None
    assert row.answered_at_ms == before.answered_at_ms + 60_000
    assert row.answer_code == "I0"


async def test_where_nothing_was_seen_leaving_nothing_is_said_to_be_known_of_earlier(small: Inbox) -> None:
    await small.held(1)
    ((_, nothing),) = await small.incidents("unknown_request")
    assert nothing.figures["known_since"] == to_text(int(small.machine()))


async def test_other_alerts_are_counted_by_code_and_pass_by(small: Inbox) -> None:
    labels = ("AD1", "other")
    before = [metric("adt_gateway_dcc_alerts_total", code=code) for code in labels]
    at = small.machine()
    power = alert("<sr:PowerOutageEvent/>", code="AD1", at=at)
    await small.take(DCC.sign(power), DCC.sign(alert("<sr:X/>", code="Q7", at=at)), power)
    after = [metric("adt_gateway_dcc_alerts_total", code=code) for code in labels]
    assert [later - earlier for earlier, later in zip(before, after, strict=True)] == [1, 1]
    assert await small.alerts() == []


async def test_what_is_not_believed_cannot_fill_the_disk_nor_crowd_out_another_sort(small: Inbox) -> None:
    """Three of each sort are kept; what comes beyond is told by the answer, a metric and an incident."""
    before = {trust: metric("adt_gateway_dcc_not_kept_total", trust=trust) for trust in Trust}
    at, strangers = small.machine(), TestDcc()
    found = await small.take(*(quarantine(request_id(n), at=at) for n in range(10)))
    found += await small.take(quarantine(request_id(11), at=at))
    assert [each.not_kept for each in found] == [False] * 3 + [True] * 8
    found = await small.take(*(strangers.sign(quarantine(request_id(n), at=at)) for n in range(3)))
    assert not any(each.not_kept for each in found)
    assert Counter(each.trust for each in await small.alerts()) == {"unsigned": 3, "unknown_signer": 3}
    after = {trust: metric("adt_gateway_dcc_not_kept_total", trust=trust) for trust in Trust}
    assert {trust: count - before[trust] for trust, count in after.items() if count != before[trust]} == {
        "unsigned": 8
    }
    ((incident, facts),) = await small.incidents("dcc_not_kept")
    assert (facts.subject, facts.figures) == ("unsigned", {"limit": 3, "not_kept": 8})
    assert "without a signature" in incident.title
    await small.held(99)
    assert len(await small.rows()) == 1, "what is believed has its place all the same"
    small.certificates = (DCC.certificate, strangers.certificate)
    await small.recheck.look()
    assert len(await small.rows()) == 4, "nothing of another sort kept out what is believed later"


async def test_one_that_cannot_be_read_does_not_stop_those_beside_it(small: Inbox) -> None:
    hostile = [b"", b"<", b"\xff\xfe", b"<a/>", b"<!DOCTYPE a>" + quarantine(), DCC.sign(quarantine())[:-9]]
    found = await asyncio.gather(
        *(small.inbox.take(data, "http") for data in [*hostile, small.alert(1)]), return_exceptions=True
    )
    assert all(isinstance(each, IngestError) for each in found[:-1])
    assert len(await small.rows()) == 1


async def test_a_fault_that_nobody_foresaw_does_not_stop_those_beside_it(
    small: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = read_and_check

    def broken(message: Any, certificates: Any) -> Any:
        if b"poison" in message.data:
            msg = "nobody foresaw this"
            raise RuntimeError(msg)
        return true(message, certificates)

    monkeypatch.setattr(module, "read_and_check", broken)
    found = await asyncio.gather(
        *(small.inbox.take(data, "mqtt") for data in (b"poison", small.alert(1))), return_exceptions=True
    )
    assert isinstance(found[0], IngestError)
    assert len(await small.rows()) == 1


async def test_a_full_queue_refuses_and_loses_nothing_that_was_taken(small: Inbox) -> None:
    data = [small.alert(number) for number in range(300)]
    found = await asyncio.gather(*(small.inbox.take(each, "http") for each in data), return_exceptions=True)
    refused = [each for each in found if isinstance(each, Unavailable)]
    assert {each.code for each in refused} == {"queue_full"}
    assert len(refused) == 200
    assert len(await small.rows()) == 100
    await small.take(*data[100:200])
    assert len(await small.rows()) == 200, "there is room again"


async def test_a_store_that_is_away_is_told_and_the_same_message_may_come_again(
    small: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("store_unavailable", "it is away", "Wait.")

    with monkeypatch.context() as patched:
        patched.setattr(recorder, "append_record", away)
        with pytest.raises(Unavailable):
            await small.held(1)
    assert await small.rows() == []
    assert await small.incidents("dcc_quarantine") == []
    (found,) = await small.held(1)
    assert not found.repeated
    assert len(await small.rows()) == 1


async def test_a_flood_of_events_shares_an_incident_past_a_number(
    small: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "EVENTS", 3)
    for event in range(8):
        await small.held(event, event=event)
    subjects = sorted(each.subject for _, each in await small.incidents("dcc_quarantine"))
    assert subjects == [f"{USER_ID}/0", f"{USER_ID}/1", f"{USER_ID}/2", f"{USER_ID}/others"]
    small.machine.wait(recorder.EVENTS_SECONDS)
    await small.held(99, event=99)
    assert len(await small.incidents("dcc_quarantine")) == 5
    assert None not in {row.incident_id for row in await small.rows()}


async def test_each_group_is_in_the_audit_chain(small: Inbox) -> None:
    await small.held(1, 2)
    await small.take(quarantine(at=small.machine()))
    found = await read_records(small.database, 0, 100, records.SUBJECT)
    assert sum(record.body.count(b"sha256_of_hashes") for record in found) == len(found) > 0


async def test_an_alert_is_believed_once_its_certificate_is_there_and_only_that_one(inbox: Inbox) -> None:
    """The DCC's new certificate may come after what it signed, and the DCC does not tell it twice."""
    await inbox.saw(1)
    inbox.certificates = ()
    early, changed = inbox.alert(1), inbox.alert(2).replace(b">42<", b">43<")
    await inbox.take(early, changed, quarantine(request_id(3), at=inbox.machine()))
    told = inbox.machine()
    inbox.machine.wait(4000)
    await inbox.recheck.look()
    assert await inbox.rows() == []
    inbox.certificates = (TestDcc().certificate, DCC.certificate)
    for _ in range(2):
        await inbox.recheck.look()
    (row,) = await inbox.rows()
    assert (row.request_id, row.matched, row.received_at_ms) == (request_id(1), "not_predicted", told * 1000)
    assert sorted(each.trust for each in await inbox.alerts()) == ["unchecked", "unsigned", "verified"]
    assert len(await inbox.incidents("dcc_quarantine")) == 1
    (again,) = await inbox.take(early)
    assert again.repeated
    assert (await inbox.rows())[0].alerts == 1


async def test_the_same_bytes_again_are_believed_if_they_can_be_checked_by_now(small: Inbox) -> None:
    data = small.alert(1)
    small.certificates = ()
    await small.take(data)
    small.certificates = (DCC.certificate,)
    (found,) = await small.take(data)
    assert (found.trust, found.repeated) == ("verified", False)
    assert len(await small.rows()) == len(await small.alerts()) == 1
