"""The first page: what the person may do, until there is an overview."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.web.console.page import Page
from gateway.web.console.visit import Visit


async def start(visit: Visit) -> web.StreamResponse:
    """Show what the person may do here."""
    return visit.show("start.html", actions=[action for action in Action if visit.person.may(action)])


PAGES: Final = (Page("GET", "/", start, Action.USE_CONSOLE, "Start", navigation=True),)
