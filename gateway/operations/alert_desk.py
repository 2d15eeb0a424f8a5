"""What people do with alerts: see how each channel does, test it, and send dead letters anew."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.alerts.candidate import Candidates
from gateway.alerts.line import Line, LineState, trouble
from gateway.alerts.message import Alert, decode, encode
from gateway.audit.record import Entry
from gateway.clock import Clock, to_text
from gateway.errors import Conflict, GatewayError, NotFound
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.outbox import Backlog, backlogs
from gateway.store.outbox_list import AlertState, ListedAlert, find_dead, last_sent, list_alerts, revive

RESEND_AT_ONCE: Final = 200
"""Dead letters that one transaction sends anew."""
SAID_LENGTH: Final = 500


class ChannelLook(msgspec.Struct, frozen=True):
    """How a channel does."""

    name: str
    is_set: bool
    """False where the settings do not have it any more, and there are alerts for it."""
    works: bool
    waiting: int
    dead: int
    oldest_at: int | None
    """When the oldest of those that wait was written."""
    taken_at: float | None
    """When it last took something."""
    said: str
    """What the other side said then; empty where that was before the daemon was started."""
    failed_at: float | None
    """When it last did not, since the daemon was started."""
    trouble: str
    heartbeat_seconds: int


class ShownAlert(msgspec.Struct, frozen=True):
    """An alert at one channel, without what it says of its incident."""

    id: int
    channel: str
    incident_id: int
    event: str
    alert_id: str
    """The `id` in it, by which a receiver drops repeats; empty where it cannot be read."""
    state: AlertState
    created_at: int
    attempts: int
    next_attempt_at: int
    last_error: str | None
    sent_at: int | None
    dead_at: int | None


class TestResult(msgspec.Struct, frozen=True):
    """What became of a test."""

    __test__ = False  # it is no test of ours

    channel: str
    alert_id: str
    taken: bool
    said: str = ""
    """What the other side said."""
    code: str = ""
    message: str = ""
    """What was wrong."""
    remedy: str = ""


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
        self, person: Person, state: AlertState, channel: str | None, limit: int
    ) -> list[ShownAlert]:
        """Return alerts of one state, the newest first; of all channels where *channel* is None."""
        person.require(Action.READ_MONITORING)
        async with self._database.read() as connection:
            found = await list_alerts(connection, state, channel, limit)
        return [_shown(alert) for alert in found]

    async def resend(self, person: Person, alert_id: int) -> ShownAlert:
        """Send one dead letter anew; raise `Conflict` where it is none, `NotFound` where its channel is not set."""
        person.require(Action.HANDLE_ALERTS)
        async with self._database.write() as connection:
            alert = await find_dead(connection, alert_id)
            if alert is None:
                msg = f"alert {alert_id} is no dead letter"
                raise Conflict("alert_not_dead", msg, "List them: adt-gateway alerts --dead")
            self._require_set(alert.channel)
            await self._revive(connection, person, [alert])
        self._ring()
        return _shown(alert)

    async def resend_all(self, person: Person, channel: str) -> int:
        """Send every dead letter of *channel* anew, in the order in which they were written; return how many."""
        person.require(Action.HANDLE_ALERTS)
        self._require_set(channel)
        count = 0
        while True:
            async with self._database.write() as connection:
                found = await list_alerts(connection, AlertState.DEAD, channel, RESEND_AT_ONCE)
                await self._revive(connection, person, found[::-1])
            count += len(found)
            if len(found) < RESEND_AT_ONCE:
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
            remedy = f"There are: {', '.join(sorted(self._lines)) or 'none; set one in [alerts]'}"
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


def _shown(alert: ListedAlert) -> ShownAlert:
    event, identity = _read(alert.message)
    return ShownAlert(
        id=alert.id,
        channel=alert.channel,
        incident_id=alert.incident_id,
        event=event,
        alert_id=identity,
        state=alert.state,
        created_at=alert.created_at,
        attempts=alert.attempts,
        next_attempt_at=alert.next_attempt_at,
        last_error=alert.last_error,
        sent_at=alert.sent_at,
        dead_at=alert.dead_at,
    )


def _read(message: bytes) -> tuple[str, str]:
    try:
        alert = decode(message)
    except msgspec.DecodeError:
        return "", ""
    return alert.event, alert.id
