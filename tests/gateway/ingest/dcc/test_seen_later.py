"""A request that is brought after the DCC's alert was sent by us after all, and every place says so."""

import json

from gateway.ingest.dcc.seen_later import SeenLater
from gateway.store.audit_log import all_records
from gateway.store.database import Database
from gateway.store.journal_writer import DatabaseJournalWriter
from tests.support.dcc_inbox import SENT_SECONDS, Inbox, running
from tests.support.duis_messages import USER_ID, request_id
from tests.support.watching import make_conditions


def watch(inbox: Inbox) -> SeenLater:
    conditions = make_conditions(inbox.database, inbox.machine)
    return SeenLater(inbox.database, conditions, lambda: (USER_ID,), SENT_SECONDS, inbox.machine)


async def test_what_is_seen_after_the_alert_is_not_called_unseen_for_ever(database: Database) -> None:
    """A drop folder, or a broker that was away, brings requests after the DCC told of them."""
    async with running(database) as inbox:
        later = watch(inbox)
        await inbox.held(1, 2, 666)
        assert await later.look() == 0
        inbox.machine.wait(60)
        await inbox.saw(1, 2)
        await inbox.passed(2)
        assert await later.look() == 2
        rows = {row.request_id.rpartition(":")[2]: row for row in await inbox.rows()}
        assert {name: row.matched for name, row in rows.items()} == {
            "1": "predicted",
            "2": "in_excess",
            "666": "unknown",
        }
        assert rows["1"].sent_at_ms is None, (
            "it came after the alert and named no time of its own: no delay is known"
        )
        ((_, unknown),) = await inbox.incidents("unknown_request")
        assert (unknown.figures["requests"], unknown.figures["seen_later"]) == (3, 2)
        assert unknown.detail.endswith("later some of them were seen")
        assert unknown.figures["request_ids"] == request_id(666), "what is left to be found out"
        ((_, event),) = await inbox.incidents("dcc_quarantine")
        assert [event.figures[name] for name in ("requests", "unknown", "predicted", "in_excess")] == [
            3,
            1,
            1,
            1,
        ]
        assert event.until is None
        actions = [json.loads(record.body)["action"] async for record in all_records(database)]
        assert actions.count("dcc.seen_later") == 1, "on record once, with what it changed"
        assert await later.look() == 0


async def test_the_time_that_a_source_names_is_the_time_of_sending(sqlite: Database) -> None:
    async with running(sqlite) as inbox:
        sent = inbox.observation(1)
        inbox.machine.wait(60)
        await inbox.held(1)
        inbox.machine.wait(60)
        await DatabaseJournalWriter(sqlite).append([sent], int(inbox.machine()))
        assert await watch(inbox).look() == 1
        (row,) = await inbox.rows()
        assert row.received_at_ms - (row.sent_at_ms or 0) == 60_000


async def test_what_went_into_a_digest_meanwhile_is_found_too(sqlite: Database) -> None:
    async with running(sqlite) as inbox:
        later = watch(inbox)
        await inbox.held(1)
        inbox.machine.wait(30)
        await inbox.saw(1)
        await inbox.fold()
        inbox.machine.wait(3600)
        assert await later.look() == 1
        ((_, unknown),) = await inbox.incidents("unknown_request")
        assert unknown.detail.endswith("later each of them was seen")
        (row,) = await inbox.rows()
        assert (row.matched, row.communication_class) == ("not_predicted", "SR")


async def test_a_level_that_late_requests_pass_is_laid_beside_what_the_dcc_held_before(
    database: Database,
) -> None:
    """The DCC counted what came here later: what it holds was expected after all, as soon as we know as much."""
    async with running(database) as inbox:
        later = watch(inbox)
        await inbox.saw(1, 2, 3)
        await inbox.held(1, 2)
        await inbox.held(3, breach="ADAttributeLimitsBreach")
        assert [row.matched for row in await inbox.rows()] == ["not_predicted", "not_predicted", "sent"]
        assert await later.look() == 0
        inbox.machine.wait(60)
        await inbox.passed(2, at=inbox.machine() - 60)
        assert await later.look() == 2
        rows = {row.request_id.rpartition(":")[2]: row for row in await inbox.rows()}
        assert [(name, row.matched) for name, row in sorted(rows.items())] == [
            ("1", "predicted"),
            ("2", "in_excess"),
            ("3", "sent"),
        ]
        assert rows["1"].episode_id == rows["2"].episode_id is not None
        assert rows["1"].sent_at_ms == rows["2"].sent_at_ms == (inbox.machine() - 60) * 1000
        ((_, event),) = await inbox.incidents("dcc_quarantine")
        told = [event.figures[name] for name in ("requests", "not_predicted", "predicted", "in_excess")]
        assert told == [3, 0, 1, 1]
        actions = [json.loads(record.body)["action"] async for record in all_records(database)]
        assert actions.count("dcc.matched_later") == 1
        assert "dcc.seen_later" not in actions
        assert await later.look() == 0


async def test_a_level_that_is_passed_after_a_request_was_held_did_not_expect_it(sqlite: Database) -> None:
    async with running(sqlite) as inbox:
        later = watch(inbox)
        await inbox.saw(1)
        await inbox.held(1)
        inbox.machine.wait(60)
        await inbox.passed(7)
        assert await later.look() == 0
        assert [row.matched for row in await inbox.rows()] == ["not_predicted"]
