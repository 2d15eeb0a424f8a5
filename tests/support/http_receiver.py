"""Other sides of HTTP channels: one that keeps what it was sent, and hostile ones."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from tests.support.tls import Authority

Misbehave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Request(msgspec.Struct, frozen=True):
    """What was posted; names of headers are in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes


Answering = Callable[[Request], web.Response]


class Receiver:
    """Answers with what `answering` returns and keeps every request."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answering: Answering = lambda _: web.Response(status=204)
        self.url = ""

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        taken = Request(request.path_qs, headers, await request.read())
        self.requests.append(taken)
        return self.answering(taken)

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Receiver"]:
        """Listen on a free port of loopback."""
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
            await site.start()
            port = runner.addresses[0][1]
            self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
            yield self
        finally:
            await runner.cleanup()


def server_tls(authority: Authority, name: str, *, asks_client: bool = False) -> ssl.SSLContext:
    """Return what a receiver listens with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(name))
    if asks_client:
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def raw_server(misbehave: Misbehave, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Run a server that does with each connection as it likes; yield its port."""
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await misbehave(reader, writer)
        handlers.discard(task)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(handlers):
            task.cancel()
        await asyncio.sleep(0)
        await server.wait_closed()


def secret_in(folder: Path, name: str, text: str) -> Path:
    """Write a file with a secret."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path
