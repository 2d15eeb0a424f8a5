"""Whether the daemon lives, whether it is ready, and its metrics."""

from aiohttp import web
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from gateway.errors import GatewayError
from gateway.metrics import ALERTS_WAITING, REGISTRY
from gateway.store.outbox import count_waiting
from gateway.web.answers import json_answer
from gateway.web.services import SERVICES


async def healthz(request: web.Request) -> web.Response:
    """Say that the daemon lives."""
    del request
    return json_answer({"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """Say whether every part that is needed works; 503 where one does not."""
    services = request.app[SERVICES]
    try:
        async with services.database.read():
            services.health.report("store", works=True)
    except GatewayError as error:
        services.health.report("store", works=False, detail=error.message)
    ready = services.health.ready
    body = {"ready": ready, "parts": services.health.parts}
    return json_answer(body, status=200 if ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """Return all metrics as OpenMetrics text."""
    services = request.app[SERVICES]
    try:
        async with services.database.read() as connection:
            waiting = await count_waiting(connection)
    except GatewayError:
        waiting = {}
    for channel in services.channels:
        ALERTS_WAITING.labels(channel).set(waiting.get(channel, 0))
    text = generate_latest(REGISTRY)  # type: ignore[no-untyped-call] # the library types its other format alone
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})
