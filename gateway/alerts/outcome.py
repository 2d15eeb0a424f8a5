"""What became of alerts that were sent together, and finding the one that the other side refuses."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from gateway.alerts.lanes import Lane
from gateway.alerts.line import trouble
from gateway.errors import AlertRefused, AlertUnreadable, Unavailable
from gateway.store.outbox import WaitingAlert

log = structlog.get_logger(__name__)

Send = Callable[[Sequence[WaitingAlert]], Awaitable[str]]
"""Sends alerts as they are on disk when their turn has come."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one alert."""

    alert: WaitingAlert
    trouble: str = ""
    """Why it was not taken; empty where it was."""
    never: str = ""
    """Why it will never be taken as it is: `refused` or `unreadable`; empty where it may be."""


async def send_lane(send: Send, lane: Lane, batch: int) -> list[Outcome]:
    """Send *lane* in pieces of up to *batch*; what follows one that was not taken is not sent, and not in the list."""
    outcomes: list[Outcome] = []
    for start in range(0, len(lane), batch):
        outcomes += await _send_piece(send, lane[start : start + batch])
        if _stopped(outcomes):
            break
    return outcomes


async def _send_piece(send: Send, piece: Lane) -> list[Outcome]:
    """Send *piece*, in halves where it is refused or cannot be read until it is known which of them is to blame."""
    try:
        await send(piece)
    except AlertRefused as error:
        if len(piece) == 1:
            why = "unreadable" if isinstance(error, AlertUnreadable) else "refused"
            return [Outcome(piece[0], trouble(error), why)]
        middle = len(piece) // 2
        first = await _send_piece(send, piece[:middle])
        return first if _stopped(first) else first + await _send_piece(send, piece[middle:])
    except (Unavailable, OSError) as error:  # a TimeoutError is an OSError
        return [Outcome(alert, trouble(error)) for alert in piece]
    except Exception as error:
        log.exception("channel_fault", alerts=[alert.id for alert in piece])
        return [Outcome(alert, trouble(error)) for alert in piece]
    return [Outcome(alert) for alert in piece]


def _stopped(outcomes: list[Outcome]) -> bool:
    return any(outcome.trouble and not outcome.never for outcome in outcomes)
