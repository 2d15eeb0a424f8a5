"""What keeps an eye on the parts that report nothing by themselves."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import ClockWrong
from gateway.clock import SteadyClock
from gateway.health import Health
from gateway.ingest.intake import Intake
from gateway.mqtt import Broker

log = structlog.get_logger(__name__)

CLOCK: Final = "system clock"
RECORDED: Final = "time on record"
"""The two subjects of a clock that is wrong."""


async def keep_looking(look: Callable[[], None], seconds: float) -> None:
    """Look every so many seconds, for ever."""
    while True:
        await asyncio.sleep(seconds)
        look()


async def watch_clock(clock: SteadyClock, health: Health, conditions: Conditions) -> None:
    """Say when the system's clock jumps; the count goes on by its own."""
    jumped = False
    while True:
        jump = clock.jump
        detail = f"the system's clock was set by {jump:.0f} s; restart when it is right" if jump else ""
        health.report("clock", works=not jump, detail=detail, needed=False)
        if jump and not jumped:
            log.error("clock_jumped", seconds=round(jump))
        if jump:
            conditions.holds(_jump(jump, clock()))
        else:
            conditions.over(ClockWrong, CLOCK, "the system's clock and the gateway's agree")
        jumped = bool(jump)
        await asyncio.sleep(1.0)


def _jump(jump: float, now: float) -> News:
    figures: dict[str, int | str] = {"seconds": round(jump)}
    detail = f"the system's clock was set by {jump:.0f} s; the count goes on by the machine's steady time"
    return News(ClockWrong, CLOCK, detail, now, figures=figures)


def clock_was_ahead(seconds: int, now: float) -> News:
    """Return what is told of a start at which what is on record was ahead of the clock."""
    detail = f"what is on record was {seconds} s ahead of the clock at the start: the clock was or is wrong"
    return News(ClockWrong, RECORDED, detail, now, figures={"seconds": seconds})


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
