"""Errors as pages, for those who asked for a page; the API answers with problems."""

from typing import Final

from aiohttp import web

from gateway.errors import GatewayError
from gateway.operations.sessions import Session
from gateway.web.console.cookie import session_of
from gateway.web.console.page import PAGE
from gateway.web.console.render import show
from gateway.web.problems import PROBLEM_OF, Handler, Problem

TITLES: Final = {
    400: "This cannot be read",
    403: "You may not do this",
    404: "There is nothing here",
    405: "This cannot be done here",
    409: "This cannot be done now",
    413: "This is too large",
    422: "Something is wrong with what was sent",
    429: "Please wait",
    500: "The gateway failed",
    503: "A part of the gateway is busy or down",
}
MACHINES: Final = ("/api/", "/duis/", "/healthz", "/readyz", "/metrics", "/static/")
"""What is answered with problems whoever asks."""


@web.middleware
async def error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make a page of a problem where a page was asked for."""
    response = await handler(request)
    if PROBLEM_OF not in response or not _page_wanted(request):
        return response
    page = show(
        request,
        await _session(request),
        "error.html",
        response.status,
        title=TITLES.get(response.status, "This did not work"),
        problem=_in_words(response[PROBLEM_OF]),
    )
    if "Retry-After" in response.headers:
        page.headers["Retry-After"] = response.headers["Retry-After"]
    return page


def _in_words(problem: Problem) -> Problem:
    """Return *problem* as people are told it; the library's own words are for machines."""
    words = {"not_found": "there is no page at this address", "method_not_allowed": ""}
    if problem.code in words:
        return Problem(problem.code, words[problem.code], problem.remedy)
    return problem


def _page_wanted(request: web.Request) -> bool:
    if PAGE in request or request.path == "/login":
        return True
    return not request.path.startswith(MACHINES) and "text/html" in request.headers.get("Accept", "")


async def _session(request: web.Request) -> Session | None:
    try:
        return await session_of(request)
    except GatewayError:
        return None
