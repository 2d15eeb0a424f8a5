"""What is on disk: the last thing that the daemon says when it stops."""

import msgspec
import structlog

from gateway.errors import Unavailable
from gateway.metrics import COMMUNICATIONS
from gateway.store.audit_log import last_record
from gateway.store.database import Database
from gateway.store.journal import newest_group
from gateway.store.outbox import count_waiting

log = structlog.get_logger(__name__)


class Durable(msgspec.Struct, frozen=True):
    """What a start after this one begins with."""

    communications: int
    """Journalled by this process."""
    journal_group: int
    """Number of the newest group in the journal; 0 where it is empty."""
    audit_record: int
    """Number of the last audit record; 0 where there is none."""
    alerts_waiting: dict[str, int]
    """By channel; they are sent after the next start."""


async def read_durable(database: Database) -> Durable:
    """Read what is on disk."""
    async with database.read() as connection:
        group = await newest_group(connection)
        record = await last_record(connection)
        waiting = await count_waiting(connection)
    counted = sum(
        sample.value
        for metric in COMMUNICATIONS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )
    return Durable(int(counted), group.id if group else 0, record.number if record else 0, waiting)


async def log_durable(database: Database) -> None:
    """Say in the log what is on disk, or why that cannot be told."""
    try:
        durable = await read_durable(database)
    except Unavailable as error:
        log.warning("stopped", durable="cannot be read now", code=error.code, error=error.message)
        return
    log.info("stopped", durable=msgspec.to_builtins(durable))
