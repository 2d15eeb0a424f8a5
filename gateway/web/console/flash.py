"""A sentence that is told once, on the next page: in a cookie that only its own session can have written."""

import base64
import binascii
import hmac
from typing import Final

from aiohttp import web

from gateway.operations.sessions import Session

COOKIE: Final = "adt-gateway-done"
SECONDS: Final = 60
LONGEST: Final = 500
"""Characters of the sentence."""


def remember(request: web.Request, response: web.StreamResponse, session: Session, text: str) -> None:
    """Have the next page of *session* tell *text*."""
    data = text[:LONGEST].encode()
    value = f"{base64.urlsafe_b64encode(data).decode()}.{session.sign(b'flash' + data)}"
    response.set_cookie(
        COOKIE, value, max_age=SECONDS, httponly=True, samesite="Strict", secure=request.secure
    )


def told(request: web.Request, session: Session) -> str:
    """Return what is to be told; empty where nothing is, or where another wrote it."""
    text, _, code = request.cookies.get(COOKIE, "").partition(".")
    try:
        data = base64.urlsafe_b64decode(text.encode())
        genuine = hmac.compare_digest(code.encode(), session.sign(b"flash" + data).encode())
        return data.decode() if data and genuine else ""
    except (binascii.Error, UnicodeError):
        return ""


def forget(response: web.StreamResponse) -> None:
    """Tell it no more."""
    response.del_cookie(COOKIE)
