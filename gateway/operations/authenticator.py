"""Knows who asks by what they show: an access token, or the certificate of a machine."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Final

from gateway.access import Person, Role
from gateway.clock import Clock
from gateway.errors import NotAuthenticated, Unavailable
from gateway.operations.access_tokens import authenticate, token_hash
from gateway.operations.usage import Usage
from gateway.section import ClientCertificate
from gateway.store.database import Database
from gateway.store.people import find_person

REMEMBERED_SECONDS: Final = 1.0
REMEMBERED_TOKENS: Final = 1000

Ask = Callable[[float], Awaitable[Person]]
"""Asks the store, at this time, whom something stands for; raises `NotAuthenticated`."""


class Authenticator:
    """Knows whom an access token or a certificate stands for, and remembers machines for a second.

    An adaptor's token is used a thousand times a second and looked up once; a machine that is disabled loses
    access within that second, a person at once. Tokens are remembered by their hash alone.
    """

    def __init__(self, database: Database, clock: Clock, usage: Usage) -> None:
        self._database = database
        self._clock = clock
        self._usage = usage
        self._machines: dict[str, tuple[Person, float]] = {}
        self._looking = asyncio.Lock()
        self._certificates: Mapping[str, str] = {}

    def use_certificates(self, certificates: Iterable[ClientCertificate]) -> None:
        """Take *certificates* for those that stand for a machine, from now on."""
        self._certificates = {each.digest: each.person for each in certificates}
        self._machines.clear()

    async def machine(self, certificate: str, ends_at: float, *, though_store_away: bool = False) -> Person:
        """Return the machine that the certificate of this SHA-256 stands for, with the role adaptor alone.

        Raises `NotAuthenticated` where it stands for none, or is over. TLS verified the certificate, but once: a
        connection stays open, and is taken up again, for longer than that holds.
        """
        if ends_at < self._clock():
            msg = "the client certificate has expired"
            raise NotAuthenticated("client_certificate_expired", msg, "Renew it, and list the new one.")
        name = self._certificates.get(certificate)
        if name is None:
            raise _unknown_certificate()
        return await self._known(
            f"certificate {certificate}", partial(self._of_certificate, name), though_store_away
        )

    async def person(self, token: str, *, though_store_away: bool = False) -> Person:
        """Return who *token* stands for; raise `NotAuthenticated` where it is not known.

        With *though_store_away*, a token that was good when the store could last be asked is good while it
        cannot; else `Unavailable` is raised then.
        """
        return await self._known(token_hash(token), partial(self._of_token, token), though_store_away)

    async def _known(self, key: str, ask: Ask, though_store_away: bool) -> Person:
        known = self._machines.get(key)
        if known is None:
            return await self._look_up(key, ask)
        if self._is_fresh(known):
            return known[0]
        async with self._looking:  # a machine's requests come in flocks: one asks the store for all
            known = self._machines.get(key, known)
            if self._is_fresh(known):
                return known[0]
            try:
                return await self._look_up(key, ask)
            except Unavailable:
                if not though_store_away:
                    raise
                return known[0]

    def _is_fresh(self, known: tuple[Person, float]) -> bool:
        return 0 <= self._clock() - known[1] < REMEMBERED_SECONDS

    async def _look_up(self, key: str, ask: Ask) -> Person:
        now = self._clock()
        try:
            person = await ask(now)
        except NotAuthenticated:
            self._machines.pop(key, None)
            raise
        if person.roles == {Role.ADAPTOR}:
            if len(self._machines) >= REMEMBERED_TOKENS:
                self._machines.clear()
            self._machines[key] = (person, now)
        return person

    async def _of_token(self, token: str, now: float) -> Person:
        number, person = await authenticate(self._database, token, now)
        self._usage.token_used(number, now)
        return person

    async def _of_certificate(self, name: str, now: float) -> Person:
        del now
        async with self._database.read() as connection:
            row = await find_person(connection, name)
        if row is None or row.disabled_at is not None or Role.ADAPTOR not in row.roles:
            raise _unknown_certificate()
        return Person(name, frozenset({Role.ADAPTOR}))


def _unknown_certificate() -> NotAuthenticated:
    msg = "the client certificate stands for no machine with the role adaptor"
    return NotAuthenticated("client_certificate_unknown", msg, "Add it to client_certificates.")
