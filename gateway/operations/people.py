"""People: added, given roles and passwords, and disabled; each step on record."""

import re
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Role
from gateway.audit.record import Entry
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.store import people as store
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.sessions import end_sessions

NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,62}")
RESERVED: Final = frozenset({"system", "unknown"})
"""Names that audit records use for the gateway itself, and for whoever is not known."""


async def add_person(database: Database, actor: str, name: str, roles: tuple[Role, ...], now: float) -> None:
    """Add a person; *actor* is the person, or the account of the machine, that does it."""
    if not NAME.fullmatch(name) or name in RESERVED:
        remedy = "Use lower-case letters, digits, dot, hyphen and underscore; start with a letter."
        raise InvalidInput("person_name", f"{name!r:.80} cannot be the name of a person", remedy)
    _check_roles(name, roles)
    async with database.write() as connection:
        if await store.find_person(connection, name):
            raise Conflict(
                "person_exists", f"there is a person {name} already", "List them: adt-gateway user list"
            )
        await store.insert_person(connection, name, roles, now)
        entry = Entry(actor, "person.added", f"person/{name}", {"roles": sorted(set(roles))})
        await append_record(connection, entry, now)


def _check_roles(name: str, roles: tuple[Role, ...]) -> None:
    if not roles:
        raise InvalidInput("person_roles", f"{name} needs at least one role", "Give it with --role.")
    if Role.ADAPTOR in roles and len(set(roles)) > 1:
        msg = f"{name} cannot be a machine and a person: the role adaptor goes with no other"
        raise InvalidInput("person_roles", msg, "Add the machine under a name of its own.")


async def disable_person(database: Database, actor: str, name: str, now: float) -> None:
    """Take all access away from a person and end their sessions; what they did stays on record."""
    _not_oneself(actor, name)
    async with database.write() as connection:
        person = await existing(connection, name)
        if person.disabled_at is not None:
            return
        await store.disable_person(connection, person.id, now)
        await end_sessions(connection, person.id, now)
        await append_record(connection, Entry(actor, "person.disabled", f"person/{name}"), now)


async def set_roles(database: Database, actor: str, name: str, roles: tuple[Role, ...], now: float) -> None:
    """Give a person other roles and end their sessions; nobody does it for themselves."""
    _not_oneself(actor, name)
    _check_roles(name, roles)
    async with database.write() as connection:
        person = await enabled(connection, name)
        of_the_gateway(person)
        if set(person.roles) == set(roles):
            return
        await store.set_roles(connection, person.id, roles)
        await end_sessions(connection, person.id, now)
        detail = {"before": sorted(person.roles), "roles": sorted(set(roles))}
        await append_record(connection, Entry(actor, "person.roles_changed", f"person/{name}", detail), now)


def _not_oneself(actor: str, name: str) -> None:
    if actor == name:
        msg = f"{name} cannot change their own roles nor disable themselves"
        raise Conflict("own_access", msg, "Ask another person with the role admin.")


async def existing(connection: AsyncConnection, name: str) -> store.PersonRow:
    """Return the person of that name or raise `NotFound`."""
    person = await store.find_person(connection, name) if NAME.fullmatch(name) else None
    if person is None:
        raise NotFound(
            "person_unknown", f"there is no person {name!r:.80}", "List them: adt-gateway user list"
        )
    return person


async def enabled(connection: AsyncConnection, name: str) -> store.PersonRow:
    """Return the person of that name; raise `NotFound`, or `Conflict` where they are disabled."""
    person = await existing(connection, name)
    if person.disabled_at is not None:
        raise Conflict("person_disabled", f"{name} is disabled", "Add a new person.")
    return person


def of_the_gateway(person: store.PersonRow) -> None:
    """Raise `Conflict` where a provider says who *person* is and what they may do."""
    if person.issuer is not None:
        msg = f"{person.name} comes from {person.issuer}, which alone gives them roles and lets them in"
        raise Conflict("person_of_provider", msg, "Change their groups there, or disable them here.")


async def everybody(database: Database) -> list[store.PersonRow]:
    """Return everybody, by name."""
    async with database.read() as connection:
        return await store.list_people(connection)
