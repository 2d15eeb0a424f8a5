"""Errors as RFC 9457 problem details, with the same codes as the command line."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from aiohttp import web

from gateway.errors import GatewayError, StoreRefused, TokenUnavailable, Unavailable
from gateway.operations.files import RefusedFile
from gateway.web.answers import fault_list

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = "1"


def problem(status: int, code: str, message: str, remedy: str = "", **more: Any) -> web.Response:
    """Return a problem; `code` is stable, `detail` says what happened, `remedy` what to do."""
    body = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "code": code}
    body |= {"detail": message, "remedy": remedy, **more}
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if status == web.HTTPServiceUnavailable.status_code else {}
    if status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=PROBLEM, headers=headers)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as a problem; what nobody foresaw is logged and shows nothing of itself."""
    try:
        return await handler(request)
    except RefusedFile as error:
        faults = fault_list(error.check)
        return problem(error.status, error.code, error.message, error.remedy, **faults)
    except GatewayError as error:
        if isinstance(error, TokenUnavailable):
            return problem(error.status, error.code, error.message, error.remedy, part="token")
        if isinstance(error, Unavailable):
            log.warning("request_not_served", path=request.path, code=error.code, error=error.message)
        if isinstance(error, StoreRefused):
            log.error("request_refused_by_store", path=request.path, error=error.message)  # noqa: TRY400 - the error says it all
        return problem(error.status, error.code, error.message, error.remedy)
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
