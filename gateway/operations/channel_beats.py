"""Heartbeats on the channels that want them: "nothing is wrong", said only while requests can be counted."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.alerts.line import Line, trouble
from gateway.alerts.message import Alert, encode
from gateway.errors import Unavailable
from gateway.operations.heartbeat import Beat

log = structlog.get_logger(__name__)

Pulse = Callable[[], Awaitable[Beat]]
"""Returns once the count has moved; raises `Unavailable` where requests cannot be counted."""


class ChannelBeats:
    """Beats on one channel every *seconds*. A beat that is not taken is not kept: the next one says it all."""

    def __init__(self, line: Line, seconds: int, pulse: Pulse) -> None:
        self._line = line
        self._seconds = seconds
        self._pulse = pulse

    @property
    def name(self) -> str:
        """The name of the channel."""
        return self._line.name

    async def run(self) -> None:
        """Beat for ever; where the count stands still, be silent until it moves."""
        while True:
            try:
                beat = await self._pulse()
            except Unavailable as error:
                log.warning("no_channel_heartbeat", channel=self._line.name, error=trouble(error))
            else:
                await self._send(beat)
            await asyncio.sleep(self._seconds)

    async def _send(self, beat: Beat) -> None:
        try:
            await self._line.send([encode(beat_alert(beat))])
        except Exception as error:  # noqa: BLE001 - the line has noted it, and one channel's trouble stays its own
            log.warning("heartbeat_not_sent", channel=self._line.name, error=trouble(error))


def beat_alert(beat: Beat) -> Alert:
    """Return what a beat says to the SOC; `at` is when the count was last seen to move."""
    return Alert(
        id=f"{beat.instance}/heartbeat/{beat.at}",
        instance=beat.instance,
        event="heartbeat",
        incident=0,
        title=_title(beat),
        at=beat.at,
        facts=None,
        record=None,
        state="",
        figures={
            "open_incidents": beat.open_incidents,
            "communications": beat.communications,
            "thresholds": beat.thresholds,
            "alerts_waiting": beat.alerts_waiting,
            "not_ready": ", ".join(beat.not_ready),
            "counted_at": beat.at,
        },
    )


def _title(beat: Beat) -> str:
    counted = f"requests were counted at {beat.at}"
    if beat.not_ready:
        return f"Not ready: {', '.join(beat.not_ready)}; {counted}"
    if beat.open_incidents:
        are = "incident is" if beat.open_incidents == 1 else "incidents are"
        return f"{beat.open_incidents} candidate {are} open; {counted}"
    return f"Nothing is wrong: no candidate incident is open; {counted}"
