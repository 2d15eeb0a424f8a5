"""A channel beats only while requests can be counted, and its trouble stays its own."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway import tasks
from gateway.alerts.line import Line
from gateway.alerts.message import Alert, decode
from gateway.errors import Unavailable
from gateway.health import Health
from gateway.operations.channel_beats import ChannelBeats, beat_alert
from gateway.operations.heartbeat import Beat
from tests.gateway.alerts.test_dispatcher import Clock

BEAT = Beat("2026-12-01T00:00:00.000Z", "main", "1", True, [], 5, 0, 3, 0)


class Soc:
    name = "soc"
    batch = 1

    def __init__(self) -> None:
        self.taken: list[Alert] = []
        self.fault: Exception | None = None

    async def send(self, messages: Sequence[bytes]) -> str:
        if self.fault:
            raise self.fault
        self.taken += [decode(message) for message in messages]
        return "taken"

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("beat", "title"),
    [
        (BEAT, "Nothing is wrong: no candidate incident is open; requests were counted at 2026"),
        (Beat("2026", "main", "1", True, [], 5, 1, 3, 0), "1 candidate incident is open; requests were"),
        (Beat("2026", "main", "1", True, [], 5, 2, 3, 0), "2 candidate incidents are open; requests were"),
        (Beat("2026", "main", "1", False, ["store"], 5, 0, 3, 0), "Not ready: store; requests were"),
    ],
)
def test_a_beat_says_what_is_open_and_when_requests_were_counted(beat: Beat, title: str) -> None:
    alert = beat_alert(beat)
    assert alert.title.startswith(title)
    assert (alert.event, alert.incident, alert.facts) == ("heartbeat", 0, None)
    assert (alert.figures or {})["counted_at"] == beat.at


async def beats_after(soc: Soc, *pulses: Beat | Unavailable) -> Health:
    """Let it beat for as long as there are pulses."""
    health, left, done = Health(), list(pulses), asyncio.Event()

    async def pulse() -> Beat:
        if not left:
            done.set()
            await asyncio.Event().wait()
        found = left.pop(0)
        if isinstance(found, Unavailable):
            raise found
        return found

    beats = ChannelBeats(Line(soc, health, Clock()), 0, pulse)
    async with asyncio.TaskGroup() as group:
        work = tasks.start(group, "beats", beats.run())
        await asyncio.wait_for(done.wait(), 10)
        work.cancel()
    return health


async def test_it_is_silent_while_requests_cannot_be_counted() -> None:
    soc = Soc()
    await beats_after(soc, BEAT, Unavailable("journal_failed", "the journal refused"), BEAT)
    assert len(soc.taken) == 2


async def test_a_beat_that_is_not_taken_is_not_kept_and_shows() -> None:
    soc = Soc()
    soc.fault = RuntimeError("a fault of the channel itself")
    health = await beats_after(soc, BEAT, BEAT)
    assert soc.taken == []
    (part,) = health.parts
    assert (part.part, part.works, part.needed) == ("channel_soc", False, False)
    assert health.ready
