"""What the words mean, what to do about each kind of incident, and how windows and episodes work."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.alerts.kinds import KIND_TEXTS
from gateway.web.console import words
from gateway.web.console.page import Page
from gateway.web.console.visit import Visit


async def explain(visit: Visit) -> web.StreamResponse:
    """Show what everything means."""
    return visit.show("help.html", words=words, kinds=KIND_TEXTS)


PAGES: Final = (Page("GET", "/help", explain, Action.USE_CONSOLE, "Help", navigation=True),)
