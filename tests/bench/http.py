"""Durable requests a second over HTTP, beside a server that only reads the body; lines beside their decoding.

The load comes from wrk (Debian), which shares the machine's cores with the daemon, as with its peer.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from tests.bench.figure import Figure
from tests.support.daemon import Daemon
from tests.support.duis_messages import USER_ID, service_request

CONNECTIONS: Final = 32
SECONDS: Final = 5
ROUNDS: Final = 3
"""The best of each counts, taken in turn, so that what else the machine does hits both."""
BATCH: Final = 1000
WRONG: Final = {"duplicates_total", "rejected_total"}
"""Metrics that stay at zero, or what was measured is not what the figure says."""

_SCRIPT: Final = """
local number = 0
function init()
  local file = io.open("%(body)s"); body = file:read("*a"); file:close()
  first = os.time() * 1000000 + %(round)d * 100000000000
end
function request()
  number = number + 1
  local text = body:gsub(":0<", ":" .. string.format("%%d", first + number) .. "<", 1)
  return wrk.format("POST", "%(path)s", %(headers)s, text)
end
"""

_LINES: Final = """
local number = 0
function init() first = os.time() * 1000000 + %(round)d * 100000000000 end
function request()
  local lines = {}
  for line = 1, %(batch)d do
    number = number + 1
    lines[line] = '{"request_id":"%(user)s:00-DB-12-34-56-78-90-A0:' .. string.format("%%d", first + number)
      .. '","command_variant":1,"service_reference_variant":"7.4","observed_at":null}'
  end
  return wrk.format("POST", "%(path)s", %(headers)s, table.concat(lines, "\\n"))
end
"""

_PEER: Final = """
import asyncio, sys, uvloop
from aiohttp import web

async def read(request):
    await request.read()
    return web.Response(text="read")

async def main():
    app = web.Application(client_max_size=2**25)
    app.router.add_post("/", read)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()

uvloop.run(main())
"""


class Line(msgspec.Struct):
    """A header line, decoded and no more."""

    request_id: str
    command_variant: int
    service_reference_variant: str
    observed_at: str | None


def run() -> list[Figure]:
    """Return requests and lines per second, each answered after the commit."""
    if shutil.which("wrk") is None:
        sys.stderr.write("wrk is not installed: no figures over HTTP\n")
        return []
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder), token=False) as daemon:
        peer = subprocess.Popen([sys.executable, "-c", _PEER], stdout=subprocess.PIPE, text=True)
        try:
            port = int((peer.stdout or sys.stdin).readline())
            return [_requests(daemon, port, Path(folder)), _lines(daemon, Path(folder))]
        finally:
            peer.kill()
            peer.wait()


def _requests(daemon: Daemon, peer_port: int, folder: Path) -> Figure:
    body = folder / "body.xml"
    body.write_bytes(service_request(f"{USER_ID}:00-DB-12-34-56-78-90-A0:0", 1, "7.4", "7.4"))
    ours = peer = 0.0
    for number in range(ROUNDS):
        values = {"body": body, "round": number}
        ours = max(ours, _load(daemon, folder, _SCRIPT % (values | _target(daemon, "application/xml"))))
        script = _SCRIPT % (values | {"path": "/", "headers": "{}"})
        peer = max(peer, _wrk(f"http://127.0.0.1:{peer_port}", folder, script))
    return Figure(
        what="HTTP, one request, answered after its commit",
        against="aiohttp handler that only reads the body",
        ours=ours,
        peer=peer,
        unit="per second",
        aim=0.5,
        at_least=True,
        note=f"wrk, {CONNECTIONS} connections, best of {ROUNDS}",
    )


def _lines(daemon: Daemon, folder: Path) -> Figure:
    script = _LINES % (
        {"round": 9, "batch": BATCH, "user": USER_ID} | _target(daemon, "application/x-ndjson")
    )
    ours = _load(daemon, folder, script, connections=4) * BATCH
    line = msgspec.json.encode(Line(f"{USER_ID}:00-DB-12-34-56-78-90-A0:1790000000000000", 1, "7.4", None))
    decode = msgspec.json.Decoder(Line).decode
    began = time.perf_counter()
    for _ in range(200_000):
        decode(line)
    return Figure(
        what=f"NDJSON header lines, {BATCH:,} a batch, answered after their commit",
        against="msgspec decoding of the same lines",
        ours=ours,
        peer=200_000 / (time.perf_counter() - began),
        unit="per second",
        aim=0.2,
        at_least=True,
        note="wrk, 4 connections",
    )


def _target(daemon: Daemon, content_type: str) -> dict[str, str]:
    token = daemon.as_("adaptor").access_token
    headers = f'{{["Content-Type"] = "{content_type}", ["Authorization"] = "Bearer {token}"}}'
    return {"path": "/api/v1/service-requests", "headers": headers}


def _load(daemon: Daemon, folder: Path, script: str, connections: int = CONNECTIONS) -> float:
    """Return requests per second; every one of them was accepted, or the figure would lie."""
    rate = _wrk(daemon.url, folder, script, connections)
    wrong = {name: value for (name, _), value in daemon.metrics().items() if name in WRONG and value}
    if wrong:
        message = f"the load is not what it should be: {wrong}"
        raise RuntimeError(message)
    return rate


def _wrk(url: str, folder: Path, script: str, connections: int = CONNECTIONS) -> float:
    file = folder / "load.lua"
    file.write_text(script)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}", "-s", str(file), url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    found = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    return float(found[1]) if found else 0.0
