"""One's own account: password, access tokens, sessions."""

from typing import Final

from aiohttp import web

from gateway.access import Action, Role
from gateway.errors import InvalidInput
from gateway.operations.access_tokens import (
    LONGEST_DAYS,
    USUAL_DAYS,
    issue_access_token,
    list_access_tokens,
    revoke_access_token,
)
from gateway.operations.accounts import check_fresh
from gateway.operations.passwords import SHORTEST
from gateway.web.console.form import Fault
from gateway.web.console.page import Page
from gateway.web.console.serve import CHANGE_PATH
from gateway.web.console.visit import Visit
from gateway.web.files import path_number

ACCOUNT: Final = "/account"
FIELD_OF: Final = {
    "password_wrong": "present",
    "password_refused": "wanted",
    "access_token_label": "label",
    "access_token_days": "days",
    "person_roles": "roles",
}
"""The field that an error belongs to."""


async def account(visit: Visit) -> web.StreamResponse:
    """Show one's own account."""
    return await _shown(visit)


async def _shown(visit: Visit, faults: tuple[Fault, ...] = (), token: str = "") -> web.Response:
    services, name = visit.services, visit.person.name
    return visit.show(
        "account.html",
        status=422 if faults else 200,
        title="Your account",
        faults=faults,
        sent=visit.form,
        token=token,
        passkeys=await services.passkeys.of_person(name) if services.passkeys else None,
        tokens=await list_access_tokens(services.database, name),
        now=services.clock(),
        sessions=await services.entrance.sessions.of_person(name),
        usual_days=USUAL_DAYS,
        longest_days=LONGEST_DAYS,
    )


def _fault(error: InvalidInput) -> Fault:
    text = f"{error.message[:1].upper()}{error.message[1:]}. {error.remedy}"
    return Fault(FIELD_OF.get(error.code, ""), text)


async def password(visit: Visit) -> web.StreamResponse:
    """Show the form for another password."""
    return _password_form(visit)


def _password_form(visit: Visit, *faults: Fault) -> web.Response:
    return visit.show("password.html", 422 if faults else 200, faults=faults, shortest=SHORTEST)


async def change_password(visit: Visit) -> web.StreamResponse:
    """Change one's own password."""
    present, wanted, again = (visit.form.raw(name) for name in ("present", "wanted", "again"))
    if wanted != again:
        return _password_form(visit, Fault("again", "The two new passwords are not the same."))
    try:
        await visit.services.entrance.accounts.change_own(visit.session, present, wanted)
    except InvalidInput as error:
        return _password_form(visit, _fault(error))
    return visit.go(ACCOUNT, "Your password is changed. Your other sessions have ended.")


async def issue_token(visit: Visit) -> web.StreamResponse:
    """Issue an access token to oneself and show it this once."""
    services, form, name = visit.services, visit.form, visit.person.name
    check_fresh(visit.session, services.clock(), "an access token is issued")
    try:
        token = await issue_access_token(
            services.database,
            name,
            name,
            _roles(visit),
            services.clock(),
            label=form.text("label"),
            days=_days(form.text("days")),
        )
    except InvalidInput as error:
        return await _shown(visit, (_fault(error),))
    return await _shown(visit, token=token)


def _roles(visit: Visit) -> tuple[Role, ...]:
    chosen = visit.form.choices("roles")
    if not chosen or not set(chosen) <= set(Role):
        raise InvalidInput("person_roles", "no role is chosen", "Choose what the token is for.")
    return tuple(Role(role) for role in chosen)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(LONGEST_DAYS))):
        raise InvalidInput("access_token_days", "the days are not a number", f"Type 1 to {LONGEST_DAYS}.")
    return int(text)


async def revoke_token(visit: Visit) -> web.StreamResponse:
    """Revoke one of one's own access tokens."""
    services, name = visit.services, visit.person.name
    number = path_number(visit.request)
    await revoke_access_token(services.database, name, name, number, services.clock())
    return visit.go(ACCOUNT, f"Access token {number} is revoked.")


async def end_session(visit: Visit) -> web.StreamResponse:
    """End one of one's own sessions."""
    name, number = visit.person.name, path_number(visit.request)
    await visit.services.entrance.sessions.end(name, name, number)
    return visit.go(ACCOUNT, f"Session {number} has ended.")


_NUMBER: Final = "{number:[0-9]{1,10}}"

PAGES: Final = (
    Page("GET", ACCOUNT, account, Action.USE_CONSOLE, "Account"),
    Page("GET", CHANGE_PATH, password, Action.USE_CONSOLE, "Change your password", parent=ACCOUNT),
    Page("POST", CHANGE_PATH, change_password, Action.USE_CONSOLE, "Change your password", parent=ACCOUNT),
    Page("POST", f"{ACCOUNT}/tokens", issue_token, Action.USE_CONSOLE, "Account"),
    Page("POST", f"{ACCOUNT}/tokens/{_NUMBER}/revoke", revoke_token, Action.USE_CONSOLE, "Account"),
    Page("POST", f"{ACCOUNT}/sessions/{_NUMBER}/end", end_session, Action.USE_CONSOLE, "Account"),
)
