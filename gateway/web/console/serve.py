"""Serves the pages of the table: who asks is known, may do it, and sent the form from a page of ours."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from aiohttp import web

from gateway.errors import NotAuthenticated, NotPermitted
from gateway.web.console.cookie import session_of
from gateway.web.console.flash import forget, told
from gateway.web.console.form import Form, read_form
from gateway.web.console.page import PAGE, Page
from gateway.web.console.same_site import TOKEN_FIELD, check_origin, check_token
from gateway.web.console.session_over import given_back, of_earlier_session
from gateway.web.console.visit import Visit

CHANGE_PATH: Final = "/account/password"
"""Where people are led who have a password that they have not chosen."""
WITHOUT_OWN_PASSWORD: Final = frozenset({CHANGE_PATH, "/logout"})
SIGN_IN: Final = "/login"

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


def served(page: Page) -> Serve:
    """Return what answers requests for *page*."""

    async def serve(request: web.Request) -> web.StreamResponse:
        request[PAGE] = page
        try:
            session = await session_of(request)
        except NotAuthenticated:
            return await given_back(request, page) or _to_sign_in(request)
        if session.must_change_password and page.path not in WITHOUT_OWN_PASSWORD:
            return web.Response(status=303, headers={"Location": CHANGE_PATH})
        session.person.require(page.action)
        form = Form()
        if page.method != "GET":
            check_origin(request)
            form = await read_form(request, page.form_bytes)
            try:
                check_token(form.raw(TOKEN_FIELD), session)
            except NotPermitted:
                if kept := of_earlier_session(request, session, page, form):
                    return kept
                raise
            try:
                session = await session_of(request)  # a form may arrive as slowly as its sender likes
            except NotAuthenticated:
                return await given_back(request, page, form) or _to_sign_in(request)
            session.person.require(page.action)
        response = await page.handler(Visit(request, page, session, form))
        if told(request, session) and not response.prepared and response.content_type == "text/html":
            forget(response)
        return response

    return serve


def _to_sign_in(request: web.Request) -> web.Response:
    following = (
        "" if request.method != "GET" or request.path == "/" else f"?next={quote(request.path_qs, safe='')}"
    )
    return web.Response(status=303, headers={"Location": SIGN_IN + following})


def local_path(text: str) -> str:
    """Return *text* where it is a path on this server, else `/`: nobody is led to another site from here."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if plain and text.isascii() and text.isprintable() and "\\" not in text else "/"
