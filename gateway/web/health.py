"""Whether the daemon lives, whether it is ready, and its metrics."""

from aiohttp import web
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from gateway.alerts.facts import KINDS
from gateway.errors import GatewayError
from gateway.metrics import (
    ALERTS_DEAD,
    ALERTS_OLDEST,
    ALERTS_WAITING,
    DIGESTS,
    FILES,
    INCIDENTS_OPEN,
    JOURNAL_GROUPS,
    REGISTRY,
)
from gateway.store.adt_files import FileState, count_files
from gateway.store.digests import count_digests
from gateway.store.incidents import count_open
from gateway.store.journal import count_groups
from gateway.store.outbox import Backlog, backlogs
from gateway.web.answers import json_answer
from gateway.web.services import SERVICES, Services
from gateway.web.shapes import Alive, Ready


async def healthz(request: web.Request) -> web.Response:
    """Say that the daemon lives."""
    del request
    return json_answer(Alive())


async def readyz(request: web.Request) -> web.Response:
    """Say whether every part that is needed works; 503 where one does not."""
    services = request.app[SERVICES]
    await _look_at_store(services)
    ready = services.health.ready
    return json_answer(Ready(ready, services.health.parts), status=200 if ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """Return all metrics as OpenMetrics text; what only the store knows stays as it was while it is away."""
    await _look_at_store(request.app[SERVICES])
    text = generate_latest(REGISTRY)  # type: ignore[no-untyped-call] # the library types its other format alone
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _look_at_store(services: Services) -> None:
    """Read what the store alone knows into the metrics, and report whether it works."""
    try:
        async with services.database.read() as connection:
            waiting = await backlogs(connection)
            files = await count_files(connection, None)
            groups = await count_groups(connection)
            incidents = await count_open(connection)
            digests = await count_digests(connection)
    except GatewayError as error:
        services.health.report("store", works=False, detail=error.message)
        return
    services.health.report("store", works=True)
    JOURNAL_GROUPS.set(groups)
    DIGESTS.set(digests)
    for channel in {*services.channels, *waiting}:
        _show_backlog(channel, waiting.get(channel, Backlog()), services.clock())
    for kind in KINDS:
        INCIDENTS_OPEN.labels(kind).set(incidents.get(kind, 0))
    for state in FileState:
        FILES.labels(state).set(files.get(state, 0))


def _show_backlog(channel: str, backlog: Backlog, now: float) -> None:
    ALERTS_WAITING.labels(channel).set(backlog.waiting)
    ALERTS_OLDEST.labels(channel).set(0 if backlog.oldest is None else max(now - backlog.oldest, 0))
    ALERTS_DEAD.labels(channel).set(backlog.dead)
