"""The settings that hold, to be read: they are changed in their file."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.web.console.page import Page
from gateway.web.console.visit import Visit


async def settings(visit: Visit) -> web.StreamResponse:
    """Show every setting, where it came from, and what a reload can change."""
    return visit.show("settings.html", sections=visit.services.looks.settings.shown(visit.person))


PAGES: Final = (Page("GET", "/settings", settings, Action.READ_SETTINGS, "Settings", navigation=True),)
