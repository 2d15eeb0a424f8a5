"""What somebody typed for long is given back where their session ended meanwhile."""

from typing import Final

from aiohttp import web

from gateway.errors import GatewayError, NotPermitted
from gateway.web.console.form import Form, read_form
from gateway.web.console.page import Page
from gateway.web.console.render import show
from gateway.web.console.same_site import check_origin

KEPT_BYTES: Final = 1024 * 1024
"""Size of a form that is read though nobody is signed in."""


async def given_back(request: web.Request, page: Page, form: Form | None = None) -> web.Response | None:
    """Return a page with the text of the form's field, or None where there is nothing to give back.

    *form* is what was read already. Only what a page of ours sent: no other site can have its own text shown here.
    """
    if request.method == "GET" or not page.kept_field:
        return None
    try:
        if not _is_from_here(request):
            return None
        form = form or await read_form(request, KEPT_BYTES)
    except GatewayError:
        return None
    text = form.raw(page.kept_field)
    if not text and not any(upload.name for upload in form.uploads.values()):
        return None
    context = {"title": "Your session has ended", "text": text, "again": page.path}
    return show(request, None, "session_over.html", 401, **context)


def _is_from_here(request: web.Request) -> bool:
    try:
        check_origin(request)
    except NotPermitted:
        return False
    return "Origin" in request.headers
