"""Whether an alert is held back by a silence: decided and put on record inside the transaction of the alert.

A silence mutes alerts alone: incident, evidence and audit records are as ever. Muted are the alerts of incidents that the
SOC has not been told of, and updates of those that it has; the end of an incident that it knows is always told. A
quarantine-level incident is muted only by a silence that says so.
"""

from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.facts import BreachFacts, ForecastFacts, known_facts
from gateway.alerts.message import Event
from gateway.audit.record import Entry
from gateway.store.audit_log import append_record
from gateway.store.incidents import StoredIncident
from gateway.store.silences import (
    Scope,
    StoredSilence,
    insert_muted,
    settle_muted,
    silences_between,
    silences_of,
    waiting_muted,
)

QUARANTINE: Final = "quarantine"
NOTE_LENGTH: Final = 120
"""Characters of a reason in the text of an alert."""


class Heard(msgspec.Struct, frozen=True):
    """What a silence makes of an alert."""

    muted: bool
    first: bool = False
    """Whether the SOC is to be told first that the incident was opened: that was muted."""
    note: str = ""
    """What is added to the text of the alert."""


def scope_of(incident: StoredIncident) -> Scope:
    """Return all that a silence may ask of *incident*."""
    communication = service = ""
    facts = known_facts(incident.detail)
    if isinstance(facts, BreachFacts | ForecastFacts):
        communication, service = facts.threshold.communication, facts.threshold.service
    return Scope(incident.kind, incident.level, incident.user_id, communication, service)


def may_mute(silence: StoredSilence, incident: StoredIncident) -> bool:
    """Tell whether *silence*, which is about *incident*, holds its alerts back.

    One that is settled never does, whatever the clock says: what it muted now would be told by nobody.
    """
    return silence.settled_at is None and (silence.quarantine or incident.level != QUARANTINE)


async def hear(connection: AsyncConnection, incident: StoredIncident, event: str, now: float) -> Heard:
    """Return what becomes of the alert of *event*; a muted one is on record afterwards."""
    scope, second = scope_of(incident), int(now)
    holding = await silences_between(connection, scope, second, second)
    silence = next((each for each in holding if may_mute(each, incident)), None)
    waiting = await waiting_muted(connection, 1, incident_id=incident.id)
    unknown = bool(waiting) and waiting[0].event == "opened"
    if silence and (event != "closed" or unknown):
        await mute(connection, silence, incident, event, now)
        if event == "closed":
            await settle_muted(connection, incident.id, over_at=second)
        return Heard(muted=True)
    if event == "opened" and not waiting:
        return Heard(muted=False, note=planned_work(holding))
    if waiting:
        await settle_muted(connection, incident.id, told_at=second)
    past = await silences_of(connection, incident.id, scope, incident.opened_at)
    return Heard(muted=False, first=unknown and event != "opened", note=planned_work(past))


async def mute(
    connection: AsyncConnection, silence: StoredSilence, incident: StoredIncident, event: str, now: float
) -> None:
    """Put on record that the alert of *event* is not sent because of *silence*."""
    detail = {"silence": silence.id, "event": event, "planned_work": silence.planned_work}
    record = await append_record(connection, Entry("system", "alert.muted", incident.subject, detail), now)
    await insert_muted(
        connection,
        silence_id=silence.id,
        incident_id=incident.id,
        event=event,
        muted_at=int(now),
        record=record.number,
    )


async def muted_event(connection: AsyncConnection, incident: StoredIncident) -> Event:
    """Return what the SOC has to be told of an incident of which something was muted."""
    waiting = await waiting_muted(connection, 1, incident_id=incident.id)
    return "opened" if waiting and waiting[0].event == "opened" else "updated"


def planned_work(silences: list[StoredSilence]) -> str:
    """Return what is said of the planned work that an incident fell into; empty where it fell into none."""
    reasons = dict.fromkeys(silence.reason[:NOTE_LENGTH] for silence in silences if silence.planned_work)
    return f"planned work: {'; '.join(reasons)}" if reasons else ""
