"""What somebody sent after their session had ended: nothing is done, and what they typed for long is given back."""

from typing import Final

from aiohttp import web

from gateway.errors import GatewayError, NotPermitted, TooLarge
from gateway.operations.sessions import Session
from gateway.web.console.form import Form, read_form
from gateway.web.console.page import PAGES, Page
from gateway.web.console.render import show
from gateway.web.console.same_site import check_origin

KEPT_BYTES: Final = 1024 * 1024
"""Size of a form that is read though nobody is signed in."""
SIGN_OUT: Final = "/logout"


async def given_back(request: web.Request, page: Page, form: Form | None = None) -> web.Response | None:
    """Return a page that says that nothing was done, for a form whose session has ended; None for anything else.

    *form* is what was read already. Only what a page of ours sent: no other site can have its own text shown here.
    """
    if request.method == "GET" or page.path == SIGN_OUT or not _is_from_here(request):
        return None
    try:
        if form is None:
            form = await read_form(request, KEPT_BYTES)
        return _shown(request, None, page, form)
    except TooLarge:
        return _shown(request, None, page, Form(), is_cut=True)
    except GatewayError:
        return None


def of_earlier_session(request: web.Request, session: Session, page: Page, form: Form) -> web.Response | None:
    """Return the same for a form of an earlier session, where its sender has signed in anew in another tab."""
    return _shown(request, session, page, form) if _is_from_here(request) else None


def _shown(
    request: web.Request, session: Session | None, page: Page, form: Form, *, is_cut: bool = False
) -> web.Response:
    return show(
        request,
        session,
        "session_over.html",
        403 if session else 401,
        title="You have signed in anew" if session else "Your session has ended",
        text=form.raw(page.kept_field) if page.kept_field else "",
        had_file=any(upload.name for upload in form.uploads.values()),
        is_cut=is_cut,
        again=_page_of_form(request, page),
    )


def _page_of_form(request: web.Request, page: Page) -> str:
    """Return the path of the page that the form stands on, or of the one above it."""
    shown = {each.path for each in request.app[PAGES] if each.method == "GET"}
    pattern, path = page.path, request.rel_url.raw_path
    while pattern and pattern not in shown:
        pattern, path = pattern.rpartition("/")[0], path.rpartition("/")[0]
    return path or "/"


def _is_from_here(request: web.Request) -> bool:
    try:
        check_origin(request)
    except NotPermitted:
        return False
    return "Origin" in request.headers
