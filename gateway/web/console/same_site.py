"""Whether what changes something was sent from a page of ours: its origin, and the token of its session."""

import hmac
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.errors import NotPermitted
from gateway.operations.sessions import Session

TOKEN_FIELD: Final = "form_token"  # noqa: S105 - the name of a field
TOKEN_HEADER: Final = "X-CSRF-Token"  # noqa: S105 - the name of a header


def check_origin(request: web.Request) -> None:
    """Raise `NotPermitted` where a browser says that another site's page sent this."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    # The host alone: a proxy in front may speak TLS where we do not.
    if site not in {"same-origin", "none"} or (
        origin is not None and urlsplit(origin).netloc != request.host
    ):
        msg = "this was sent from another site's page"
        raise NotPermitted("other_site", msg, "Open the page here and send it again.")


def check_token(sent: str, session: Session) -> None:
    """Raise `NotPermitted` unless *sent* is the form token of the session."""
    if not hmac.compare_digest(sent.encode(errors="replace"), session.form_token.encode()):
        msg = "this form was not made for the session that sends it"
        raise NotPermitted("form_token_wrong", msg, "Open the page again and send it anew.")
