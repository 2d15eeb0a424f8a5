"""Listens for HTTP, leaves the address in a file, and lets requests under way finish at the end."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from gateway.section import ADDRESS_FILE, Http, http_address
from gateway.web.app import make_app
from gateway.web.services import Services
from gateway.web.tls import ServerCertificate

log = structlog.get_logger(__name__)

STOP_SECONDS: Final = 10.0
"""How long requests under way may take when the daemon stops."""


@asynccontextmanager
async def listening(
    services: Services, http: Http, folder: Path, tls: ServerCertificate | None
) -> AsyncIterator[str]:
    """Listen, yield the address, which also stands in a file of *folder*."""
    # Bodies stay as they were sent: one that is passed on goes on byte for byte.
    runner = web.AppRunner(
        make_app(services), access_log=None, shutdown_timeout=STOP_SECONDS, auto_decompress=False
    )
    await runner.setup()
    file = folder / ADDRESS_FILE
    try:
        context = tls.context if tls else None
        await web.TCPSite(runner, http.host, http.port, ssl_context=context).start()
        host, port = runner.addresses[0][:2]
        address = http_address(host, port, tls=tls is not None)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(address + "\n", encoding="ascii")
        unfinished.replace(file)
        log.info("listening", address=address, pid=os.getpid())
        yield address
    finally:
        file.unlink(missing_ok=True)
        await runner.cleanup()
