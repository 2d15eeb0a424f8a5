"""Signing in and out."""

import contextlib
from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.errors import NotAuthenticated, NotFound
from gateway.web.console.cookie import give, leave, session_of, take_away
from gateway.web.console.form import Fault, read_form
from gateway.web.console.page import FORM_BYTES, Page
from gateway.web.console.render import show
from gateway.web.console.same_site import check_origin
from gateway.web.console.serve import SIGN_IN, local_path
from gateway.web.console.visit import Visit
from gateway.web.services import SERVICES


async def ask(request: web.Request) -> web.StreamResponse:
    """Show the form; whoever is signed in already goes on."""
    following = local_path(request.query.get("next", "/"))
    try:
        await session_of(request)
    except NotAuthenticated:
        return _form(request, following)
    return web.Response(status=303, headers={"Location": following})


def _form(
    request: web.Request, following: str, name: str = "", fault: str = "", status: int = 200
) -> web.Response:
    faults = [Fault("name", fault)] if fault else []
    entrance = request.app[SERVICES].entrance
    context = {
        "title": "Sign in",
        "following": following,
        "name": name,
        "faults": faults,
        "provider": entrance.single_sign_on.name if entrance.single_sign_on else "",
        "local_accounts": entrance.sessions.local_accounts,
    }
    return show(request, None, "sign_in.html", status, **context)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Begin a session and go on to where the person wanted."""
    check_origin(request)
    form = await read_form(request, FORM_BYTES)
    following = local_path(form.raw("next"))
    name = form.text("name")[:64]
    try:
        secret = await request.app[SERVICES].entrance.sessions.sign_in(
            name, form.raw("password"), request.remote or "", request.headers.get("User-Agent", "")
        )
    except NotAuthenticated as error:
        return _form(
            request, following, name, f"{error.message[:1].upper()}{error.message[1:]}", error.status
        )
    response = web.Response(status=303, headers={"Location": following})
    await leave(request)
    give(request, response, secret)
    return response


async def sign_out(visit: Visit) -> web.StreamResponse:
    """End the session."""
    with contextlib.suppress(NotFound):  # somebody else ended it just now
        await visit.services.entrance.sessions.end(visit.person.name, visit.person.name, visit.session.number)
    response = await _signed_out(visit)
    take_away(visit.request, response)
    return response


async def _signed_out(visit: Visit) -> web.Response:
    """Return the way to the form; for whom a provider let in, the way out there.

    It is a link: the page's own rules let no form lead to another site.
    """
    single = visit.services.entrance.single_sign_on
    if single is None or not visit.session.of_provider:
        return visit.go(SIGN_IN)
    place = await single.sign_out_url()
    return show(
        visit.request, None, "signed_out.html", title="You are signed out", provider=single.name, place=place
    )


PAGES: Final = (Page("POST", "/logout", sign_out, Action.USE_CONSOLE, "Sign out"),)
