"""What an alert says: one schema for every channel. Pure."""

from typing import Final, Literal

import msgspec

from gateway.alerts.facts import Facts
from gateway.errors import AlertUnreadable

SCHEMA: Final = "adt-gateway-alert-1"
CONTENT_TYPE: Final = "application/json"

Event = Literal["opened", "updated", "closed", "test", "heartbeat"]
"""What became of the candidate incident; a test and a heartbeat are about none (number 0)."""


class RecordFacts(msgspec.Struct, frozen=True):
    """The audit record of this step: an anchor that shows later whether the chain was replaced."""

    number: int
    hash: str


class Alert(msgspec.Struct, frozen=True):
    """One message to the SOC; its `id` is the same at each repetition."""

    id: str
    instance: str
    event: Event
    incident: int
    title: str
    at: str
    facts: Facts | None
    """None in a test, in a heartbeat, where the marking keeps them back, and where they cannot be read."""
    record: RecordFacts | None
    """None in a test and in a heartbeat."""
    reason: str = ""
    """Why this step was done; empty where the gateway did it by itself."""
    by: str = "system"
    """Who did this step."""
    state: str = "candidate"
    """Where the incident is in its life after this step."""
    finding: str = ""
    """What a person found it to be (`confirmed`, `false_positive`, `expected_work`), also once it is closed."""
    opened_at: str = ""
    """When what it is about began."""
    user_id: str = ""
    """The DCC User that it is about; empty where it is about none."""
    marking: str = ""
    """`confidential` or `classified`; empty for none."""
    assigned_to: str = ""
    """Who works on it."""
    ticket: str = ""
    """Reference in another system."""
    group: int = 0
    """Number of the group of incidents that it is in; 0 for none."""
    figures: dict[str, int | str] | None = None
    """What a heartbeat says of the gateway, by name; None in every other alert."""
    schema: str = SCHEMA

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: it is closed, or something is added to one that is (a note, its ticket)."""
        return self.event == "closed" or (self.event == "updated" and self.state == "closed")


def notice(alert: Alert) -> Alert:
    """Return what a channel may say of *alert* where the marking keeps the facts back: that there is something.

    Number and hash of the audit record stay: they are an anchor of the chain and say nothing of the incident.
    """
    return Alert(
        id=alert.id,
        instance=alert.instance,
        event=alert.event,
        incident=alert.incident,
        title=f"candidate incident {alert.incident} is {alert.marking}: its nominees look at it in the gateway",
        at=alert.at,
        facts=None,
        record=alert.record,
        by="",
        state=alert.state,
        marking=alert.marking,
    )


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Alert).decode


def decode(message: bytes) -> Alert:
    """Return the alert in *message*; raise `AlertUnreadable` where it holds none that this version knows."""
    try:
        return _decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        msg = f"the alert cannot be read: {str(error)[:200]}"
        remedy = "A later version may have written it. Look at its incident, then discard it."
        raise AlertUnreadable("alert_unreadable", msg, remedy) from error


def alert_id(instance: str, incident: int, event: str, record: int | None = None) -> str:
    """Return the alert's identity, by which a receiver drops repeats; an update is told apart by its *record*."""
    identity = f"{instance}/incident/{incident}/{event}"
    return identity if record is None else f"{identity}/{record}"
