"""What is open now, as a channel was told: for other sides that forget what they are not told again.

It is taken from the outbox, so that what is silenced stays silent and what a marking held back stays held back. What
was classified after it was told is held back too, also where a silence muted that step.
"""

from typing import Final

import msgspec

from gateway.alerts.message import Alert, decode, notice
from gateway.store.database import Database
from gateway.store.incident_work import CLASSIFIED, classified_numbers
from gateway.store.told import last_told

MOST: Final = 1000
"""Incidents told again at the most, the newest: more would be a flood that nobody reads."""


async def firing(database: Database, channel: str, *, cleared: bool) -> list[Alert]:
    """Return the last alert that *channel* took of each incident that is open; *cleared* for all that is classified."""
    async with database.read() as connection:
        messages = await last_told(connection, channel, MOST)
        classified = {} if cleared else await classified_numbers(connection, "")
    alerts = [decode(message) for message in messages]
    told = [alert for alert in alerts if alert.event in {"opened", "updated"}]
    return [held_back(alert) if alert.incident in classified else alert for alert in told]


def held_back(alert: Alert) -> Alert:
    """Return what may be said of an alert of an incident that is classified now."""
    return notice(msgspec.structs.replace(alert, marking=CLASSIFIED))
