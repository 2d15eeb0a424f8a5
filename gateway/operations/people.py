"""People and their access tokens."""

import asyncio
import hashlib
import re
import secrets
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Person, Role
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, Unavailable
from gateway.store import people as store
from gateway.store.audit_log import append_record
from gateway.store.database import Database

NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,62}")
RESERVED: Final = frozenset({"system"})
"""Names that audit records use for the gateway itself."""

TOKEN_PREFIX: Final = "adtgw_"  # noqa: S105 - a mark by which scanners find tokens that leaked
TOKEN_BYTES: Final = 32
"""256 random bits: a plain hash of them cannot be guessed back."""

REMEMBERED_SECONDS: Final = 1.0
REMEMBERED_TOKENS: Final = 1000


def _hash(token: str) -> str:
    # Bytes of a header that are not UTF-8 come as surrogates: they are a token that nobody has.
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


async def add_person(database: Database, actor: str, name: str, roles: tuple[Role, ...], now: float) -> None:
    """Add a person; *actor* is the account that ran the command."""
    if not NAME.fullmatch(name) or name in RESERVED:
        remedy = "Use lower-case letters, digits, dot, hyphen and underscore; start with a letter."
        raise InvalidInput("person_name", f"{name!r:.80} cannot be the name of a person", remedy)
    if not roles:
        raise InvalidInput("person_roles", f"{name} needs at least one role", "Give it with --role.")
    async with database.write() as connection:
        if await store.find_person(connection, name):
            raise Conflict(
                "person_exists", f"there is a person {name} already", "List them: adt-gateway user list"
            )
        await store.insert_person(connection, name, roles, now)
        entry = Entry(actor, "person.added", f"person/{name}", {"roles": sorted(set(roles))})
        await append_record(connection, entry, now)


async def disable_person(database: Database, actor: str, name: str, now: float) -> None:
    """Take all access away from a person; what they did stays on record."""
    async with database.write() as connection:
        person = await _existing(connection, name)
        if person.disabled_at is not None:
            return
        await store.disable_person(connection, person.id, now)
        await append_record(connection, Entry(actor, "person.disabled", f"person/{name}"), now)


async def issue_access_token(
    database: Database, actor: str, name: str, roles: tuple[Role, ...], now: float
) -> str:
    """Return a new access token of a person, for *roles* or for all that they have; it is not kept."""
    async with database.write() as connection:
        person = await _existing(connection, name)
        if person.disabled_at is not None:
            raise Conflict("person_disabled", f"{name} is disabled", "Add a new person.")
        wanted = roles or person.roles
        if missing := set(wanted) - set(person.roles):
            msg = f"{name} does not have the role {', '.join(sorted(missing))}"
            raise InvalidInput("person_roles", msg, f"{name} has: {', '.join(person.roles)}.")
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        await store.insert_access_token(connection, person.id, _hash(token), wanted, now)
        detail = {"roles": sorted(set(wanted)), "sha256": _hash(token)}
        await append_record(connection, Entry(actor, "access_token.issued", f"person/{name}", detail), now)
    return token


async def _existing(connection: AsyncConnection, name: str) -> store.PersonRow:
    person = await store.find_person(connection, name) if NAME.fullmatch(name) else None
    if person is None:
        raise NotFound(
            "person_unknown", f"there is no person {name!r:.80}", "List them: adt-gateway user list"
        )
    return person


async def authenticate(database: Database, token: str) -> Person:
    """Return who an access token stands for; raise `NotAuthenticated`, saying nothing more."""
    async with database.read() as connection:
        person = await store.find_by_access_token(connection, _hash(token))
    if person is None:
        raise NotAuthenticated(
            "access_token_unknown",
            "the access token is not known",
            "Ask for a new one: adt-gateway user issue-token",
        )
    return person


async def everybody(database: Database) -> list[store.PersonRow]:
    """Return everybody, by name."""
    async with database.read() as connection:
        return await store.list_people(connection)


class Authenticator:
    """Knows whom an access token stands for, and remembers machines for a second.

    An adaptor's token is used a thousand times a second and looked up once; a machine that is disabled loses
    access within that second, a person at once. Tokens are remembered by their hash alone.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
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
            person = await authenticate(self._database, token)
        except NotAuthenticated:
            self._machines.pop(digest, None)
            raise
        if person.roles == {Role.ADAPTOR}:
            if len(self._machines) >= REMEMBERED_TOKENS:
                self._machines.clear()
            self._machines[digest] = (person, now)
        return person
