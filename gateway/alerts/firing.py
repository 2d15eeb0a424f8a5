"""What is open now, as a channel was told: for other sides that forget what they are not told again.

It is taken from the outbox, so that what is silenced stays silent and what a marking held back stays held back.
"""

from typing import Final

from gateway.alerts.message import Alert, decode
from gateway.store.database import Database
from gateway.store.told import last_told

MOST: Final = 1000
"""Incidents told again at the most, the newest: more would be a flood that nobody reads."""


async def firing(database: Database, channel: str) -> list[Alert]:
    """Return the last alert that *channel* took of each incident that is open."""
    async with database.read() as connection:
        messages = await last_told(connection, channel, MOST)
    alerts = [decode(message) for message in messages]
    return [alert for alert in alerts if alert.event in {"opened", "updated"}]
