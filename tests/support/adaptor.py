"""An adaptor of the DCC that keeps what it gets, in a thread with a loop of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import msgspec
from aiohttp import web

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Got(msgspec.Struct, frozen=True):
    """A request as the adaptor got it."""

    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class TestAdaptor:
    """Answers each POST by `answering`; what came whole is in `got`, what broke off is counted in `broken`."""

    __test__ = False

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.begun = 0
        self.broken = 0
        self.url = ""
        self.answering: Answering = plain_answer
        self.early = False
        """Whether it answers before it has read the body."""
        self.bare = False
        """Whether its answers name neither a server nor a content type."""

    async def prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Take away what the library adds."""
        del request
        for name in ("Server", "Content-Type") if self.bare else ():
            response.headers.pop(name, None)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.begun += 1
        if self.early:
            return await self.answering(request)
        try:
            body = await request.read()
        except Exception:
            self.broken += 1
            raise
        headers = [(key.decode(), value.decode()) for key, value in request.raw_headers]
        self.got.append(Got(request.raw_path, headers, body))
        return await self.answering(request)


async def plain_answer(request: web.Request) -> web.StreamResponse:
    """Acknowledge."""
    del request
    return web.Response(body=b"<sr:Response/>", content_type="application/xml")


@contextmanager
def running_adaptor(port: int = 0) -> Iterator[TestAdaptor]:
    """Run an adaptor on a free port, or on *port*."""
    adaptor = TestAdaptor()
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.on_response_prepare.append(adaptor.prepare)
        app.router.add_route("*", "/{path:.*}", adaptor.handle)
        runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        adaptor.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield adaptor
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
