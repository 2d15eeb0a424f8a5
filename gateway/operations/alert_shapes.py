"""What people see of alerts and of the channels that they go to."""

from collections.abc import Collection

import msgspec

from gateway.alerts.message import decode
from gateway.errors import AlertUnreadable
from gateway.store.incident_list import Counted
from gateway.store.outbox_list import AlertState, ListedAlert


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
    channel_is_set: bool
    """False where the settings do not have it any more."""
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

    @property
    def may_discard(self) -> bool:
        """Whether nothing is lost that would still be sent: a dead letter, or its channel is not set any more."""
        return self.state is AlertState.DEAD or (self.state is AlertState.WAITING and not self.channel_is_set)


class AlertPage(msgspec.Struct, frozen=True):
    """How many alerts match, and a page of them."""

    counted: Counted
    alerts: list[ShownAlert]


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


def shown_alert(alert: ListedAlert, channels: Collection[str]) -> ShownAlert:
    """Return an alert as it is shown where *channels* are set."""
    event, identity = _read(alert.message)
    return ShownAlert(
        id=alert.id,
        channel=alert.channel,
        channel_is_set=alert.channel in channels,
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
    except AlertUnreadable:
        return "", ""
    return alert.event, alert.id
