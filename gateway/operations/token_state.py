"""How the token stands, for people who look: read through its own process, within a time, and kept for some seconds."""

import asyncio
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.clock import Clock
from gateway.operations.classified import masked
from gateway.store.adt_files import last_signature
from gateway.store.database import Database
from gateway.store.incident_list import IncidentFilter, ListedIncident, find_incidents
from hsm.errors import REMEDIES, TokenError
from hsm.model import TokenDescription
from hsm.token import Token

KEPT_SECONDS: Final = 10.0
"""How long what was read is shown again: a token is slow, and may be somebody's smart card."""
LOOK_SECONDS: Final = 5.0
"""How long a look may take; the token's own time-out may be longer."""
SOON_DAYS: Final = 30
"""From then on it is told that a certificate expires."""


class Unread(msgspec.Struct, frozen=True):
    """Why the token could not be read; that says nothing about what is on it."""

    code: str
    message: str
    remedy: str


class Fault(msgspec.Struct, frozen=True):
    """Something on the token is wrong."""

    code: str
    message: str
    remedy: str


class Seen(msgspec.Struct, frozen=True):
    """One look at the token."""

    at: float
    described: TokenDescription | None
    unread: Unread | None
    """Why there is no description."""


class ShownToken(msgspec.Struct, frozen=True):
    """What is known of the token."""

    seen: Seen
    faults: list[Fault]
    days_left: int | None
    """Of the certificate."""
    signatures: int
    last_signature: int | None
    last_trouble: ListedIncident | None
    """The last incident about signing."""


class TokenState:
    """Looks at the token: one look at a time, however many ask."""

    def __init__(self, token: Token | None, database: Database, clock: Clock) -> None:
        self._token = token
        self._database = database
        self._clock = clock
        self._looking = asyncio.Lock()
        self._seen: Seen | None = None

    async def shown(self, person: Person) -> ShownToken:
        """Return what is known of the token."""
        person.require(Action.READ_FILES)
        seen = await self._look()
        async with self._database.read() as connection:
            signatures, last = await last_signature(connection)
            trouble = await find_incidents(connection, IncidentFilter(kind="token"), 1)
        certificate = seen.described.certificate if seen.described else None
        now = datetime.fromtimestamp(self._clock(), UTC)
        return ShownToken(
            seen=seen,
            faults=token_faults(seen.described, now) if seen.described else [],
            days_left=(certificate.not_after - now).days if certificate else None,
            signatures=signatures,
            last_signature=last,
            last_trouble=masked(trouble[0]) if trouble else None,
        )

    async def _look(self) -> Seen:
        async with self._looking:
            if self._seen is None or not 0 <= self._clock() - self._seen.at < KEPT_SECONDS:
                self._seen = await self._read()
            return self._seen

    async def _read(self) -> Seen:
        if self._token is None:
            remedy = "Fill in the section [token] of the settings; see docs/token.md."
            return Seen(self._clock(), None, Unread("token_not_set", "no token is set", remedy))
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                described = await self._token.describe()
        except TokenError as error:
            return Seen(self._clock(), None, Unread(error.code, error.message, error.remedy))
        except TimeoutError:
            msg = f"the token did not answer within {LOOK_SECONDS:.0f} s"
            unread = Unread("token_timeout", msg, "It may be busy with a signature: look again.")
            return Seen(self._clock(), None, unread)
        return Seen(self._clock(), described, None)


def token_faults(found: TokenDescription, now: datetime) -> list[Fault]:
    """Return what is wrong with what was read at *now*; nothing where it can sign for a while yet."""
    faults = []
    if found.pin_locked:
        faults.append(_fault("pin_locked", "the PIN is locked"))
    elif found.pin_final_try:
        faults.append(_fault("pin_final_try", "one more wrong PIN locks the token"))
    elif found.pin_count_low:
        faults.append(_fault("pin_count_low", "a wrong PIN was offered since the last login before this one"))
    if found.key is None:
        return [*faults, _fault("key_missing", f"there is no key {found.key_label!r} on the token")]
    if found.key.exportable:
        faults.append(_fault("key_exportable", "the key can leave the token, or once could"))
    return faults + _certificate_faults(found, now)


def _certificate_faults(found: TokenDescription, now: datetime) -> list[Fault]:
    certificate = found.certificate
    if certificate is None:
        return [_fault("certificate_missing", "the key has no certificate on the token")]
    if now > certificate.not_after:
        return [_fault("certificate_expired", "the certificate has expired")]
    if now < certificate.not_before:
        return [_fault("certificate_not_yet_valid", "the certificate is not valid yet")]
    if not found.chain_length:
        return [_fault("certificate_chain", "the certificate does not lead to one of the trust file")]
    if (certificate.not_after - now).days < SOON_DAYS:
        msg = f"the certificate expires within {SOON_DAYS} days"
        return [Fault("certificate_expires", msg, "Order its successor now.")]
    return []


def _fault(code: str, message: str) -> Fault:
    return Fault(code, message, REMEDIES.get(code, "Find out who offered it; a token locks after a few."))
