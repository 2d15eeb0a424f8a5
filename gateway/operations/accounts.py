"""Passwords of people: chosen by themselves, or given by an admin for a day. Each change is on record."""

import secrets
from typing import Final

from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.errors import Conflict, InvalidInput, TooMany
from gateway.operations.passwords import Passwords, check_password
from gateway.operations.people import enabled, of_the_gateway
from gateway.operations.sessions import Session
from gateway.operations.throttle import ACCOUNT, Throttle
from gateway.store import people as store
from gateway.store.access_tokens import revoke_all_access_tokens
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.sessions import end_sessions

TEMPORARY_SECONDS: Final = 86_400
"""How long a password works that its person has not chosen."""
TEMPORARY_BYTES: Final = 15


FRESH_SECONDS: Final = 900
"""How new a session is in which a passkey or an access token is added: an open one that somebody finds, or a
cookie that was stolen, is no way to a key of theirs that outlives it."""


def check_fresh(session: Session, now: float, what: str) -> None:
    """Raise `Conflict` (`session_not_fresh`) unless the session began a short while ago."""
    if now - session.begun_at > FRESH_SECONDS:
        msg = f"{what} within {FRESH_SECONDS // 60} minutes of signing in"
        raise Conflict("session_not_fresh", msg, "Sign out, sign in again and do it then.")


async def set_password(
    database: Database,
    actor: str,
    name: str,
    password_hash: str,
    now: float,
    *,
    expires_at: int | None = None,
    but_session: int | None = None,
) -> None:
    """Keep the hash of a new password and end the person's sessions, but for the one numbered *but_session*.

    A temporary one, which somebody else gave, revokes their access tokens too: whoever had the old one may have
    issued some.
    """
    async with database.write() as connection:
        person = await enabled(connection, name)
        of_the_gateway(person)
        await store.set_password(connection, person.id, password_hash, now, expires_at)
        await end_sessions(connection, person.id, now, but_session)
        detail: dict[str, bool | int] = {"temporary": expires_at is not None}
        if expires_at is not None:
            detail["access_tokens_revoked"] = await revoke_all_access_tokens(connection, person.id, now)
        await append_record(connection, Entry(actor, "password.set", f"person/{name}", detail), now)


class Accounts:
    """Changes passwords for the console."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock
        self._throttle = Throttle(ACCOUNT)

    async def change_own(self, session: Session, present: str, wanted: str) -> None:
        """Change the password of who is signed in; every other session of theirs ends.

        Raises `InvalidInput`: `password_wrong` for the present one, `password_refused` for the new one.
        """
        name = session.person.name
        check_password(wanted, name)
        if wait := self._throttle.wait(name, self._clock()):
            msg = "there were too many attempts with a wrong present password"
            raise TooMany("sign_in_slowed", msg, f"Try again in {max(1, round(wait))} seconds.", wait)
        self._throttle.count(name, self._clock())
        async with self._database.read() as connection:
            found = await store.find_credentials(connection, name)
        if not await self._passwords.verify(found.password_hash if found else None, present):
            raise InvalidInput("password_wrong", "the present password is wrong", "Type it again.")
        self._throttle.forget(name)
        if present == wanted:
            raise InvalidInput("password_refused", "this is the present password", "Take another one.")
        kept = await self._passwords.hash(wanted)
        await set_password(self._database, name, name, kept, self._clock(), but_session=session.number)

    async def give_temporary(self, actor: str, name: str) -> str:
        """Return a new password for *name* that works for a day, until they choose their own; it is not kept."""
        password = secrets.token_urlsafe(TEMPORARY_BYTES)
        kept = await self._passwords.hash(password)
        now = self._clock()
        await set_password(self._database, actor, name, kept, now, expires_at=int(now) + TEMPORARY_SECONDS)
        return password
