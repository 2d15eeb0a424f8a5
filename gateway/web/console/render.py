"""Makes pages of templates: what every page shows comes from here."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

import aiohttp_jinja2
import jinja2
from aiohttp import web

from gateway.alerts.kinds import SOURCE_NAMES, kind_text
from gateway.operations.sessions import Session
from gateway.web.console.cards import labelled
from gateway.web.console.flash import told
from gateway.web.console.page import PAGES, Page
from gateway.web.console.static_files import StaticFiles
from gateway.web.services import SERVICES

STATIC: Final = web.AppKey("static", StaticFiles)

PARTS: Final = MappingProxyType(
    {"drop-folder": "drop folder", "adt-drop-folder": "drop folder for ADT files"}
)
"""What people call parts of `/readyz` whose names are not theirs."""

HEADERS: Final = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        # Not no-referrer: browsers would send forms with `Origin: null` then, and the origin is looked at.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
)
"""Every page loads from here alone, runs no script inside it, stands in no frame, and is kept nowhere."""


def prepare(app: web.Application, pages: tuple[Page, ...]) -> None:
    """Make *app* able to show *pages*."""
    app[PAGES] = pages
    app[STATIC] = StaticFiles()
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.PackageLoader("gateway.web.console"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        filters=_FILTERS,
    )
    environment.globals["static"] = app[STATIC].path
    environment.globals["version"] = version("adt-gateway")


def show(
    request: web.Request, session: Session | None, template: str, status: int = 200, **context: Any
) -> web.Response:
    """Return the page made of *template*, for who is signed in or for nobody."""
    services = request.app[SERVICES]
    usual = {
        "session": session,
        "form_token": session.form_token if session else "",
        "navigation": _navigation(request, session),
        "crumbs": (),
        "faults": (),
        "done": told(request, session) if session else "",
        "instance": services.instance,
        "profile": services.rules.current.profile,
        "made_at": services.clock(),
    }
    text = aiohttp_jinja2.render_string(template, request, usual | context)
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def _navigation(request: web.Request, session: Session | None) -> list[tuple[str, str, bool]]:
    """Return what the person may see: title, path and whether they are there."""
    if session is None or session.must_change_password:
        return []
    here = request.path
    return [
        (page.title, page.path, here == page.path or here.startswith(f"{page.path}/"))
        for page in request.app[PAGES]
        if page.navigation and session.person.may(page.action)
    ]


def crumbs(pages: Iterable[Page], page: Page) -> list[tuple[str, str]]:
    """Return title and path of the pages above *page*, the highest first."""
    by_path = {each.path: each for each in pages if each.method == "GET"}
    found: list[tuple[str, str]] = []
    while page.path != page.parent and page.parent in by_path:
        page = by_path[page.parent]
        found.append((page.title, page.path))
    return found[::-1]


def machine_time(seconds: float) -> str:
    """Return seconds since the epoch for machines: `2026-12-01T00:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain_time(seconds: float) -> str:
    """Return seconds since the epoch for people: `1 Dec 2026 00:00:00 UTC`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment.strftime('%b %Y %H:%M:%S')} UTC"


def plain_instant(text: str) -> str:
    """Return an instant that stands as RFC 3339 text for people; what is none stays as it is."""
    try:
        return plain_time(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        return text


def grouped(number: int) -> str:
    """Return a count with its thousands apart: `1,234,567`."""
    return f"{number:,}"


def kind_name(kind: str) -> str:
    """Return what people call a kind of incident."""
    return kind_text(kind).name


def source_name(source: str) -> str:
    """Return what people call a source of communications."""
    return SOURCE_NAMES.get(source, source)


def part_name(part: str) -> str:
    """Return what people call a part of the gateway."""
    return PARTS.get(part, part)


_FILTERS: Final[dict[str, Callable[..., str]]] = {
    "labelled": labelled,
    "machine_time": machine_time,
    "plain_time": plain_time,
    "plain_instant": plain_instant,
    "grouped": grouped,
    "kind_name": kind_name,
    "source_name": source_name,
    "part_name": part_name,
}
"""What templates show values with."""
