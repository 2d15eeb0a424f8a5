"""Requests that the DCC holds, of which our own count may say something else once more has arrived."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dcc_schema import quarantined

UNSEEN = "unknown"
"""What our own count says of a request that was not seen leaving."""
UNPREDICTED = "not_predicted"
"""What it says of one that was, while no level of ours was passed."""


class Rematchable(msgspec.Struct, frozen=True):
    """Such a request, as it is matched so far."""

    id: int
    user_id: str
    request_id: str
    event_ref: str
    breach: str
    incident_id: int | None
    received_at_ms: int
    """When the DCC told us of it."""
    matched: str
    sent_at_ms: int | None
    sent_until_ms: int | None
    communication_class: str | None
    service_reference_variant: str | None


async def matched_so_far(
    connection: AsyncConnection, matched: str, since_ms: int, limit: int
) -> list[Rematchable]:
    """Return up to *limit* of those *matched* so that the DCC told us of since then, the newest first."""
    columns = [quarantined.c[name] for name in Rematchable.__struct_fields__]
    which = quarantined.c.matched == matched, quarantined.c.received_at_ms >= since_ms
    query = select(*columns).where(*which).order_by(quarantined.c.id.desc()).limit(limit)
    return [Rematchable(*row) for row in await connection.execute(query)]


async def match_later(connection: AsyncConnection, row: Rematchable, values: Mapping[str, Any]) -> bool:
    """Keep what our own count says of a request after all; tell whether it was matched as *row* until now."""
    which = quarantined.c.id == row.id, quarantined.c.matched == row.matched
    return bool((await connection.execute(update(quarantined).where(*which).values(**values))).rowcount)
