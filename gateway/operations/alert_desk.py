"""What people do with alerts: see how each channel does, test it, and send dead letters anew or discard them."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.alerts.candidate import Candidates
from gateway.alerts.line import Line, LineState, trouble
from gateway.alerts.message import Alert, decode, encode
from gateway.audit.record import Entry
from gateway.clock import Clock, to_text
from gateway.errors import Conflict, GatewayError, NotFound
from gateway.operations.alert_shapes import (
    AlertPage,
    ChannelLook,
    ShownAlert,
    TestResult,
    shown_alert,
)
from gateway.operations.files import required_reason
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.outbox import Backlog, backlogs
from gateway.store.outbox_list import (
    AlertState,
    ListedAlert,
    count_alerts,
    discard,
    find_alert,
    last_sent,
    list_alerts,
    not_taken,
    revive,
)

AT_ONCE: Final = 200
"""Alerts that one transaction sends anew, or discards."""
SAID_LENGTH: Final = 500


class AlertDesk:
    """Looks at the outbox and at the lines to the other sides."""

    def __init__(
        self,
        instance: str,
        lines: Sequence[Line],
        heartbeats: Mapping[str, int],
        database: Database,
        candidates: Candidates,
        clock: Clock,
    ) -> None:
        self._instance = instance
        self._lines = {line.name: line for line in lines}
        self._heartbeats = heartbeats
        self._database = database
        self._candidates = candidates
        self._ring = candidates.ring
        self._clock = clock

    async def look(self, person: Person) -> list[ChannelLook]:
        """Return how each channel does, by name; those that are set no more and have alerts left, too."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            behind, sent = await backlogs(connection), await last_sent(connection)
        return [
            self._look(name, behind.get(name, Backlog()), sent.get(name))
            for name in sorted({*self._lines, *behind})
        ]

    def _look(self, name: str, backlog: Backlog, sent_at: int | None) -> ChannelLook:
        line = self._lines.get(name)
        state = line.state if line else LineState()
        return ChannelLook(
            name=name,
            is_set=line is not None,
            works=line is not None and state.works,
            waiting=backlog.waiting,
            dead=backlog.dead,
            oldest_at=backlog.oldest,
            taken_at=state.taken_at or sent_at,
            said=state.said,
            failed_at=state.failed_at,
            trouble=state.trouble,
            heartbeat_seconds=self._heartbeats.get(name, 0),
        )

    async def listed(
        self, person: Person, state: AlertState, channel: str | None, limit: int, skip: int = 0
    ) -> AlertPage:
        """Return alerts of one state after the first *skip*, the newest first; of all channels for None."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            counted = await count_alerts(connection, state, channel)
            found = await list_alerts(connection, state, channel, limit, skip)
        return AlertPage(counted, [shown_alert(alert, self._lines) for alert in found])

    async def one(self, person: Person, alert_id: int) -> ShownAlert:
        """Return one alert; raise `NotFound`."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            return shown_alert(await _get(connection, alert_id), self._lines)

    async def resend(self, person: Person, alert_id: int) -> ShownAlert:
        """Send one dead letter anew.

        Raises `Conflict` where it is none, `NotFound` where its channel is not set, `AlertUnreadable`.
        """
        person.require(Action.HANDLE_ALERTS)
        async with self._database.write() as connection:
            alert = await find_alert(connection, alert_id)
            if alert is None or alert.state is not AlertState.DEAD:
                msg = f"alert {alert_id} is no dead letter"
                raise Conflict("alert_not_dead", msg, "List them: adt-gateway alerts --dead")
            self._require_set(alert.channel)
            decode(alert.message)  # what cannot be read is refused here: sending it anew would help nobody
            await self._revive(connection, person, [alert])
        self._ring()
        return shown_alert(alert, self._lines)

    async def resend_all(self, person: Person, channel: str) -> int:
        """Send every dead letter of *channel* anew, in the order in which they were written; return how many.

        What cannot be read stays as it is.
        """
        person.require(Action.HANDLE_ALERTS)
        self._require_set(channel)
        count = unread = 0
        while True:
            async with self._database.write() as connection:
                found = await list_alerts(connection, AlertState.DEAD, channel, AT_ONCE, unread)
                readable = [alert for alert in found[::-1] if shown_alert(alert, self._lines).alert_id]
                await self._revive(connection, person, readable)
            count, unread = count + len(readable), unread + len(found) - len(readable)
            if len(found) < AT_ONCE:
                break
        self._ring()
        return count

    async def _revive(
        self, connection: AsyncConnection, person: Person, alerts: Sequence[ListedAlert]
    ) -> None:
        now = self._clock()
        await self._candidates.withhold(connection)  # by the markings and the settings of now
        await revive(connection, [alert.id for alert in alerts], int(now))
        for alert in alerts:
            detail = {"channel": alert.channel, "alert": alert.id}
            entry = Entry(person.name, "alert.resent", f"incident/{alert.incident_id}", detail)
            await append_record(connection, entry, now)

    async def discard(self, person: Person, alert_id: int, reason: str) -> ShownAlert:
        """Discard a dead letter, or what waits for a channel that is not set; who did it and why goes on record.

        Raises `NotFound`, and `Conflict` where it was taken, or waits for a channel that is set: that will take it.
        """
        person.require(Action.HANDLE_ALERTS)
        reason = required_reason(reason)
        async with self._database.write() as connection:
            alert = await _get(connection, alert_id)
            shown = shown_alert(alert, self._lines)
            if not shown.may_discard:
                what = "waits for its channel" if alert.state is AlertState.WAITING else "was taken"
                msg = f"alert {alert_id} {what} and is not to be discarded"
                raise Conflict("alert_not_discardable", msg, "Dead letters are: adt-gateway alerts --dead")
            await self._discard(connection, person, [alert], reason)
        return shown

    async def discard_all(self, person: Person, channel: str, reason: str) -> int:
        """Discard all that a channel which is not set has not taken, in parts; return how much that was.

        Raises `Conflict` where the settings have the channel, `NotFound` where nothing is left for it.
        """
        person.require(Action.HANDLE_ALERTS)
        reason = required_reason(reason)
        if channel in self._lines:
            msg = f"channel {channel} is set: what waits for it will be sent"
            remedy = "Discard its dead letters one by one, or take it out of the settings first."
            raise Conflict("channel_set", msg, remedy)
        count = 0
        while True:
            async with self._database.write() as connection:
                found = await not_taken(connection, channel, AT_ONCE)
                await self._discard(connection, person, found, reason)
            count += len(found)
            if len(found) < AT_ONCE:
                break
        if not count:
            msg = f"nothing is left for a channel {channel}"
            raise NotFound("channel_unknown", msg, "See what there is: adt-gateway alerts")
        return count

    async def _discard(
        self, connection: AsyncConnection, person: Person, alerts: Sequence[ListedAlert], reason: str
    ) -> None:
        now = self._clock()
        await discard(connection, [alert.id for alert in alerts])
        for alert in alerts:
            shown = shown_alert(alert, self._lines)
            detail = {
                "channel": alert.channel,
                "alert": alert.id,
                "id": shown.alert_id,
                "was": str(alert.state),
                "reason": reason,
            }
            entry = Entry(person.name, "alert.discarded", f"incident/{alert.incident_id}", detail)
            await append_record(connection, entry, now)

    async def test(self, person: Person, name: str) -> TestResult:
        """Send a test to the other side of a channel at once; return what it said, or what is wrong.

        Who tested, and what came of it, goes on record. Raises `NotFound` where no channel has that name.
        """
        person.require(Action.HANDLE_ALERTS)
        self._require_set(name)
        now = self._clock()
        alert = self._test_alert(person, name, now)
        result = await _sent(self._lines[name], alert)
        said = result.said or f"{result.code}: {result.message}"
        detail = {"alert": alert.id, "taken": result.taken, "said": said}
        async with self._database.write() as connection:
            await append_record(
                connection, Entry(person.name, "channel.tested", f"channel/{name}", detail), self._clock()
            )
        return result

    def _require_set(self, name: str) -> None:
        """Raise `NotFound` where the settings have no channel *name*: what is sent to it would wait for ever."""
        if name not in self._lines:
            msg = f"there is no channel {name}"
            there = ", ".join(sorted(self._lines)) or "none; set one in [alerts]"
            remedy = f"There are: {there}. What is left for one that was taken out can be discarded."
            raise NotFound("channel_unknown", msg, remedy)

    def _test_alert(self, person: Person, name: str, now: float) -> Alert:
        return Alert(
            id=f"{self._instance}/test/{name}/{int(now * 1000)}",
            instance=self._instance,
            event="test",
            incident=0,
            title=f"Test of the channel {name}: nothing is wrong, and nothing is to be done",
            at=to_text(now),
            facts=None,
            record=None,
            by=person.name,
            state="",
            opened_at=to_text(now),
        )


async def _sent(line: Line, alert: Alert) -> TestResult:
    try:
        said = await line.send([encode(alert)])
    except GatewayError as error:
        problem = error.code, error.message[:SAID_LENGTH], error.remedy
    except Exception as error:  # noqa: BLE001 - whatever it is, the person who tests should see it
        problem = (
            "channel_failed",
            trouble(error)[:SAID_LENGTH],
            "Look at the other side and at the way there.",
        )
    else:
        return TestResult(line.name, alert.id, taken=True, said=said[:SAID_LENGTH])
    return TestResult(line.name, alert.id, False, "", *problem)


async def _get(connection: AsyncConnection, alert_id: int) -> ListedAlert:
    """Return an alert; raise `NotFound`."""
    if alert := await find_alert(connection, alert_id):
        return alert
    msg = f"there is no alert {alert_id}"
    raise NotFound(
        "alert_unknown", msg, "It was discarded, or forgotten. See what there is: adt-gateway alerts"
    )
