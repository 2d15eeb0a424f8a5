"""The parts of decisions on quarantined requests, and of the delivery of every signed file, put together."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from gateway.alerts.conditions import Conditions
from gateway.clock import Clock
from gateway.delivery.opened import open_way
from gateway.errors import SettingsError
from gateway.live import Live
from gateway.operations.decision_ends import DecisionEnds
from gateway.operations.decisions import Decisions
from gateway.operations.delivery import Delivery
from gateway.operations.exit_rules import ExitRules, load_exit_rules
from gateway.operations.files import Files
from gateway.operations.quarantine_watch import QuarantineWatch
from gateway.settings import Settings
from gateway.store.database import Database

log = structlog.get_logger(__name__)


class Deciding:
    """Makes and holds them."""

    def __init__(
        self, settings: Settings, database: Database, conditions: Conditions, clock: Clock, live: Live
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._live = live
        self._rules = _rules(settings)
        way = open_way(settings.delivery, settings.delivery_folder)
        self.delivery = Delivery(database, way, clock, live, settings.delivery.retry_seconds)
        wait = settings.quarantine.wait_seconds
        self._ends = DecisionEnds(database, wait, clock)
        self._watch = QuarantineWatch(database, conditions, wait, clock)

    def decisions(self, files: Files) -> Decisions:
        """Return what people do with decisions; *files* is where they are approved."""
        wait = self._settings.quarantine.wait_seconds
        return Decisions(self._database, files, self._rules, self._clock, self._live, wait)

    def work(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what is to run, by name."""
        return {"delivery": self.delivery.run, "decisions": self._ends.run, "quarantine": self._watch.run}


def exit_profile(settings: Settings) -> Path:
    """Return the file of the profile that Exit Quarantine files are written by."""
    return settings.quarantine.profile or settings.adt_files.profile.with_name("exit-quarantine-1.toml")


def _rules(settings: Settings) -> ExitRules | SettingsError:
    """Return the profile, or why nothing can be decided: the count does not depend on it."""
    try:
        return load_exit_rules(exit_profile(settings))
    except SettingsError as error:
        log.warning("exit_profile_unusable", code=error.code, error=error.message)
        return error
