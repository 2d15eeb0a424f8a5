"""A second process that appends to the audit chain: `audit_writer SETTINGS.json COUNT`."""

import asyncio
import sys
import time
from pathlib import Path

from gateway.audit.record import Entry
from gateway.settings import Settings
from gateway.store.audit_log import append_record
from gateway.store.database import open_database


async def main(settings: Settings, count: int) -> None:
    """Append *count* records, each in a transaction of its own."""
    database = open_database(settings)
    for number in range(count):
        async with database.write() as connection:
            await append_record(connection, Entry("other", "test.written", f"other/{number}"), time.time())
        await asyncio.sleep(0.003)  # lets the other process in between
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(Settings.model_validate_json(Path(sys.argv[1]).read_bytes()), int(sys.argv[2])))
