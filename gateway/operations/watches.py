"""What keeps an eye on the parts that report nothing by themselves."""

import asyncio

import structlog

from gateway.clock import SteadyClock
from gateway.health import Health
from gateway.ingest.intake import Intake
from gateway.mqtt import Broker

log = structlog.get_logger(__name__)


async def watch_clock(clock: SteadyClock, health: Health) -> None:
    """Say when the system's clock jumps; the count goes on by its own."""
    jumped = False
    while True:
        jump = clock.jump
        detail = f"the system's clock was set by {jump:.0f} s; restart when it is right" if jump else ""
        health.report("clock", works=not jump, detail=detail, needed=False)
        if jump and not jumped:
            log.error("clock_jumped", seconds=round(jump))
        jumped = bool(jump)
        await asyncio.sleep(1.0)


async def watch_broker(broker: Broker, health: Health) -> None:
    """Say whether the broker is connected."""
    while True:
        health.report("broker", works=broker.connected, detail=broker.trouble)
        await asyncio.sleep(0.5)


async def watch_journal(intake: Intake, health: Health) -> None:
    """Say whether the journal takes what comes: a store that can be read may still refuse to be written."""
    while True:
        health.report("journal", works=not intake.trouble, detail=intake.trouble)
        await asyncio.sleep(0.5)
