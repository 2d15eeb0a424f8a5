"""What the handler of a page gets."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.access import Person
from gateway.operations.sessions import Session
from gateway.web.console.flash import remember
from gateway.web.console.form import Form
from gateway.web.console.page import PAGES, Page
from gateway.web.console.render import crumbs, show
from gateway.web.services import SERVICES, Services


@dataclass(frozen=True)
class Visit:
    """Somebody who is signed in asks for a page that they may see; what they sent is theirs."""

    request: web.Request
    page: Page
    session: Session
    form: Form
    """What was sent; empty for GET."""

    @property
    def person(self) -> Person:
        """Who asks."""
        return self.session.person

    @property
    def services(self) -> Services:
        """The parts of the daemon."""
        return self.request.app[SERVICES]

    def show(self, template: str, status: int = 200, **context: Any) -> web.Response:
        """Return the page made of *template*; `title` and `crumbs` may be given, the table has them else."""
        pages = self.request.app[PAGES]
        own = {"title": self.page.title, "crumbs": crumbs(pages, self.page)}
        return show(self.request, self.session, template, status, **(own | context))

    def go(self, path: str, done: str = "") -> web.Response:
        """Return the way to another page, on which *done* is told once."""
        response = web.Response(status=303, headers={"Location": path})
        if done:
            remember(self.request, response, self.session, done)
        return response
