"""What takes in what the DCC tells us, and shows it: put together."""

from collections.abc import Awaitable, Callable, Collection

import structlog
from cryptography import x509

from gateway.alerts.conditions import Conditions
from gateway.clock import Clock
from gateway.errors import SettingsError
from gateway.ingest.dcc.certificates import load_certificates
from gateway.ingest.dcc.inbox import DccInbox
from gateway.ingest.dcc.recheck import Recheck
from gateway.ingest.dcc.recorder import DccRecorder
from gateway.ingest.dcc.seen_later import SeenLater
from gateway.operations.quarantine import Quarantine
from gateway.operations.rules import Rulebook
from gateway.section import Dcc
from gateway.settings import Settings
from gateway.store.database import Database

log = structlog.get_logger(__name__)


class DccParts:
    """Makes and holds the parts that belong to the DCC's messages."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        conditions: Conditions,
        rules: Rulebook,
        clock: Clock,
    ) -> None:
        dcc = settings.dcc
        self._certificates = load_certificates(dcc.certificates_folder)
        self._rules = rules
        bounds = dcc.sent_seconds, dcc.kept_unbelieved
        recorder = DccRecorder(database, conditions, self._our_users, *bounds, clock)
        self.inbox = DccInbox(recorder, self._now, dcc.queue_limit, clock)
        self._recheck = Recheck(database, recorder, self._now, clock)
        self._seen_later = SeenLater(database, conditions, self._our_users, dcc.sent_seconds, clock)
        self.quarantine = Quarantine(database, dcc.expected_seconds, clock)

    def _now(self) -> tuple[x509.Certificate, ...]:
        return self._certificates

    def _our_users(self) -> Collection[str]:
        return self._rules.current.service_users.keys()

    def work(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what is to run, by name."""
        return {
            "dcc": self.inbox.run,
            "dcc-recheck": self._recheck.run,
            "dcc-seen-later": self._seen_later.run,
        }

    def take(self, settings: Dcc) -> None:
        """Read the certificates anew; those that were there stay where one cannot be used."""
        try:
            self._certificates = load_certificates(settings.certificates_folder)
            self._recheck.ring()
        except SettingsError as error:
            log.error("dcc_certificates_refused", error=error.message)  # noqa: TRY400 - the error says it all
