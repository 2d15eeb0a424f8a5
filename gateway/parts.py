"""The parts of a running daemon, put together: the one place that knows them all."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog

from gateway import systemd, tasks
from gateway.alerts.channels.mqtt import MqttChannel
from gateway.clock import SteadyClock
from gateway.dcc import DccParts
from gateway.deciding import Deciding
from gateway.errors import GatewayError
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.drop_folder import DropFolder
from gateway.ingest.folding import Folding
from gateway.ingest.intake import Intake
from gateway.ingest.not_counted import NotCounted
from gateway.ingest.passed_on import PassedOn
from gateway.ingest.rebuild import without_collector
from gateway.ingest.receive import Receiver
from gateway.ingest.recorder import Recorder
from gateway.live import Live
from gateway.mqtt import Broker, Handler
from gateway.operations.adt_drop_folder import adt_drop_folder
from gateway.operations.backtests import Backtests
from gateway.operations.entrance import Entrance
from gateway.operations.file_review import Reviews
from gateway.operations.files import Files
from gateway.operations.history import History
from gateway.operations.in_force import InForce
from gateway.operations.liveness import Liveness
from gateway.operations.looks import make_looks
from gateway.operations.passkeys import Passkeys
from gateway.operations.refusals import RefusalWatch
from gateway.operations.reload import Reload
from gateway.operations.rules import Rulebook
from gateway.operations.signing import Signing, token_config
from gateway.operations.silence import SOURCES, SilenceWatch
from gateway.operations.uncovered import UncoveredWatch
from gateway.operations.watches import clock_was_ahead, keep_looking, watch_broker, watch_clock, watch_journal
from gateway.settings import Settings
from gateway.sight import Sight
from gateway.soc import Soc
from gateway.store.database import Database
from gateway.store.journal_writer import open_journal_writer
from gateway.web.adaptor import Adaptor
from gateway.web.listen import STOP_SECONDS, listening
from gateway.web.services import Services
from gateway.web.tls import server_certificate
from hsm.token import Token

log = structlog.get_logger(__name__)

UNCOVERED_SECONDS: Final = 60.0
"""How often it is looked who is counted against nothing: a file that comes into force within it is no news."""

BROKER_PAUSE: Final = 3.0
"""Seconds between attempts to reach the broker at the most: it brings requests and takes alerts."""

Announce = Callable[[str], None]


class Parts:
    """The parts of a running daemon."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        rules: Rulebook,
        token: Token | None,
        clock: SteadyClock,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._rules = rules
        self.health = Health()
        mqtt, taken = settings.mqtt, dict[str, Handler]()
        self._broker = Broker(mqtt, settings.instance, taken, self._on_connected) if mqtt else None
        live = Live()
        self._soc = Soc(settings, database, self._broker, self.health, live, clock)
        self._conditions = self._soc.conditions
        recorder = Recorder(database, self._soc.candidates, rules.current.service_name)
        warn, horizon = settings.forecast.warn_seconds, settings.ingest.deduplication_seconds
        self._counting = Counting(database, recorder, self.health, clock, warn)
        self._journal = open_journal_writer(database)
        self.intake = Intake(database, self._journal, self._counting, settings.ingest, clock)
        classify = rules.current.catalogue.classify
        self._receivers = {source: Receiver(self.intake, classify, clock) for source in SOURCES}
        self._not_counted = NotCounted(database, self._conditions, clock)
        self._passed_on, self._adaptor = self._forwarding(settings)
        folder, dropped = settings.ingest.drop_folder, self._receivers["drop_folder"]
        self._drop_folder = DropFolder(folder, dropped, self.health, clock) if folder else None
        self._folding = Folding(
            *(database, self._counting, horizon, settings.history.days, clock, self._unfinished_since),
            sent_seconds=settings.dcc.sent_seconds,
        )
        self._dcc = DccParts(settings, database, self._conditions, rules, clock)
        if mqtt:
            taken[mqtt.requests_topic] = self._receivers["mqtt"].message
            taken[mqtt.alerts_topic] = self._dcc.inbox.message
        self._deciding = Deciding(settings, database, self._conditions, clock, live)
        ring = self._deciding.delivery.ring
        self._signing = Signing(
            database, token, settings.token, rules, self.health, self._conditions, clock, ring, live
        )
        self._in_force = InForce(database, rules, self._counting, self.health, clock, live)
        self._liveness = self._own_liveness()
        sight = Sight(settings, database, self._counting, self.health, clock)
        self._broadcast = sight.broadcast(live)
        self._retained = sight.retained(self._broker, self._broadcast)
        self._heartbeat = sight.heartbeat(self._liveness, self.intake, self._broker)
        self._soc.beat(lambda: sight.heartbeat(self._own_liveness(), self.intake, None).take_pulse)
        self._entrance = Entrance(settings, database, clock)
        self._tls = server_certificate(settings.http)
        seen = self._counting, self.health, self._conditions, self._receivers
        self._looks = make_looks(settings, database, token, *seen, clock)
        self._services = self._serve(database, live)

    def _serve(self, database: Database, live: Live) -> Services:
        """Return what the views call."""
        settings, clock, rules = self._settings, self._clock, self._rules
        files = Files(database, rules, clock, live, settings.approval.passkey)
        reviews = Reviews(database, rules)
        store = settings.store_url, settings.store.password_file
        self._backtests = Backtests(database, reviews, *store, clock)
        return Services(
            instance=settings.instance,
            database=database,
            clock=clock,
            rules=rules,
            entrance=self._entrance,
            receiver=self._receivers["http"],
            files=files,
            passkeys=Passkeys(settings.passkeys, database, files, clock) if settings.passkeys else None,
            reviews=reviews,
            backtests=self._backtests,
            signing=self._signing,
            delivery=self._deciding.delivery,
            decisions=self._deciding.decisions(files),
            in_force=self._in_force,
            counting=self._counting,
            incidents=self._soc.incidents,
            silences=self._soc.silences,
            desk=self._soc.desk,
            history=History(database, self._counting),
            looks=self._looks,
            health=self.health,
            live=live,
            broadcast=self._broadcast,
            adaptor=self._adaptor,
            alert_desk=self._soc.alert_desk,
            channels=self._soc.channels,
            dcc_inbox=self._dcc.inbox,
            quarantine=self._dcc.quarantine,
        )

    def _own_liveness(self) -> Liveness:
        """Return what looks whether the count moves; each asker has its own, which knows what it has seen."""
        return Liveness(self.intake, self._in_force, self._counting)

    def _forwarding(self, settings: Settings) -> tuple[PassedOn | None, Adaptor | None]:
        """Return what passes requests on and what counts them, where that is set."""
        if settings.forward is None:
            return None, None
        receiver = self._receivers["forward"]
        passed_on = PassedOn(receiver, self._not_counted, settings.forward, settings.ingest)
        return passed_on, Adaptor(settings.forward, passed_on)

    async def recover(self) -> None:
        """Rebuild what was counted; files of the drop folder that were under way will be read again."""
        self._entrance.passwords.prepare()
        with without_collector():
            await self.intake.recover(self._unfinished_since())
        await self._soc.recover()
        if ahead := self._counting.was_ahead:
            self._conditions.happened(clock_was_ahead(ahead, self._clock()))

    def _unfinished_since(self) -> float:
        """Return since when files of the drop folder are under way; infinity where none is."""
        return self._drop_folder.unfinished_since() if self._drop_folder else math.inf

    async def close(self) -> None:
        """Give back what was opened."""
        if self._adaptor:
            await self._adaptor.close()
        await self._soc.close()
        await self._entrance.close()
        self._journal.close()

    def _on_connected(self) -> None:
        """Send what waits for the broker at once, and what it is to retain anew."""
        if self._retained:
            self._retained.connected()
        self._soc.retry(MqttChannel.name)

    async def run(self, stop: asyncio.Event, announce: Announce, reload: Reload) -> None:
        """Run every part until *stop*; a failure of the count or of the in-force clock ends the daemon."""
        async with asyncio.TaskGroup() as group:
            running = [
                tasks.start(group, "intake", self.intake.run()),
                tasks.start(group, "in-force", self._in_force.run()),
                tasks.start(group, "clock", watch_clock(self._clock, self.health, self._conditions)),
                tasks.start(group, "journal", watch_journal(self.intake, self.health)),
                tasks.start(group, "watchdog", systemd.keep_alive(self._liveness.moved)),
                tasks.start(group, "backtests", tasks.supervise("backtests", self._backtests.run)),
                tasks.start(group, "usage", tasks.supervise("usage", self._entrance.usage.run)),
                tasks.start(group, "folding", tasks.supervise("folding", self._folding.run)),
                tasks.start(group, "reload", tasks.supervise("reload", reload.run)),
                tasks.start(group, "broadcast", tasks.supervise("broadcast", self._broadcast.run)),
                tasks.start(group, "heartbeat", tasks.supervise("heartbeat", self._heartbeat.run)),
                tasks.start(group, "signing", tasks.supervise("signing", self._signing.run)),
            ]
            running += self._start_sources(group) + self._start_watches(group)
            reload.also(self._reload)
            if self._tls:
                running.append(tasks.start(group, "tls", tasks.supervise("tls", self._tls.watch)))
            if self._broker:
                work = tasks.supervise("mqtt", self._broker.run, BROKER_PAUSE)
                running.append(tasks.start(group, "mqtt", work))
                running.append(tasks.start(group, "mqtt-health", watch_broker(self._broker, self.health)))
            if self._retained:
                work = tasks.supervise("mqtt-rates", self._retained.run)
                running.append(tasks.start(group, "mqtt-rates", work))
            async with listening(
                self._services, self._settings.http, self._settings.data_directory, self._tls
            ) as address:
                announce(address)
                systemd.notify(systemd.READY, systemd.status(f"listens on {address}"))
                await stop.wait()
                systemd.notify(systemd.STOPPING)
                log.info("stopping")
            if self._passed_on:
                await self._passed_on.finish(STOP_SECONDS)
            await self._conditions.finish()
            with contextlib.suppress(GatewayError):
                await self._entrance.usage.write()
            for task in running:
                task.cancel()

    def _start_watches(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start what says which conditions hold, puts them on record, and sends alerts."""
        conditions, clock = self._conditions, self._clock
        heard = {source: receiver.heard for source, receiver in self._receivers.items()}
        silence = SilenceWatch(conditions, self._settings.silence, heard, clock)
        refusals = RefusalWatch(conditions, self.intake, clock)
        uncovered = UncoveredWatch(conditions, self._counting, self._rules, clock)
        work: dict[str, Callable[[], Awaitable[None]]] = {
            "silence": partial(keep_looking, silence.look, 1.0),
            "refusals": partial(keep_looking, refusals.look, 1.0),
            "verification": self._looks.verification.run,
            "uncovered": partial(keep_looking, uncovered.look, UNCOVERED_SECONDS),
        }
        work |= self._soc.work() | self._deciding.work() | self._dcc.work()
        return [tasks.start(group, name, tasks.supervise(name, run)) for name, run in work.items()]

    def _reload(self, settings: Settings) -> None:
        """Take what SIGHUP may change: the certificates of machines, and the files of our own."""
        self._entrance.authenticator.use_certificates(settings.client_certificates)
        self._looks.settings.take(settings)
        self._dcc.take(settings.dcc)
        if self._tls:
            self._tls.take()

    def _start_sources(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        work: dict[str, Callable[[], Awaitable[None]]] = {}
        if self._passed_on:
            work |= {"forward": self._passed_on.run, "not-counted": self._not_counted.run}
        if self._drop_folder:
            work["drop-folder"] = self._drop_folder.run
        database, files = self._services.database, self._services.files
        work |= adt_drop_folder(self._settings.adt_files, database, files, self.health, self._clock)
        return [tasks.start(group, name, tasks.supervise(name, run)) for name, run in work.items()]


@asynccontextmanager
async def open_parts(
    settings: Settings, database: Database, rules: Rulebook, clock: SteadyClock
) -> AsyncIterator[Parts]:
    """Make the parts; at the end give back what they hold, the token's process last."""
    token = Token(token_config(settings.token, settings.data_directory)) if settings.token else None
    try:
        parts = Parts(settings, database, rules, token, clock)
        try:
            yield parts
        finally:
            await parts.close()
    finally:
        if token is not None:
            await token.close()
