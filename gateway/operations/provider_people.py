"""People whom an OpenID Connect provider lets in: who they are here, and what they may do."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Role
from gateway.audit.record import Entry
from gateway.errors import NotPermitted
from gateway.oidc.tokens import Identity
from gateway.operations.people import NAME, RESERVED
from gateway.store import people as store
from gateway.store.audit_log import append_record
from gateway.store.sessions import end_sessions

LONGEST_NAME: Final = 63
_OTHER: Final = re.compile(r"[^a-z0-9._-]+")


def roles_of(groups: tuple[str, ...], given: Mapping[str, str]) -> tuple[Role, ...]:
    """Return the roles that *groups* give, sorted; groups that give none are of no account here."""
    return tuple(sorted({Role(given[group]) for group in groups if group in given}))


def local_name(name: str) -> str:
    """Return the name of a person here whom the provider calls *name*; raise `NotPermitted` where it makes none.

    What stands before an @, in lower case and without accents; a hyphen for each run of other characters.
    """
    plain = unicodedata.normalize("NFKD", name.partition("@")[0]).encode("ascii", "ignore").decode().lower()
    made = _OTHER.sub("-", plain)[:LONGEST_NAME].rstrip("-")
    if not NAME.fullmatch(made) or made in RESERVED:
        msg = f"your account's name there, {name!r:.80}, makes no name here"
        raise NotPermitted("person_name_unusable", msg, "Ask those who manage your organisation's accounts.")
    return made


async def admit(
    connection: AsyncConnection, identity: Identity, roles: tuple[Role, ...], now: float
) -> store.PersonRow:
    """Return the person of *identity* with *roles* and no others; add them where they are new.

    One who is known and has no roles now loses those they had: the caller lets nobody in without roles.
    Raises `NotPermitted` for one who is new and has no roles, whose name is taken, or who is disabled.
    """
    found = await store.find_by_identity(connection, identity.issuer, identity.subject)
    if found is None:
        return await _added(connection, identity, roles, now)
    if found.disabled_at is not None:
        msg = f"{found.name} is disabled here"
        raise NotPermitted("person_disabled", msg, "Ask a person with the role admin.")
    if set(found.roles) == set(roles):
        return found
    await store.set_roles(connection, found.id, roles)
    await end_sessions(connection, found.id, now)
    detail = {"before": sorted(found.roles), "roles": sorted(roles), "issuer": identity.issuer}
    entry = Entry("system", "person.roles_changed", f"person/{found.name}", detail)
    await append_record(connection, entry, now)
    return await _read(connection, found.name)


async def _added(
    connection: AsyncConnection, identity: Identity, roles: tuple[Role, ...], now: float
) -> store.PersonRow:
    if not roles:
        raise no_role()
    name = local_name(identity.name)
    if await store.find_person(connection, name):
        # Never taken for the same person: whoever names accounts there would else become anybody here.
        msg = f"there is another account {name} here, which is not your organisation's"
        raise NotPermitted("person_name_taken", msg, "Ask a person with the role admin.")
    await store.insert_person(connection, name, roles, now, (identity.issuer, identity.subject))
    detail = {"roles": sorted(roles), "issuer": identity.issuer, "subject": identity.subject}
    await append_record(connection, Entry("system", "person.added", f"person/{name}", detail), now)
    return await _read(connection, name)


async def _read(connection: AsyncConnection, name: str) -> store.PersonRow:
    person = await store.find_person(connection, name)
    if person is None:
        raise AssertionError(name)  # written in this transaction
    return person


def no_role() -> NotPermitted:
    """Return what somebody is told whose groups give no role."""
    msg = "you are signed in at your organisation, but none of your groups there gives you a role here"
    return NotPermitted("no_role_by_group", msg, "Ask those who manage your organisation's groups.")
