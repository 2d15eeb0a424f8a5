"""How signed files were delivered, or why not yet."""

from typing import Any, Final

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.decision_schema import deliveries


class DeliveryRow(msgspec.Struct, frozen=True):
    """The last attempt to deliver a file."""

    file_id: int
    channel: str
    place: str
    attempts: int
    """Failed ones since the last success."""
    tried_at: int
    error_code: str | None
    error: str | None
    """Why it failed the last time; None once it was delivered."""
    delivered_at: int | None
    delivered_by: str | None
    said: str | None
    """What the other side said of itself and of the files."""
    reference: str | None
    """Of the receipt, where somebody gave one."""


_COLUMNS: Final = tuple(deliveries.c[name] for name in DeliveryRow.__struct_fields__)


async def get_delivery(connection: AsyncConnection, file_id: int) -> DeliveryRow | None:
    """Return the last attempt to deliver a file; None where there was none."""
    row = (await connection.execute(select(*_COLUMNS).where(deliveries.c.file_id == file_id))).one_or_none()
    return DeliveryRow(*row) if row else None


async def keep_delivery(connection: AsyncConnection, file_id: int, **values: Any) -> None:
    """Keep that a file was delivered, whatever was kept of it before."""
    await connection.execute(delete(deliveries).where(deliveries.c.file_id == file_id))
    fresh = {"attempts": 0, "tried_at": values["delivered_at"]}
    await connection.execute(insert(deliveries).values(file_id=file_id, **(fresh | values)))


async def keep_failure(
    connection: AsyncConnection, file_id: int, channel: str, code: str, message: str, now: int
) -> None:
    """Keep why a file could not be delivered; what is known of a delivery before stays."""
    values = {"channel": channel, "error_code": code, "error": message, "tried_at": now}
    change = update(deliveries).where(deliveries.c.file_id == file_id)
    result = await connection.execute(change.values(attempts=deliveries.c.attempts + 1, **values))
    if not result.rowcount:
        row = {"file_id": file_id, "place": "", "attempts": 1, **values}
        await connection.execute(insert(deliveries).values(**row))
