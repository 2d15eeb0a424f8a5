"""The web application."""

from types import MappingProxyType
from typing import Final

from aiohttp import web

from gateway.web.console.errors import error_pages
from gateway.web.console.table import add_console
from gateway.web.forward import ADAPTORS, keep_adaptors
from gateway.web.openapi import PATH, openapi
from gateway.web.problems import problems
from gateway.web.routes import ROUTES
from gateway.web.services import SERVICES, Services

LEAST: Final = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)
"""Of every answer; pages say more of themselves."""


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    """Answers are for the asker alone, what their content type says, and no pages; the adaptor's stay as they are."""
    if ADAPTORS in response:
        keep_adaptors(response)
        return
    for name, value in LEAST.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "adt-gateway"


async def _end_streams(app: web.Application) -> None:
    """Let those go who follow events: nobody else would end them."""
    app[SERVICES].live.close()


def make_app(services: Services) -> web.Application:
    """Return the application with every route and every page of their tables."""
    app = web.Application(middlewares=[error_pages, problems])
    app[SERVICES] = services
    app.on_response_prepare.append(_harden)
    app.on_shutdown.append(_end_streams)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.handler)
    app.router.add_get(PATH, openapi)
    add_console(app)
    return app
