"""The token that holds the file-signing key, to be looked at: nothing here signs."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.web.console.page import Page
from gateway.web.console.visit import Visit


async def token(visit: Visit) -> web.StreamResponse:
    """Show the token, its key and its certificate, as they are now or were some seconds ago."""
    return visit.show("token.html", token=await visit.services.looks.token.shown(visit.person))


PAGES: Final = (Page("GET", "/token", token, Action.READ_FILES, "Token", navigation=True),)
