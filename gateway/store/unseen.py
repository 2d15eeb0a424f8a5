"""Requests that the DCC holds and that were not seen leaving, until they are."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dcc_schema import quarantined

UNSEEN = "unknown"
"""What our own count says of a request that was not seen leaving."""


class UnseenRequest(msgspec.Struct, frozen=True):
    """Such a request."""

    id: int
    user_id: str
    request_id: str
    event_ref: str
    breach: str
    incident_id: int | None
    received_at_ms: int
    """When the DCC told us of it."""


async def unseen_requests(connection: AsyncConnection, since_ms: int, limit: int) -> list[UnseenRequest]:
    """Return up to *limit* of those that the DCC told us of since then, the newest first."""
    columns = [quarantined.c[name] for name in UnseenRequest.__struct_fields__]
    which = quarantined.c.matched == UNSEEN, quarantined.c.received_at_ms >= since_ms
    query = select(*columns).where(*which).order_by(quarantined.c.id.desc()).limit(limit)
    return [UnseenRequest(*row) for row in await connection.execute(query)]


async def match_later(connection: AsyncConnection, number: int, values: Mapping[str, Any]) -> bool:
    """Keep what our own count says of a request after all; tell whether it was unseen until now."""
    which = quarantined.c.id == number, quarantined.c.matched == UNSEEN
    return bool((await connection.execute(update(quarantined).where(*which).values(**values))).rowcount)
