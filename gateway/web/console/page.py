"""What a page is: a row of the table of pages."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web

from gateway.access import Action

if TYPE_CHECKING:
    from gateway.web.console.visit import Visit

FORM_BYTES: Final = 65_536
"""Size of a form at the most, unless its page says otherwise."""

FIRST: Final = "/overview"
"""Where everybody begins."""

Handler = Callable[["Visit"], Awaitable[web.StreamResponse]]


class Page(msgspec.Struct, frozen=True):
    """One page, or one form that is sent to it."""

    method: str
    """GET, which changes nothing, or POST, which carries the session's form token."""
    path: str
    handler: Handler
    action: Action
    """What the asker must be allowed."""
    title: str
    navigation: bool = False
    """Whether it stands in the navigation of those who may see it."""
    parent: str = FIRST
    """Path of the page above, for the breadcrumb."""
    form_bytes: int = FORM_BYTES
    kept_field: str = ""
    """Name of the field whose text is given back where the session is over when the form arrives."""


PAGE: Final = web.RequestKey("page", Page)
"""The page that a request is for, where it is for one."""
PAGES: Final[web.AppKey[tuple[Page, ...]]] = web.AppKey("pages", tuple[Page, ...])
