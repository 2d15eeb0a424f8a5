"""What people look for in the audit chain."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.audit.record import AuditRecord
from gateway.clock import Clock
from gateway.errors import NotFound
from gateway.operations.classified import permitted_records
from gateway.store.audit_log import PAGE, read_records
from gateway.store.audit_search import RecordFilter, get_record, search_records
from gateway.store.database import Database

SEARCHES: Final = 2
"""At the same time: a rare word is looked for in every record, and connections are there for the count too."""


class AuditSearch:
    """Finds records, and gives the whole chain to whoever verifies it elsewhere."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._searching = asyncio.Semaphore(SEARCHES)

    async def find(
        self, person: Person, wanted: RecordFilter, limit: int, before: int | None = None
    ) -> list[AuditRecord]:
        """Return up to *limit* of the records that match, the newest first; only those below *before*.

        Where somebody asks for an action or a person, records that are withheld are not found: that one matches
        would tell what was done, and by whom.
        """
        person.require(Action.READ_AUDIT)
        shown: list[AuditRecord] = []
        async with self._searching:
            while len(shown) < limit:
                async with self._database.read() as connection:
                    found = await search_records(connection, wanted, limit, before)
                permitted = await permitted_records(self._database, person, found, self._clock, whole=False)
                shown += [
                    each for each in permitted if not each.withheld or not (wanted.action or wanted.actor)
                ]
                if len(found) < limit:
                    break
                before = found[-1].number
        return shown[:limit]

    async def get(self, person: Person, number: int) -> AuditRecord:
        """Return one record or raise `NotFound`."""
        person.require(Action.READ_AUDIT)
        async with self._database.read() as connection:
            found = await get_record(connection, number)
        if found is None:
            raise NotFound("record_unknown", f"there is no audit record {number}", "Look at the last ones.")
        (shown,) = await permitted_records(self._database, person, [found], self._clock, whole=True)
        return shown

    async def page(self, person: Person, after: int, limit: int) -> list[AuditRecord]:
        """Return up to *limit* records after number *after*, without the bytes of those that are withheld."""
        person.require(Action.READ_AUDIT)
        found = await read_records(self._database, after, limit)
        return await permitted_records(self._database, person, found, self._clock, whole=True)

    async def export(self, person: Person) -> AsyncIterator[bytes]:
        """Yield the whole chain as lines of JSON, as `adt-gateway audit verify` reads an export."""
        after = 0
        while records := await self.page(person, after, PAGE):
            for record in records:
                line: dict[str, object] = {
                    "number": record.number,
                    "body": record.body.decode(errors="replace"),
                    "hash": record.hash,
                }
                if record.withheld:
                    line["withheld"] = True
                yield msgspec.json.encode(line) + b"\n"
            after = records[-1].number
