"""Another side for every kind of channel, in a thread of its own: down and back, and what came when.

An alert is known by its `id`, which every channel carries.
"""

import asyncio
import re
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from tests.support.http_receiver import secret_in, server_tls
from tests.support.mail_server import MailServer
from tests.support.tls import Authority

HOST: Final = "127.0.0.1"
ALERT_ID: Final = re.compile(rb"test/(?:incident/\d+/(?:opened|closed|updated/\d+)|test/[a-z-]+/\d+)")
ANSWERS: Final = {"splunk": b'{"text":"Success","code":0}'}


class AllChannels:
    """Receivers of syslog over TCP, webhooks, Splunk's collector, Alertmanager and mail, on ports that stay."""

    NAMES: Final = ("syslog", "webhook", "splunk", "alertmanager", "mail")

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(folder)
        self._mail_tls = server_tls(self.authority, "mail")
        self._secret = secret_in(folder, "webhook-secret", "whsec_" + "QUFB" * 12)
        self._token = secret_in(folder, "splunk-token", "12345678-1234-1234-1234-123456789012")
        self.arrived: dict[str, list[tuple[str, float]]] = {name: [] for name in self.NAMES}
        self.hangs: set[str] = set()
        """Channels whose receiver takes what comes and never answers."""
        self._stops: list[Any] = []
        self._syslog_stream = b""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.ports: dict[str, int] = {"http": 0, "syslog": 0, "mail": 0}

    def __enter__(self) -> Self:
        self._thread.start()
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def up(self) -> None:
        """Listen, on the ports of before."""
        self._run(self._start())

    def down(self) -> None:
        """Listen no more, and close every connection."""
        self._run(self._stop())

    def ids(self, channel: str) -> list[str]:
        """Return the alerts that came, with repeats."""
        return [identity for identity, _ in list(self.arrived[channel])]

    def section(self) -> dict[str, Any]:
        """Return the daemon's settings for these."""
        http = f"http://{HOST}:{self.ports['http']}"
        syslog = {"name": "syslog", "transport": "tcp", "host": HOST, "port": self.ports["syslog"]}
        mail = {
            "name": "mail",
            "host": HOST,
            "port": self.ports["mail"],
            "ca_file": self.authority.file,
            "sender": "adt-gateway@example.org",
            "recipients": ["soc@example.org"],
        }
        return {
            "file": "var/alerts.jsonl",
            "syslog": [syslog],
            "webhook": [{"name": "webhook", "url": f"{http}/webhook", "secret_file": self._secret}],
            "splunk": [{"name": "splunk", "url": f"{http}/splunk", "token_file": self._token}],
            "alertmanager": [{"name": "alertmanager", "url": f"{http}/alertmanager"}],
            "mail": [mail],
        }

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        await self._start_http()
        server = await asyncio.start_server(self._take_syslog, HOST, self.ports["syslog"])
        self.ports["syslog"] = server.sockets[0].getsockname()[1]
        self._stops.append(_closing(server))
        mail = _Mail(self._note)
        running = mail.running(self._mail_tls, port=self.ports["mail"])
        await running.__aenter__()
        self.ports["mail"] = mail.port
        self._stops.append(lambda: running.__aexit__(None, None, None))

    async def _stop(self) -> None:
        for stop in self._stops:
            await stop()
        self._stops.clear()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _start_http(self) -> None:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_post("/{path:.*}", self._take_http)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, HOST, self.ports["http"], reuse_address=True).start()
        self.ports["http"] = runner.addresses[0][1]
        self._stops.append(runner.cleanup)

    async def _take_http(self, request: web.Request) -> web.Response:
        channel = request.path.split("/")[1]
        self._note(channel, await request.read())
        if channel in self.hangs:
            await asyncio.Event().wait()
        return web.Response(body=ANSWERS.get(channel, b""), content_type="application/json")

    async def _take_syslog(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (length := await reader.readuntil(b" ")).strip().isdigit():
                self._note("syslog", await reader.readexactly(int(length)))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.transport.abort()

    def _note(self, channel: str, body: bytes) -> None:
        now = time.perf_counter()
        found = dict.fromkeys(ALERT_ID.findall(body.replace(b"=\r\n", b"")))
        self.arrived[channel].extend((identity.decode(), now) for identity in found)


class _Mail(MailServer):
    """Notes what comes when the server has said that it has it."""

    def __init__(self, note: Any) -> None:
        super().__init__()
        self._note = note

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's
        answer = await super().handle_DATA(server, session, envelope)
        self._note("mail", self.raw[-1])
        return answer


def _closing(server: asyncio.Server) -> Any:
    async def close() -> None:
        server.close()

    return close
