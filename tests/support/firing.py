"""What a channel that repeats what is open would send now."""

from gateway.alerts.firing import firing
from gateway.alerts.message import Alert
from gateway.store.database import Database


async def fires(database: Database, channel: str, *, cleared: bool = False) -> list[Alert]:
    """Return all parts as one list."""
    parts = firing(database, "test", channel, lambda: 1_900_000_000.0, cleared=cleared)
    return [alert async for part in parts for alert in part]
