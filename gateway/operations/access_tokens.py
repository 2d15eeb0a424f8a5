"""Access tokens of people and machines: issued, looked up, revoked."""

import asyncio
import hashlib
import secrets
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Person, Role
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.errors import InvalidInput, NotAuthenticated, NotFound, Unavailable
from gateway.operations.people import enabled, existing
from gateway.operations.usage import Usage
from gateway.store import access_tokens as store
from gateway.store.audit_log import append_record
from gateway.store.database import Database

TOKEN_PREFIX: Final = "adtgw_"  # noqa: S105 - a mark by which scanners find tokens that leaked
TOKEN_BYTES: Final = 32
"""256 random bits: a plain hash of them cannot be guessed back."""

USUAL_DAYS: Final = 90
LONGEST_DAYS: Final = 366
DAY_SECONDS: Final = 86_400
LABEL_LENGTH: Final = 80

REMEMBERED_SECONDS: Final = 1.0
REMEMBERED_TOKENS: Final = 1000


def _hash(token: str) -> str:
    # Bytes of a header that are not UTF-8 come as surrogates: they are a token that nobody has.
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


async def issue_access_token(
    database: Database,
    actor: str,
    name: str,
    roles: tuple[Role, ...],
    now: float,
    *,
    label: str = "",
    days: int = USUAL_DAYS,
) -> str:
    """Return a new access token of a person, for *roles* or for all that they have; it is not kept.

    It ends after *days*. *label* says what it is for.
    """
    _check(label, days)
    async with database.write() as connection:
        person = await enabled(connection, name)
        wanted = roles or person.roles
        if missing := set(wanted) - set(person.roles):
            msg = f"{name} does not have the role {', '.join(sorted(missing))}"
            raise InvalidInput("person_roles", msg, f"{name} has: {', '.join(person.roles)}.")
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        ends = int(now) + days * DAY_SECONDS
        number = await store.insert_access_token(
            connection, person.id, _hash(token), wanted, label, now, ends
        )
        detail = {
            "number": number,
            "label": label,
            "days": days,
            "roles": sorted(set(wanted)),
            "sha256": _hash(token),
        }
        await append_record(connection, Entry(actor, "access_token.issued", f"person/{name}", detail), now)
    return token


def _check(label: str, days: int) -> None:
    if len(label) > LABEL_LENGTH or not label.isprintable():
        msg = f"what an access token is for has {LABEL_LENGTH} printable characters at the most"
        raise InvalidInput("access_token_label", msg, "Say it in fewer words.")
    if not 1 <= days <= LONGEST_DAYS:
        msg = f"an access token works for 1 to {LONGEST_DAYS} days, not {days}"
        raise InvalidInput("access_token_days", msg, "Issue a new one before it ends.")


async def revoke_access_token(database: Database, actor: str, name: str, number: int, now: float) -> None:
    """Let an access token of a person stand for nobody from now on."""
    async with database.write() as connection:
        token = await store.get_access_token(connection, number)
        if token is None or token.person != name:
            msg = f"{name} has no access token {number}"
            raise NotFound("access_token_unknown", msg, f"List them: adt-gateway user tokens {name}")
        if token.revoked_at is not None:
            return
        await store.revoke_access_token(connection, number, now)
        entry = Entry(actor, "access_token.revoked", f"person/{name}", {"number": number})
        await append_record(connection, entry, now)


async def access_tokens_of(connection: AsyncConnection, name: str) -> list[store.AccessTokenRow]:
    """Return a person's access tokens, the newest first."""
    return await store.access_tokens_of(connection, (await existing(connection, name)).id)


async def list_access_tokens(database: Database, name: str) -> list[store.AccessTokenRow]:
    """Return a person's access tokens, the newest first; raise `NotFound` where there is no such person."""
    async with database.read() as connection:
        return await access_tokens_of(connection, name)


async def authenticate(database: Database, token: str, now: float) -> tuple[int, Person]:
    """Return an access token's number and who it stands for; raise `NotAuthenticated`, saying nothing more."""
    async with database.read() as connection:
        found = await store.find_by_access_token(connection, _hash(token), now)
    if found is None:
        raise NotAuthenticated(
            "access_token_unknown",
            "the access token is not known",
            "Ask for a new one: adt-gateway user issue-token",
        )
    return found


class Authenticator:
    """Knows whom an access token stands for, and remembers machines for a second.

    An adaptor's token is used a thousand times a second and looked up once; a machine that is disabled loses
    access within that second, a person at once. Tokens are remembered by their hash alone.
    """

    def __init__(self, database: Database, clock: Clock, usage: Usage) -> None:
        self._database = database
        self._clock = clock
        self._usage = usage
        self._machines: dict[str, tuple[Person, float]] = {}
        self._looking = asyncio.Lock()

    async def person(self, token: str, *, though_store_away: bool = False) -> Person:
        """Return who *token* stands for; raise `NotAuthenticated` where it is not known.

        With *though_store_away*, a token that was good when the store could last be asked is good while it
        cannot; else `Unavailable` is raised then.
        """
        digest = _hash(token)
        known = self._machines.get(digest)
        if known is None:
            return await self._look_up(digest, token)
        if self._is_fresh(known):
            return known[0]
        async with self._looking:  # a machine's requests come in flocks: one asks the store for all
            known = self._machines.get(digest, known)
            if self._is_fresh(known):
                return known[0]
            try:
                return await self._look_up(digest, token)
            except Unavailable:
                if not though_store_away:
                    raise
                return known[0]

    def _is_fresh(self, known: tuple[Person, float]) -> bool:
        return 0 <= self._clock() - known[1] < REMEMBERED_SECONDS

    async def _look_up(self, digest: str, token: str) -> Person:
        now = self._clock()
        try:
            number, person = await authenticate(self._database, token, now)
        except NotAuthenticated:
            self._machines.pop(digest, None)
            raise
        self._usage.token_used(number, now)
        if person.roles == {Role.ADAPTOR}:
            if len(self._machines) >= REMEMBERED_TOKENS:
                self._machines.clear()
            self._machines[digest] = (person, now)
        return person
