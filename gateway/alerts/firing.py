"""What is open now, as a channel was told: for other sides that forget what they are not told again.

It is taken from the outbox, so that what is silenced stays silent and what a marking held back stays held back. What
was classified after it was told is held back too, also where a silence muted that step.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from gateway.alerts.message import Alert, decode, notice
from gateway.alerts.telling import unread
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.errors import AlertUnreadable
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.incident_work import CLASSIFIED, classified_numbers
from gateway.store.incidents import get_incident
from gateway.store.outbox import ERROR_LENGTH
from gateway.store.told import ToldAlert, last_told, set_aside

log = structlog.get_logger(__name__)

MOST: Final = 1000
"""Incidents told again at the most, the newest: more would be a flood that nobody reads."""
AT_ONCE: Final = 200
"""Incidents in one part."""


async def firing(
    database: Database, instance: str, channel: str, clock: Clock, *, cleared: bool
) -> AsyncIterator[list[Alert]]:
    """Give in parts the last alert that *channel* took of each incident that is open; *cleared* for classified ones.

    What is classified is looked up when its part is asked for, which is just before it is sent. An alert that cannot
    be read is set aside as a dead letter, and something else is said of its incident: it goes on firing.
    """
    async with database.read() as connection:
        told = await last_told(connection, channel, MOST)
    alerts = [alert for alert in await _read(database, instance, channel, clock, told) if _fires(alert)]
    for start in range(0, len(alerts), AT_ONCE):
        part = alerts[start : start + AT_ONCE]
        if not cleared:
            async with database.read() as connection:
                classified = await classified_numbers(connection, "")
            part = [held_back(alert) if alert.incident in classified else alert for alert in part]
        yield part


def _fires(alert: Alert) -> bool:
    return alert.event in {"opened", "updated"}


async def _read(
    database: Database, instance: str, channel: str, clock: Clock, told: Sequence[ToldAlert]
) -> list[Alert]:
    found: dict[int, Alert] = {}
    faults: dict[int, str] = {}
    for each in told:
        try:
            found[each.id] = decode(each.message)
        except AlertUnreadable as error:
            faults[each.id] = f"{error.code}: {error.message}"
    if faults:
        found |= await _set_aside(database, instance, channel, clock(), told, faults)
    return [found[each.id] for each in told]


async def _set_aside(
    database: Database,
    instance: str,
    channel: str,
    now: float,
    told: Sequence[ToldAlert],
    faults: Mapping[int, str],
) -> dict[int, Alert]:
    """Make dead letters of what cannot be read, on record; return what is said instead, by the alert's number."""
    instead: dict[int, Alert] = {}
    found = [each for each in told if each.id in faults]
    begin = database.read if all(each.is_aside for each in found) else database.write
    async with begin() as connection:
        for each in found:
            incident = await get_incident(connection, each.incident_id)
            instead[each.id] = unread(instance, incident)
            if each.is_aside:
                continue
            error = faults[each.id]
            log.error("alert_unreadable", channel=channel, alert=each.id, incident=incident.id, error=error)
            await set_aside(connection, [each.id], error[:ERROR_LENGTH], int(now))
            detail = {"channel": channel, "alert": each.id, "because": "unreadable", "error": error}
            await append_record(connection, Entry("system", "alert.given_up", incident.subject, detail), now)
    return instead


def held_back(alert: Alert) -> Alert:
    """Return what may be said of an alert of an incident that is classified now."""
    return notice(msgspec.structs.replace(alert, marking=CLASSIFIED))
