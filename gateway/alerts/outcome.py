"""What became of alerts that were sent together, and finding the one that the other side refuses."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from gateway.alerts.lanes import Lane
from gateway.alerts.line import trouble
from gateway.errors import AlertRefused, Unavailable
from gateway.store.outbox import WaitingAlert

log = structlog.get_logger(__name__)

Send = Callable[[Sequence[bytes]], Awaitable[str]]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one alert."""

    alert: WaitingAlert
    trouble: str = ""
    """Why it was not taken; empty where it was."""
    refused: bool = False
    """Whether it will never be taken as it is."""


async def send_lane(send: Send, lane: Lane) -> list[Outcome]:
    """Send *lane*, in halves where the other side refuses it until it is known which of them is refused.

    What follows an alert that was not taken is not sent, and not in the list: it keeps its place.
    """
    try:
        await send([alert.message for alert in lane])
    except AlertRefused as error:
        if len(lane) == 1:
            return [Outcome(lane[0], trouble(error), refused=True)]
        middle = len(lane) // 2
        first = await send_lane(send, lane[:middle])
        if any(outcome.trouble and not outcome.refused for outcome in first):
            return first
        return first + await send_lane(send, lane[middle:])
    except (Unavailable, OSError) as error:  # a TimeoutError is an OSError
        return [Outcome(alert, trouble(error)) for alert in lane]
    except Exception as error:
        log.exception("channel_fault", alerts=[alert.id for alert in lane])
        return [Outcome(alert, trouble(error)) for alert in lane]
    return [Outcome(alert) for alert in lane]
