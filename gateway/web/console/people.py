"""Who has access: for the admin to manage, for the auditor to read."""

from typing import Final

from aiohttp import web

from gateway.access import Action, Role
from gateway.errors import InvalidInput
from gateway.operations import people as operations
from gateway.operations.access_tokens import access_tokens_of, revoke_access_token
from gateway.store.people import PersonRow
from gateway.web.console.form import Fault
from gateway.web.console.page import Page
from gateway.web.console.visit import Visit

PEOPLE: Final = "/people"
_NAME: Final = "{name:[a-z][a-z0-9._-]{0,62}}"
ONE: Final = f"{PEOPLE}/{_NAME}"


def _name(visit: Visit) -> str:
    return visit.request.match_info["name"]


def _roles(visit: Visit) -> tuple[Role, ...]:
    chosen = visit.form.choices("roles")
    if not set(chosen) <= set(Role):
        raise InvalidInput("person_roles", "there is no such role", "Choose from the list.")
    return tuple(Role(role) for role in chosen)


def _fault(error: InvalidInput) -> Fault:
    field = {"person_name": "name", "person_roles": "roles"}.get(error.code, "")
    return Fault(field, f"{error.message[:1].upper()}{error.message[1:]}.")


async def everybody(visit: Visit) -> web.StreamResponse:
    """List everybody."""
    return await _list(visit)


async def _list(visit: Visit, *faults: Fault) -> web.Response:
    return visit.show(
        "people.html",
        422 if faults else 200,
        faults=faults,
        sent=visit.form,
        people=await operations.everybody(visit.services.database),
        roles=tuple(Role),
        may_manage=visit.person.may(Action.MANAGE_PEOPLE),
    )


async def add(visit: Visit) -> web.StreamResponse:
    """Add a person."""
    services, name = visit.services, visit.form.text("name")
    try:
        await operations.add_person(
            services.database, visit.person.name, name, _roles(visit), services.clock()
        )
    except InvalidInput as error:
        return await _list(visit, _fault(error))
    return visit.go(f"{PEOPLE}/{name}", f"{name} is added. They cannot sign in before they have a password.")


async def one(visit: Visit) -> web.StreamResponse:
    """Show a person with their access tokens and sessions."""
    return await _person(visit)


async def _person(visit: Visit, *faults: Fault, password: str = "") -> web.Response:
    services, name = visit.services, _name(visit)
    async with services.database.read() as connection:
        person = await operations.existing(connection, name)
        tokens = await access_tokens_of(connection, name)
    return visit.show(
        "person.html",
        422 if faults else 200,
        title=name,
        faults=faults,
        shown=person,
        password_state=_password_state(person),
        roles=tuple(Role),
        tokens=tokens,
        sessions=await services.entrance.sessions.of_person(name),
        now=services.clock(),
        password=password,
        may_manage=visit.person.may(Action.MANAGE_PEOPLE) and person.disabled_at is None,
        is_oneself=name == visit.person.name,
    )


def _password_state(person: PersonRow) -> str:
    if person.password_set_at is None:
        return "none"
    return "temporary" if person.password_expires_at is not None else "own"


async def set_roles(visit: Visit) -> web.StreamResponse:
    """Give a person other roles; their sessions end."""
    services, name = visit.services, _name(visit)
    try:
        await operations.set_roles(
            services.database, visit.person.name, name, _roles(visit), services.clock()
        )
    except InvalidInput as error:
        return await _person(visit, _fault(error))
    return visit.go(f"{PEOPLE}/{name}", f"The roles of {name} are changed, and their sessions have ended.")


async def disable(visit: Visit) -> web.StreamResponse:
    """Take all access away from a person."""
    services, name = visit.services, _name(visit)
    await operations.disable_person(services.database, visit.person.name, name, services.clock())
    return visit.go(f"{PEOPLE}/{name}", f"{name} is disabled.")


async def give_password(visit: Visit) -> web.StreamResponse:
    """Give a person a password for a day and show it this once."""
    password = await visit.services.entrance.accounts.give_temporary(visit.person.name, _name(visit))
    return await _person(visit, password=password)


async def revoke_token(visit: Visit) -> web.StreamResponse:
    """Revoke an access token of a person."""
    services, name, number = visit.services, _name(visit), int(visit.request.match_info["number"])
    await revoke_access_token(services.database, visit.person.name, name, number, services.clock())
    return visit.go(f"{PEOPLE}/{name}", f"Access token {number} is revoked.")


async def end_session(visit: Visit) -> web.StreamResponse:
    """End a session of a person."""
    name, number = _name(visit), int(visit.request.match_info["number"])
    await visit.services.entrance.sessions.end(visit.person.name, name, number)
    return visit.go(f"{PEOPLE}/{name}", f"Session {number} has ended.")


_NUMBER: Final = "{number:[0-9]{1,9}}"
_MANAGE: Final = Action.MANAGE_PEOPLE

PAGES: Final = (
    Page("GET", PEOPLE, everybody, Action.READ_PEOPLE, "People", navigation=True),
    Page("POST", PEOPLE, add, _MANAGE, "People"),
    Page("GET", ONE, one, Action.READ_PEOPLE, "Person", parent=PEOPLE),
    Page("POST", f"{ONE}/roles", set_roles, _MANAGE, "Person", parent=PEOPLE),
    Page("POST", f"{ONE}/disable", disable, _MANAGE, "Person", parent=PEOPLE),
    Page("POST", f"{ONE}/password", give_password, _MANAGE, "Person", parent=PEOPLE),
    Page("POST", f"{ONE}/tokens/{_NUMBER}/revoke", revoke_token, _MANAGE, "Person", parent=PEOPLE),
    Page("POST", f"{ONE}/sessions/{_NUMBER}/end", end_session, _MANAGE, "Person", parent=PEOPLE),
)
