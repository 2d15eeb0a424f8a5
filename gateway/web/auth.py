"""Who asks: a bearer token, the certificate of a machine, or a session of the console."""

from typing import Final

from aiohttp import web

from gateway.access import Person
from gateway.errors import NotAuthenticated, NotPermitted
from gateway.web.adaptor import TOKEN_HEADER, is_our_token
from gateway.web.console.cookie import has_cookie, session_of
from gateway.web.console.same_site import TOKEN_HEADER as FORM_TOKEN_HEADER
from gateway.web.console.same_site import check_origin, check_token
from gateway.web.services import SERVICES
from gateway.web.tls import client_certificate

LONGEST_HEADER: Final = 200
SAFE: Final = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""
ASKER: Final = web.RequestKey("asker", Person)
"""Who sent the head of a request."""


async def asker(request: web.Request) -> Person:
    """Return who sends *request*; raise `NotAuthenticated` where nobody known does."""
    request[ASKER] = person = await _known(request)
    return person


async def still_asks(request: web.Request) -> None:
    """Raise unless who sent the head of *request* has the same access now: its body may have taken hours."""
    before = request[ASKER]
    if await asker(request) != before:
        msg = f"the roles of {before.name} have changed since this request began"
        raise NotPermitted("role_missing", msg, "Send it again.")


async def _known(request: web.Request) -> Person:
    authenticator = request.app[SERVICES].entrance.authenticator
    header = request.headers.get("Authorization", "")
    if not header:
        if certificate := client_certificate(request):
            return await authenticator.machine(certificate.digest, certificate.ends_at)
        if has_cookie(request):
            return await _signed_in(request)
    return await authenticator.person(_bearer(header))


async def _signed_in(request: web.Request) -> Person:
    """Return whose session it is; what changes something carries the session's form token in a header."""
    session = await session_of(request)
    if request.method not in SAFE:
        check_origin(request)
        check_token(request.headers.get(FORM_TOKEN_HEADER, ""), session)
    if session.must_change_password:
        msg = f"{session.person.name} has a password that somebody else gave them"
        raise NotPermitted("password_change_needed", msg, "Choose your own password first.")
    return session.person


async def sender(request: web.Request) -> Person:
    """Return who sends a request to be passed on; Authorization may be the adaptor's, so ours has a header too.

    Whoever was known stays so while the store cannot be asked: its trouble holds no request back.
    """
    authenticator = request.app[SERVICES].entrance.authenticator
    token, header = request.headers.get(TOKEN_HEADER), request.headers.get("Authorization", "")
    certificate = client_certificate(request)
    if token is None and certificate and not is_our_token(header):
        return await authenticator.machine(certificate.digest, certificate.ends_at, though_store_away=True)
    header = header if token is None else f"Bearer {token}"
    return await authenticator.person(_bearer(header), though_store_away=True)


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or len(header) > LONGEST_HEADER:
        msg = "an access token is needed: Authorization: Bearer TOKEN"
        raise NotAuthenticated("access_token_missing", msg, "Issue one: adt-gateway user issue-token NAME")
    return token.strip()
