"""Signing in to the console: sessions are kept by the server and end when they should."""

import asyncio
import hashlib
import hmac
import secrets
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.errors import GatewayError, NotAuthenticated, NotFound, NotPermitted
from gateway.metrics import SIGN_INS
from gateway.operations.passwords import LONGEST_BYTES, Passwords
from gateway.operations.people import NAME, existing
from gateway.operations.throttle import Attempts
from gateway.operations.usage import Usage
from gateway.section import SessionSettings
from gateway.store import sessions as store
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.people import Credentials, PersonRow, find_credentials

log = structlog.get_logger(__name__)

SECRET_BYTES: Final = 32
KEPT_SECONDS: Final = 30 * 86_400
"""How long a session that has ended is kept."""


class Session(msgspec.Struct, frozen=True):
    """A session of somebody who is signed in."""

    number: int
    person: Person
    secret: str
    """What the cookie holds."""
    must_change_password: bool
    """Whether the person has a password that they have not chosen."""
    begun_at: int
    of_provider: bool
    """Whether an OpenID Connect provider let the person in."""

    def __repr__(self) -> str:
        return f"Session({self.number}, {self.person.name})"

    @property
    def form_token(self) -> str:
        """What every form of this session carries, and another page cannot know."""
        return self.sign(b"form")

    def sign(self, data: bytes) -> str:
        """Return a code that only this session makes of *data*."""
        return hmac.new(self.secret.encode(), data, hashlib.sha256).hexdigest()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


class Sessions:
    """Begins sessions, finds them again and ends them."""

    def __init__(
        self,
        database: Database,
        settings: SessionSettings,
        passwords: Passwords,
        usage: Usage,
        clock: Clock,
        *,
        local_accounts: bool = True,
        issuer: str | None = None,
    ) -> None:
        """*issuer* is the OpenID Connect provider that lets people in, where there is one."""
        self._database = database
        self.local_accounts = local_accounts
        self._issuer = issuer
        self._idle_seconds = settings.idle_minutes * 60
        self.longest_seconds = settings.longest_hours * 3600
        self._passwords = passwords
        self._usage = usage
        self._clock = clock
        self._attempts = Attempts()

    async def sign_in(self, name: str, password: str, address: str, agent: str) -> str:
        """Begin a session and return its secret.

        Raises `NotAuthenticated` in the same words, after the same work, whether the name or the password is
        wrong; `TooMany` where it is tried too often; `NotPermitted` where nobody signs in with a password.
        """
        if not self.local_accounts:
            msg = "nobody signs in here with a password"
            raise NotPermitted("local_accounts_off", msg, "Sign in with your organisation's account.")
        account = name if NAME.fullmatch(name) else ""
        self._attempts.begin(account, address, self._clock())
        try:
            secret = await self._judge(account, password, address, agent)
        except NotAuthenticated:
            SIGN_INS.labels("refused").inc()
            self._usage.sign_in_refused(account)
            log.warning("sign_in_refused", address=address)  # a name may be a password in the wrong field
            raise
        except (GatewayError, asyncio.CancelledError):
            self._attempts.not_judged(account, address)
            raise
        self._attempts.succeeded(account, address)
        SIGN_INS.labels("signed_in").inc()
        return secret

    async def _judge(self, name: str, password: str, address: str, agent: str) -> str:
        async with self._database.read() as connection:
            found = await find_credentials(connection, name)
        kept = found.password_hash if found and _usable(found.person, self._clock()) else None
        short_enough = len(password.encode(errors="surrogatepass")) <= LONGEST_BYTES
        right = await self._passwords.verify(kept, password if short_enough else "")
        if not (right and found and short_enough):
            raise _refused()
        return await self._begin(found, address, agent)

    async def _begin(self, found: Credentials, address: str, agent: str) -> str:
        now = self._clock()
        async with self._database.write() as connection:
            present = await find_credentials(connection, found.person.name)
            changed = present is None or present.password_hash != found.password_hash
            if present is None or changed or not _usable(present.person, now):
                raise _refused()  # between the judgement and now
            return await self.begin(connection, found.person, address, agent, now)

    async def begin(
        self,
        connection: AsyncConnection,
        person: PersonRow,
        address: str,
        agent: str,
        now: float,
        provider_session: str | None = None,
    ) -> str:
        """Begin a session of *person*, who was found to be who they are, and return its secret."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        await store.forget_sessions(connection, int(now) - self.longest_seconds - KEPT_SECONDS)
        # Bytes of a header that are not UTF-8 come as surrogates, which no store takes.
        browser = agent.encode(errors="replace").decode()[:200]
        number = await store.insert_session(
            connection, person.id, _hash(secret), now, address[:64], browser, provider_session
        )
        detail = {"address": address[:64], "number": number}
        if provider_session is not None:
            detail |= {"issuer": person.issuer or "", "subject": person.subject or ""}
        entry = Entry(person.name, "session.begun", f"person/{person.name}", detail)
        await append_record(connection, entry, now)
        return secret

    async def find(self, secret: str, *, used: bool = True) -> Session:
        """Return the session of *secret*; raise `NotAuthenticated` where it is over.

        *used* says that its person is there; a page that asks by itself keeps no session going.
        """
        now = self._clock()
        async with self._database.read() as connection:
            found = await store.find_session(connection, _hash(secret))
        if found is None or not self._lasts(*found, now):
            raise NotAuthenticated("session_over", "nobody is signed in here any more", "Sign in again.")
        row, person = found
        if used:
            self._usage.session_used(row.id, now)
        known = Person(person.name, frozenset(person.roles))
        must_change = person.password_expires_at is not None
        of_provider = row.provider_session is not None
        return Session(row.id, known, secret, must_change, row.created_at, of_provider)

    def _lasts(self, row: store.SessionRow, person: PersonRow, now: float) -> bool:
        """Tell whether it is in its time, and whether its person could come in that way now: settings change."""
        of_provider = row.provider_session is not None
        if not (person.issuer == self._issuer if of_provider else self.local_accounts):
            return False
        used_at = self._usage.session_last_used(row.id, row.used_at)
        return now - used_at < self._idle_seconds and now - row.created_at < self.longest_seconds

    async def of_person(self, name: str) -> list[store.SessionRow]:
        """Return the sessions of a person that last, the newest first."""
        now = self._clock()
        async with self._database.read() as connection:
            person = await existing(connection, name)
            rows = await store.sessions_of(connection, person.id, int(now) - self.longest_seconds)
        return [row for row in rows if self._lasts(row, person, now)]

    async def end(self, actor: str, name: str, number: int) -> None:
        """End a session of the person called *name*; raise `NotFound` where it is none of theirs or over."""
        now = self._clock()
        async with self._database.write() as connection:
            person = await existing(connection, name)
            if not await store.end_session(connection, person.id, number, now):
                raise NotFound(
                    "session_unknown", f"{name} has no session {number}", "Look at the list again."
                )
            entry = Entry(actor, "session.ended", f"person/{name}", {"number": number})
            await append_record(connection, entry, now)


def _usable(person: PersonRow, now: float) -> bool:
    """Tell whether *person* may sign in with the password that is kept."""
    chosen = person.password_expires_at is None or now < person.password_expires_at
    is_machine = not Person(person.name, frozenset(person.roles)).may(Action.USE_CONSOLE)
    return person.disabled_at is None and person.issuer is None and chosen and not is_machine


def _refused() -> NotAuthenticated:
    return NotAuthenticated("sign_in_refused", "the name or the password is wrong", "Try again.")
