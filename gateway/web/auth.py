"""Who asks: a bearer token, looked up once for each request."""

from typing import Final

from aiohttp import web

from gateway.access import Person
from gateway.errors import NotAuthenticated
from gateway.web.services import SERVICES

LONGEST_HEADER: Final = 200


async def asker(request: web.Request) -> Person:
    """Return who sends *request*; raise `NotAuthenticated` where nobody known does."""
    header = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or len(header) > LONGEST_HEADER:
        msg = "an access token is needed: Authorization: Bearer TOKEN"
        raise NotAuthenticated("access_token_missing", msg, "Issue one: adt-gateway user issue-token NAME")
    return await request.app[SERVICES].authenticator.person(token.strip())
