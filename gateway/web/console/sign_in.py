"""Signing in and out."""

import contextlib
from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.errors import NotAuthenticated, NotFound
from gateway.web.console.cookie import give, session_of, take_away
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
    context = {"title": "Sign in", "following": following, "name": name, "faults": faults}
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
    give(request, response, secret)
    return response


async def sign_out(visit: Visit) -> web.StreamResponse:
    """End the session."""
    with contextlib.suppress(NotFound):  # somebody else ended it just now
        await visit.services.entrance.sessions.end(visit.person.name, visit.person.name, visit.session.number)
    response = visit.go(SIGN_IN)
    take_away(visit.request, response)
    return response


PAGES: Final = (Page("POST", "/logout", sign_out, Action.USE_CONSOLE, "Sign out"),)
