"""Errors as RFC 9457 problem details, with the same codes as the command line."""

import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from gateway.errors import GatewayError, StoreRefused, TokenUnavailable, TooMany, Unavailable
from gateway.operations.files import RefusedFile
from gateway.web.answers import fault_list

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = "1"


class Problem(msgspec.Struct, frozen=True):
    """What went wrong, for a page that says so."""

    code: str
    message: str
    remedy: str


PROBLEM_OF: Final = web.ResponseKey("problem", Problem)
"""Marks an answer that is a problem."""


def problem(status: int, code: str, message: str, remedy: str = "", **more: Any) -> web.Response:
    """Return a problem; `code` is stable, `detail` says what happened, `remedy` what to do."""
    body = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "code": code}
    body |= {"detail": message, "remedy": remedy, **more}
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if status == web.HTTPServiceUnavailable.status_code else {}
    if status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    response = web.Response(
        status=status, body=msgspec.json.encode(body), content_type=PROBLEM, headers=headers
    )
    response[PROBLEM_OF] = Problem(code, message, remedy)
    return response


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as a problem; what nobody foresaw is logged and shows nothing of itself."""
    try:
        return await handler(request)
    except RefusedFile as error:
        faults = fault_list(error.check)
        return problem(error.status, error.code, error.message, error.remedy, **faults)
    except GatewayError as error:
        return _foreseen(request, error)
    except web.HTTPException as error:
        if error.status < web.HTTPBadRequest.status_code:
            raise
        code = (error.reason or "error").lower().replace(" ", "_")
        return problem(error.status, code, error.text or error.reason or "")
    except ConnectionResetError:
        raise  # whoever asked is gone
    except Exception:
        log.exception("request_failed", path=request.path)
        return problem(500, "internal_error", "the gateway failed; the log says why", "Tell the operator.")


def _foreseen(request: web.Request, error: GatewayError) -> web.Response:
    if isinstance(error, TokenUnavailable):
        return problem(error.status, error.code, error.message, error.remedy, part="token")
    if isinstance(error, Unavailable):
        log.warning("request_not_served", path=request.path, code=error.code, error=error.message)
    if isinstance(error, StoreRefused):
        log.error("request_refused_by_store", path=request.path, error=error.message)
    response = problem(error.status, error.code, error.message, error.remedy)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(max(1, math.ceil(error.seconds)))
    return response
