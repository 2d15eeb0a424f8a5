"""Sends single requests at a steady rate, from a process of its own: `python -m tests.bench.load URL TOKEN RATE`.

Each is another request of the service 7.4. It ends with its standard input, and says how many were accepted.
"""

import asyncio
import sys
import time
from typing import Final

import aiohttp

from tests.support.duis_messages import USER_ID, service_request

CONNECTIONS: Final = 16
BURST: Final = 20
"""Requests that may be caught up at once after a pause; beyond, the rate was not held and the end says so."""


class Ended(Exception):
    """The load is over."""


async def send(url: str, access_token: str, rate: float, stop: asyncio.Event) -> int:
    """Send until *stop*; return how many were accepted. Any other answer is an error."""
    first = time.time_ns() // 1000
    headers = {"Authorization": f"Bearer {access_token}", "Content-Type": "application/xml"}
    due: asyncio.Queue[int] = asyncio.Queue(BURST)
    accepted = 0

    async def worker(session: aiohttp.ClientSession) -> None:
        nonlocal accepted
        while True:
            number = first + await due.get()
            body = service_request(f"{USER_ID}:00-DB-12-34-56-78-90-A0:{number}", 1, "7.4", "7.4")
            async with session.post(f"{url}/api/v1/service-requests", data=body, headers=headers) as answer:
                answer.raise_for_status()
                accepted += 1

    async def clock() -> None:
        began, number = time.perf_counter(), 0
        while True:
            while number < (time.perf_counter() - began) * rate:
                await due.put(number)
                number += 1
            await asyncio.sleep(0.001)

    async def end() -> None:
        await stop.wait()
        raise Ended

    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            asyncio.TaskGroup() as group,
        ):
            for work in (clock(), end(), *(worker(session) for _ in range(CONNECTIONS))):
                group.create_task(work)
    except* Ended:
        pass
    return accepted


async def _main(url: str, access_token: str, rate: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    began = time.perf_counter()
    accepted = await send(url, access_token, rate, stop)
    print(accepted / (time.perf_counter() - began))  # noqa: T201 - its answer


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
