"""What the service manager is told (sd_notify(3)): ready, alive, reloading, stopping. Without one, nothing."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"


def notify(*lines: str) -> None:
    """Send *lines* such as `READY=1` as one datagram to the socket that `NOTIFY_SOCKET` names.

    `@` at its beginning stands for an abstract socket. A manager that cannot be told is named in the log.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    message = "\n".join(" ".join(line.splitlines()) for line in lines)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            sender.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError as error:
            log.warning("manager_not_told", socket=address, told=lines, error=str(error))


def status(text: str) -> str:
    """Return the line that `systemctl status` shows."""
    return f"STATUS={text}"


def reloading() -> tuple[str, str]:
    """Return the lines that announce a reload; `READY` ends it."""
    return "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"


def watchdog_seconds() -> float | None:
    """Return within how many seconds the manager wants a sign of life; None where it wants none of us."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000


async def keep_alive(moved: Callable[[], Awaitable[None]]) -> None:
    """Give a sign of life twice in the time that the manager allows, each once *moved* has returned.

    There is no sign of life where *moved* does not return: then the manager restarts the daemon.
    """
    seconds = watchdog_seconds()
    while seconds is not None:
        await moved()
        notify(ALIVE)
        await asyncio.sleep(seconds / 2)
