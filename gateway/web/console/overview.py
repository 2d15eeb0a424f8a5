"""The first page: what is wrong, what is in force, what waits for whoever looks."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.alerts.kinds import kind_text
from gateway.web.console.page import FIRST, Page
from gateway.web.console.visit import Visit

USERS: Final = 30
"""User IDs that are shown; the rest are counted."""


async def start(visit: Visit) -> web.StreamResponse:
    """Lead to the overview."""
    return visit.go(FIRST)


async def overview(visit: Visit) -> web.StreamResponse:
    """Show everything at a glance."""
    glance = await visit.services.looks.overview.look(visit.person)
    return visit.show(
        "overview.html",
        glance=glance,
        kind_text=kind_text,
        may_read_files=visit.person.may(Action.READ_FILES),
        shown_users=glance.thresholds[:USERS],
        more_users=len(glance.thresholds) - USERS,
    )


PAGES: Final = (
    Page("GET", "/", start, Action.USE_CONSOLE, "Start"),
    Page("GET", FIRST, overview, Action.READ_MONITORING, "Overview", navigation=True),
)
