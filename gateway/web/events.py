"""Server-sent events: what happens, as it happens (HTML standard, 9.2)."""

import asyncio
from typing import Final

import structlog
from aiohttp import web

from gateway.access import Action
from gateway.errors import GatewayError, InvalidInput, Unavailable
from gateway.live import CHOOSABLE, Kind, ResyncEvent, Viewer, encode
from gateway.web.auth import asker
from gateway.web.services import SERVICES

log = structlog.get_logger(__name__)

CONTENT_TYPE: Final = "text/event-stream"
RETRY: Final = b"retry: 3000\n\n"
"""Milliseconds after which a browser connects again."""
CHECK_SECONDS: Final = 15.0
"""How often it is asked whether the viewer may still see this."""
WRITE_SECONDS: Final = 20.0
"""How long a client may take to read one event."""


async def events(request: web.Request) -> web.StreamResponse:
    """Follow rates, incidents, files and thresholds as server-sent events; `?only=rates,incident`."""
    person = await asker(request)
    person.require(Action.READ_MONITORING)
    wanted = _wanted(request.query.get("only"))
    if not person.may(Action.READ_FILES):
        wanted -= {Kind.FILE}
    with request.app[SERVICES].live.watching(wanted, person.name) as viewer:
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE, "X-Accel-Buffering": "no"})
        await response.prepare(request)
        await _follow(request, response, viewer)
    return response


def _wanted(only: str | None) -> frozenset[Kind]:
    if only is None:
        return frozenset(CHOOSABLE)
    names = only.split(",")
    if not set(names) <= set(CHOOSABLE):
        msg = f"only must be some of {', '.join(CHOOSABLE)}, with commas between"
        raise InvalidInput("query_malformed", msg, "Correct the address.")
    return frozenset(map(Kind, names))


async def _follow(request: web.Request, response: web.StreamResponse, viewer: Viewer) -> None:
    """Write what comes until the viewer goes, may not see it any more, does not read or the daemon stops."""
    time = asyncio.get_running_loop().time
    checked = time()
    written = RETRY + _anew(request, viewer, "connected")
    while not viewer.ended:
        if written and not await _write(request, response, viewer, written):
            return
        if time() - checked >= CHECK_SECONDS:
            if not await _is_allowed(request):
                return
            checked = time()
        if viewer.ended:
            return
        written = await viewer.next()  # one by one: put together they would be a copy for each viewer
        if viewer.lost:
            viewer.lost = False
            written = _anew(request, viewer, "slow")


def _anew(request: web.Request, viewer: Viewer, reason: str) -> bytes:
    """Return the events that a viewer begins with, or begins again with."""
    rates = request.app[SERVICES].broadcast.complete() if Kind.RATES in viewer.wanted else b""
    viewer.take()  # every count is in there
    return encode(ResyncEvent(reason)) + rates


async def _write(request: web.Request, response: web.StreamResponse, viewer: Viewer, written: bytes) -> bool:
    """Tell whether it was taken; a client that does not read is hung up on."""
    transport = request.transport
    if transport is None:
        return False
    viewer.hang_up = transport.abort  # the end of the daemon does not wait for a client that reads nothing
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(written)
    except (TimeoutError, ConnectionError) as error:
        if isinstance(error, TimeoutError):
            log.info("viewer_does_not_read", seconds=WRITE_SECONDS)
        transport.abort()
        return False
    finally:
        viewer.hang_up = None
    return True


async def _is_allowed(request: web.Request) -> bool:
    """Tell whether the access token is still good; the store's trouble ends nobody's view."""
    try:
        (await asker(request)).require(Action.READ_MONITORING)
    except Unavailable:
        return True
    except GatewayError:
        return False
    return True
