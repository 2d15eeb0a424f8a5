"""Signing in through an OpenID Connect provider, and what it tells of sessions that are over."""

from typing import Final

from aiohttp import web

from gateway.errors import InvalidInput, NotAuthenticated, NotFound
from gateway.oidc.provider import ANSWER_PATH
from gateway.oidc.tokens import LONGEST_TOKEN
from gateway.operations.single_sign_on import UNDER_WAY_SECONDS, SingleSignOn
from gateway.web.console.cookie import give, leave
from gateway.web.console.form import read_form
from gateway.web.console.serve import local_path
from gateway.web.problems import problem
from gateway.web.services import SERVICES

BEGIN_PATH: Final = "/login/oidc"
ENDED_PATH: Final = "/login/oidc/ended"
PLAIN: Final = "adt-gateway-sign-in"
SECURE: Final = "__Host-adt-gateway-sign-in"
"""With TLS; browsers take this name only with Secure, for the whole host and no other: nobody else can set it."""
LONGEST_COOKIE: Final = 4096


def _single(request: web.Request) -> SingleSignOn:
    single = request.app[SERVICES].entrance.single_sign_on
    if single is None:
        msg = "there is no sign-in through a provider here"
        raise NotFound("not_found", msg, "Sign in with a name and a password.")
    return single


def _cookie(request: web.Request) -> str:
    return SECURE if request.secure else PLAIN


async def begin(request: web.Request) -> web.StreamResponse:
    """Lead the person to the provider."""
    place, cookie = await _single(request).begin(local_path(request.query.get("next", "/")))
    response = web.Response(status=303, headers={"Location": place})
    # Lax: the answer comes from another site, and brings it along.
    response.set_cookie(
        _cookie(request),
        cookie,
        max_age=UNDER_WAY_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=request.secure,
        path="/",
    )
    return response


async def answer(request: web.Request) -> web.StreamResponse:
    """Take the provider's answer, begin a session, and go on to where the person wanted."""
    cookie = request.cookies.get(_cookie(request), "")[:LONGEST_COOKIE]
    secret, following = await _single(request).finish(
        request.query, cookie, request.remote or "", request.headers.get("User-Agent", "")
    )
    response = web.Response(status=303, headers={"Location": local_path(following)})
    response.del_cookie(_cookie(request), path="/", secure=request.secure, httponly=True, samesite="Lax")
    await leave(request)
    give(request, response, secret)
    return response


async def ended(request: web.Request) -> web.StreamResponse:
    """End what the provider says is over (Back-Channel Logout 1.0); its token says who sends it.

    What is no good is answered with 400 (2.8), whatever else such an error is answered with here.
    """
    single = _single(request)
    try:
        await single.end(await _logout_token(request))
    except (InvalidInput, NotAuthenticated) as error:
        return problem(web.HTTPBadRequest.status_code, error.code, error.message, error.remedy)
    return web.Response(status=200)


async def _logout_token(request: web.Request) -> str:
    token = (await read_form(request, LONGEST_TOKEN)).raw("logout_token")
    if not token:
        msg = "the form has no logout_token"
        raise InvalidInput("form_malformed", msg, "Send it as Back-Channel Logout 1.0 says.")
    return token


OPEN: Final = (("GET", BEGIN_PATH, begin), ("GET", ANSWER_PATH, answer), ("POST", ENDED_PATH, ended))
