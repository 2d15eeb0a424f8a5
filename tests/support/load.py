"""A sender that holds a rate: a process of its own, so that it and the daemon do not share an interpreter.

Usage: `python -m tests.support.load URL RATE SECONDS LAG`, with the access token on standard input. It sends requests one
by one over connections that stay open, User IDs and services in turn, each at its moment, and prints as JSON what
became of them.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Final

import aiohttp
import msgspec
import uvloop

from tests.support.duis_messages import service_request_text
from thresholds.catalogue import load_catalogue

CONNECTIONS: Final = 32
USERS: Final = tuple(f"90-B3-D5-1F-30-{number:02X}-00-00" for number in range(1, 11))
TARGET: Final = "00-DB-12-34-56-78-90-AB"
MARK: Final = "NUMBER"


class Sent(msgspec.Struct, frozen=True):
    """What became of the requests."""

    requests: int
    seconds: float
    answers: dict[str, int]
    """How many by status."""
    slowest: float
    """Seconds that one request took at the most."""


def bodies() -> list[list[str]]:
    """Return a request for each User ID and each variant of the catalogue, parted where its number goes."""
    services = sorted(load_catalogue(), key=lambda service: service.variant)
    return [
        service_request_text(f"{user}:{TARGET}:{MARK}", 1, service.service, service.variant).split(MARK)
        for service in services
        for user in USERS
    ]


async def send(url: str, token: str, rate: int, seconds: int, lag: float) -> Sent:
    """Send *rate* requests a second for so many *seconds*; give up when more than *lag* seconds behind that."""
    plan, answers, slowest = bodies(), Counter[str](), 0.0
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/xml"}
    began, total = time.perf_counter(), rate * seconds
    numbers = iter(range(total))

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal slowest
        for number in numbers:
            due = began + number / rate
            early = due - time.perf_counter()
            await asyncio.sleep(max(early, 0))
            if early < -lag:
                message = f"{-early:.1f} s behind the plan at request {number}"
                raise TimeoutError(message)
            sent = time.perf_counter()
            body = str(number).join(plan[number % len(plan)]).encode()
            async with session.post(url, data=body) as answer:
                await answer.read()
                answers[str(answer.status)] += 1
            slowest = max(slowest, time.perf_counter() - sent)

    async with (
        aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(CONNECTIONS):
            group.create_task(work(session))
    return Sent(total, time.perf_counter() - began, dict(answers), slowest)


if __name__ == "__main__":
    url, rate, seconds, lag = sys.argv[1:]
    access_token = sys.stdin.readline().strip()
    result = uvloop.run(send(url, access_token, int(rate), int(seconds), float(lag)))
    print(json.dumps(msgspec.to_builtins(result)))  # noqa: T201 - read by the test
