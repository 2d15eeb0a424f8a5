"""What stands between the gateway and the SOC: candidate incidents, what is wrong, and the channels."""

from collections.abc import Awaitable, Callable

from gateway.alerts.candidate import Candidates
from gateway.alerts.channels.channel import Working
from gateway.alerts.channels.opened import open_channels
from gateway.alerts.conditions import Conditions
from gateway.alerts.dispatcher import Dispatcher, Limits
from gateway.alerts.introduction import Introduction
from gateway.alerts.line import Line
from gateway.alerts.outbox_keeper import OutboxKeeper
from gateway.clock import Clock
from gateway.health import Health
from gateway.live import Live
from gateway.mqtt import Broker
from gateway.operations.alert_desk import AlertDesk
from gateway.operations.channel_beats import ChannelBeats, Pulse
from gateway.operations.incident_parts import incident_parts
from gateway.operations.incidents import Incidents
from gateway.operations.silences import Silences
from gateway.settings import Settings
from gateway.store.database import Database


class Soc:
    """Makes and holds the parts that open incidents and send alerts."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        broker: Broker | None,
        health: Health,
        live: Live,
        clock: Clock,
    ) -> None:
        self._database = database
        alerts = settings.alerts
        opened = open_channels(alerts, broker, settings.instance, database, clock)
        self._own_work = {
            f"alerts-{each.name}-work": each.run for each in opened if isinstance(each, Working)
        }
        self.lines = [Line(channel, health, clock) for channel in opened]
        self.channels = tuple(line.name for line in self.lines)
        limits = Limits(alerts.give_up_attempts, alerts.give_up_hours * 3600.0)
        self._dispatchers = {line.name: Dispatcher(database, line, clock, limits) for line in self.lines}
        self._outbox = OutboxKeeper(database, alerts.keep_sent_days, clock)
        self.candidates = Candidates(
            settings.instance,
            self.channels,
            self.ring,
            live,
            alerts.cleared,
            group_seconds=settings.incidents.group_seconds,
        )
        self._introduction = Introduction(settings.instance, self.channels, alerts.cleared, database, clock)
        self.conditions = Conditions(database, self.candidates, clock)
        self.alert_desk = AlertDesk(
            settings.instance, self.lines, alerts.heartbeats, database, self.candidates, clock
        )
        self._beats: list[ChannelBeats] = []
        self._heartbeats = alerts.heartbeats
        self.silences = Silences(database, self.candidates, clock)
        self.incidents = Incidents(database, clock)
        self.desk = incident_parts(database, self.candidates, settings.incidents, clock)

    async def recover(self) -> None:
        """Learn what lasted when the gateway stopped; take out of what waits what a channel may carry no more."""
        async with self._database.write() as connection:
            await self.candidates.withhold(connection)
        await self.conditions.recover()

    def ring(self) -> None:
        """Say to every channel that the outbox has something new."""
        for dispatcher in self._dispatchers.values():
            dispatcher.ring()

    def retry(self, channel: str) -> None:
        """Say that the other side of *channel* is back."""
        if channel in self._dispatchers:
            self._dispatchers[channel].retry()

    def beat(self, pulse: Callable[[], Pulse]) -> None:
        """Beat on the channels that want it, each by a pulse of its own."""
        wanted = [line for line in self.lines if self._heartbeats.get(line.name)]
        self._beats = [ChannelBeats(line, self._heartbeats[line.name], pulse()) for line in wanted]

    def work(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what is to run, by name."""
        work: dict[str, Callable[[], Awaitable[None]]] = {
            "conditions": self.conditions.run,
            "silences": self.silences.run,
            "outbox": self._outbox.run,
            "introduction": self._introduction.run,
        }
        work |= {f"alerts-{beats.name}-heartbeat": beats.run for beats in self._beats}
        work |= self._own_work
        return work | {f"alerts-{name}": dispatcher.run for name, dispatcher in self._dispatchers.items()}

    async def close(self) -> None:
        """Give back what the channels hold open."""
        for line in self.lines:
            await line.close()
