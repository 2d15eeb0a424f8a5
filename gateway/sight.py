"""What makes the count seen from outside: events for viewers, retained rates, the heartbeat."""

from gateway.clock import Clock
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.intake import Intake
from gateway.live import Live
from gateway.mqtt import Broker
from gateway.operations.broadcast import Broadcast
from gateway.operations.heartbeat import BEAT_SECONDS, Heartbeat
from gateway.operations.liveness import Liveness
from gateway.operations.rates import Rates
from gateway.operations.retained_rates import RetainedRates
from gateway.settings import Settings
from gateway.store.database import Database


class Sight:
    """Makes the parts that tell of the counts while they move; all look at the same rates."""

    def __init__(
        self, settings: Settings, database: Database, counting: Counting, health: Health, clock: Clock
    ) -> None:
        self._settings = settings
        self._database = database
        self._counting = counting
        self._health = health
        self._clock = clock
        self._rates = Rates(counting)

    def broadcast(self, live: Live) -> Broadcast:
        """Return what tells viewers."""
        return Broadcast(live, self._rates, self._health, self._settings.instance, self._clock)

    def retained(self, broker: Broker | None, broadcast: Broadcast) -> RetainedRates | None:
        """Return what leaves the rates at the broker, where one is set."""
        mqtt, instance = self._settings.mqtt, self._settings.instance
        if mqtt is None or broker is None:
            return None
        return RetainedRates(
            broker, self._rates, broadcast.look, self._database, instance, mqtt.rates_seconds, self._clock
        )

    def heartbeat(self, liveness: Liveness, intake: Intake, broker: Broker | None) -> Heartbeat:
        """Return what beats while requests can be counted, with or without a broker."""
        mqtt = self._settings.mqtt
        return Heartbeat(
            self._settings.instance,
            liveness,
            intake,
            self._counting,
            self._health,
            self._database,
            self._clock,
            broker,
            mqtt.heartbeat_seconds if mqtt else BEAT_SECONDS,
        )
