"""The cookie of a session, and which session a request comes with."""

import contextlib
from typing import Final

from aiohttp import web

from gateway.errors import NotAuthenticated, NotFound
from gateway.operations.sessions import Session
from gateway.web.services import SERVICES

PLAIN: Final = "adt-gateway"
SECURE: Final = "__Host-adt-gateway"
"""With TLS; browsers take this name only with Secure, for the whole host and no other."""
LONGEST: Final = 100
BY_ITSELF: Final = "X-Follow"
"""The header of a page that asks by itself."""
FOLLOWED: Final = "/api/v1/events"
"""Stays open by itself."""


def _name(request: web.Request) -> str:
    return SECURE if request.secure else PLAIN


def has_cookie(request: web.Request) -> bool:
    """Tell whether the request comes with a session's cookie."""
    return _name(request) in request.cookies


async def session_of(request: web.Request) -> Session:
    """Return the session of a request; raise `NotAuthenticated` where it has none that lasts."""
    secret = request.cookies.get(_name(request), "")
    if not secret or len(secret) > LONGEST:
        raise NotAuthenticated("sign_in_needed", "nobody is signed in here", "Sign in.")
    used = BY_ITSELF not in request.headers and request.path != FOLLOWED
    return await request.app[SERVICES].entrance.sessions.find(secret, used=used)


async def leave(request: web.Request) -> None:
    """End the session that the request comes with, if any: its browser gets another and knows it no more."""
    with contextlib.suppress(NotAuthenticated, NotFound):  # it is over, or somebody ends it just now
        session = await session_of(request)
        name = session.person.name
        await request.app[SERVICES].entrance.sessions.end(name, name, session.number)


def give(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    """Let the browser come back with the session; the server decides when it is over."""
    # Lax: a link in an alert opens the page. No form of another site's page carries it.
    response.set_cookie(
        _name(request), secret, httponly=True, samesite="Lax", secure=request.secure, path="/"
    )


def take_away(request: web.Request, response: web.StreamResponse) -> None:
    """Let the browser forget the session."""
    response.del_cookie(_name(request), path="/", secure=request.secure, httponly=True, samesite="Lax")
