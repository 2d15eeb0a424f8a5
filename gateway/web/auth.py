"""Who asks: a bearer token, looked up once for each request."""

from typing import Final

from aiohttp import web

from gateway.access import Person
from gateway.errors import NotAuthenticated
from gateway.web.adaptor import TOKEN_HEADER
from gateway.web.services import SERVICES

LONGEST_HEADER: Final = 200


async def asker(request: web.Request) -> Person:
    """Return who sends *request*; raise `NotAuthenticated` where nobody known does."""
    token = _bearer(request.headers.get("Authorization", ""))
    return await request.app[SERVICES].authenticator.person(token)


async def sender(request: web.Request) -> Person:
    """Return who sends a request to be passed on; Authorization may be the adaptor's, so ours has a header too.

    Whoever was known stays so while the store cannot be asked: its trouble holds no request back.
    """
    token = request.headers.get(TOKEN_HEADER)
    header = request.headers.get("Authorization", "") if token is None else f"Bearer {token}"
    authenticator = request.app[SERVICES].authenticator
    return await authenticator.person(_bearer(header), though_store_away=True)


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or len(header) > LONGEST_HEADER:
        msg = "an access token is needed: Authorization: Bearer TOKEN"
        raise NotAuthenticated("access_token_missing", msg, "Issue one: adt-gateway user issue-token NAME")
    return token.strip()
