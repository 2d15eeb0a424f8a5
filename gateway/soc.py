"""What stands between the gateway and the SOC: candidate incidents, what is wrong, and the channels."""

from collections.abc import Awaitable, Callable

from gateway.alerts.candidate import Candidates
from gateway.alerts.channels.opened import open_channels
from gateway.alerts.conditions import Conditions
from gateway.alerts.dispatcher import Dispatcher
from gateway.clock import Clock
from gateway.live import Live
from gateway.mqtt import Broker
from gateway.operations.incident_parts import incident_parts
from gateway.operations.incidents import Incidents
from gateway.operations.silences import Silences
from gateway.settings import Settings
from gateway.store.database import Database


class Soc:
    """Makes and holds the parts that open incidents and send alerts."""

    def __init__(
        self, settings: Settings, database: Database, broker: Broker | None, live: Live, clock: Clock
    ) -> None:
        self._opened = open_channels(settings.alerts, broker)
        self.channels = tuple(channel.name for channel in self._opened)
        self._dispatchers = {channel.name: Dispatcher(database, channel, clock) for channel in self._opened}
        cleared, seconds = settings.alerts.cleared, settings.incidents.group_seconds
        self.candidates = Candidates(
            settings.instance, self.channels, self.ring, live, cleared, group_seconds=seconds
        )
        self.conditions = Conditions(database, self.candidates, clock)
        self.silences = Silences(database, self.candidates, clock)
        self.incidents = Incidents(database, clock)
        self.desk = incident_parts(database, self.candidates, settings.incidents, clock)

    def ring(self) -> None:
        """Say to every channel that the outbox has something new."""
        for dispatcher in self._dispatchers.values():
            dispatcher.ring()

    def retry(self, channel: str) -> None:
        """Say that the other side of *channel* is back."""
        if channel in self._dispatchers:
            self._dispatchers[channel].retry()

    def work(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what is to run, by name."""
        work: dict[str, Callable[[], Awaitable[None]]] = {
            "conditions": self.conditions.run,
            "silences": self.silences.run,
        }
        return work | {f"alerts-{name}": dispatcher.run for name, dispatcher in self._dispatchers.items()}

    async def close(self) -> None:
        """Give back what the channels hold open."""
        for channel in self._opened:
            await channel.close()
