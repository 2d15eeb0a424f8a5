"""What is written down once a minute: when access tokens and sessions were last used, and refused sign-ins.

None of it is on the way of a request, so neither a flood of requests nor a store that is away is felt there;
and a refused sign-in takes the same time whether or not the person exists.
"""

import asyncio
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.store.access_tokens import note_token_use
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.people import find_person
from gateway.store.sessions import note_session_use

WRITTEN_SECONDS: Final = 60.0
NOTED_LIMIT: Final = 10_000
"""Of each kind at the most between two writings; what goes beyond is noted the next time."""
UNKNOWN: Final = "unknown"
"""The subject of refused sign-ins under names that nobody has."""


class Usage:
    """Collects uses and refusals, and writes them down."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tokens: dict[int, int] = {}
        self._sessions: dict[int, int] = {}
        self._refused: dict[str, int] = {}

    def token_used(self, number: int, now: float) -> None:
        """Note that an access token was used."""
        _note(self._tokens, number, int(now))

    def session_used(self, number: int, now: float) -> None:
        """Note that a session was used."""
        _note(self._sessions, number, int(now))

    def session_last_used(self, number: int, written: int) -> int:
        """Return when a session was last used, where the store says *written*."""
        return max(written, self._sessions.get(number, 0))

    def sign_in_refused(self, name: str) -> None:
        """Note a refused sign-in; *name* is as it was given, where it may be a name, else empty."""
        if name not in self._refused and len(self._refused) >= NOTED_LIMIT:
            name = ""
        self._refused[name] = self._refused.get(name, 0) + 1

    async def run(self) -> None:
        """Write it down once a minute, for ever."""
        while True:
            await asyncio.sleep(WRITTEN_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write it down in one transaction; where that fails, it stays noted."""
        tokens, sessions, refused = dict(self._tokens), dict(self._sessions), dict(self._refused)
        if not (tokens or sessions or refused):
            return
        async with self._database.write() as connection:
            for number, used_at in tokens.items():
                await note_token_use(connection, number, used_at)
            for number, used_at in sessions.items():
                await note_session_use(connection, number, used_at)
            await self._record(connection, refused)
        _forget(self._tokens, tokens)
        _forget(self._sessions, sessions)
        for name, count in refused.items():
            self._refused[name] -= count
            if not self._refused[name]:
                del self._refused[name]

    async def _record(self, connection: AsyncConnection, refused: dict[str, int]) -> None:
        """Append one record for each person who exists, and one for all other names together."""
        counts: dict[str, int] = {}
        for name, count in refused.items():
            subject = name if name and await find_person(connection, name) else UNKNOWN
            counts[subject] = counts.get(subject, 0) + count
        for subject, count in sorted(counts.items()):
            entry = Entry("system", "sign_in.refused", f"person/{subject}", {"attempts": count})
            await append_record(connection, entry, self._clock())


def _note(noted: dict[int, int], number: int, now: int) -> None:
    if number in noted or len(noted) < NOTED_LIMIT:
        noted[number] = now


def _forget(noted: dict[int, int], written: dict[int, int]) -> None:
    for number, used_at in written.items():
        if noted.get(number) == used_at:
            del noted[number]
