"""Knows who asks by what they show: an access token, or the certificate of a machine."""

from collections.abc import Iterable, Mapping
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
        self._certificates: Mapping[str, str] = {}

    def use_certificates(self, certificates: Iterable[ClientCertificate]) -> None:
        """Take *certificates* for those that stand for a machine, from now on."""
        self._certificates = {each.digest: each.person for each in certificates}
        self._machines.clear()

    async def machine(self, certificate: str, *, though_store_away: bool = False) -> Person:
        """Return the machine that the certificate of this SHA-256 stands for, with the role adaptor alone.

        Raises `NotAuthenticated` where it stands for none; the certificate itself was verified by TLS.
        """
        name = self._certificates.get(certificate)
        if name is None:
            raise _unknown_certificate()
        key, now = f"certificate {certificate}", self._clock()
        known = self._machines.get(key)
        if known is not None and 0 <= now - known[1] < REMEMBERED_SECONDS:
            return known[0]
        try:
            async with self._database.read() as connection:
                row = await find_person(connection, name)
        except Unavailable:
            if known is None or not though_store_away:
                raise
            return known[0]
        if row is None or row.disabled_at is not None or Role.ADAPTOR not in row.roles:
            self._machines.pop(key, None)
            raise _unknown_certificate()
        person = Person(name, frozenset({Role.ADAPTOR}))
        self._remember(key, person, now)
        return person

    def _remember(self, key: str, person: Person, now: float) -> None:
        if len(self._machines) >= REMEMBERED_TOKENS:
            self._machines.clear()
        self._machines[key] = (person, now)

    async def person(self, token: str, *, though_store_away: bool = False) -> Person:
        """Return who *token* stands for; raise `NotAuthenticated` where it is not known.

        With *though_store_away*, a token that was good when the store could last be asked is good while it
        cannot; else `Unavailable` is raised then.
        """
        digest, now = token_hash(token), self._clock()
        known = self._machines.get(digest)
        if known is not None and 0 <= now - known[1] < REMEMBERED_SECONDS:
            return known[0]
        try:
            number, person = await authenticate(self._database, token, now)
        except Unavailable:
            if known is None or not though_store_away:
                raise
            return known[0]
        self._usage.token_used(number, now)
        if person.roles == {Role.ADAPTOR}:
            self._remember(digest, person, now)
        return person


def _unknown_certificate() -> NotAuthenticated:
    msg = "the client certificate stands for no machine with the role adaptor"
    return NotAuthenticated("client_certificate_unknown", msg, "Add it to client_certificates.")
