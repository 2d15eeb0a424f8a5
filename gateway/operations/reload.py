"""Settings read anew while the daemon runs: what can change does, and what cannot is named."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from gateway import systemd
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.errors import GatewayError, SettingsError
from gateway.logs import configure_logs
from gateway.metrics import SETTINGS_TAKEN
from gateway.operations.rules import Rulebook, load_rules
from gateway.section import Section
from gateway.settings import Settings
from gateway.store.audit_log import append_record
from gateway.store.database import Database

log = structlog.get_logger(__name__)

RELOADABLE: Final[Mapping[str, str]] = {
    "log.level": "at once",
    "log.format": "at once",
    "client_certificates": "at once",
    "service_users": "for each file that is checked from then on, and for who is told to have no thresholds",
    "adt_files.profile": "for files submitted from then on; those on their way keep their profile",
}
"""Every setting that can change while the daemon runs, and from when the new value holds."""


class Reload:
    """Reads the settings anew when it is rung. Counts and episodes are not touched."""

    def __init__(
        self,
        settings: Settings,
        reread: Callable[[], Settings],
        rules: Rulebook,
        database: Database,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._reread = reread
        self._rules = rules
        self._rung = asyncio.Event()
        self._also: list[Callable[[Settings], None]] = []
        SETTINGS_TAKEN.set(1)

    @property
    def settings(self) -> Settings:
        """The settings that hold now."""
        return self._settings

    def also(self, take: Callable[[Settings], None]) -> None:
        """Have *take* called with the settings that hold, each time that they were read anew."""
        self._also.append(take)

    def ring(self) -> None:
        """Say that the settings are to be read anew."""
        self._rung.set()

    async def run(self) -> None:
        """Read the settings anew each time that it is rung, for ever."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            systemd.notify(*systemd.reloading())
            systemd.notify(systemd.READY, systemd.status(await self.reload()))

    async def reload(self) -> str:
        """Read the settings anew and say in a sentence what came of it.

        A faulty file changes nothing, and nothing changes that cannot be recorded.
        """
        try:
            wanted = await asyncio.to_thread(self._reread)
            names = changed(self._settings, wanted)
            settings = self._settings
            for name in names:
                if name in RELOADABLE:
                    settings = _take(settings, wanted, name)
            rules = await asyncio.to_thread(load_rules, settings)
        except SettingsError as error:
            await self._refuse(error)
            return f"runs with its settings as they were; the file is refused: {error.message}"
        detail = {
            "changed": [name for name in names if name in RELOADABLE],
            "need_a_restart": [name for name in names if name not in RELOADABLE],
            "profile_sha256": rules.profile_sha256,
        }
        try:
            await self._record("settings.reloaded", detail)
        except GatewayError as error:
            SETTINGS_TAKEN.set(0)
            log.error("settings_not_recorded", code=error.code, error=error.message)  # noqa: TRY400 - it says it all
            return f"runs with its settings as they were; the change cannot be recorded: {error.message}"
        if settings.log != self._settings.log:
            configure_logs(settings.log)
        self._rules.use(rules)
        self._settings = settings
        for take in self._also:
            take(settings)
        SETTINGS_TAKEN.set(1)
        return _report(names)

    async def _refuse(self, refused: SettingsError) -> None:
        """Say that the file is refused, in the log and, where that can be, on record: without its words.

        What an error quotes of a file may be a secret that stands in the wrong place.
        """
        SETTINGS_TAKEN.set(0)
        log.error("settings_refused", code=refused.code, error=refused.message, remedy=refused.remedy)
        try:
            await self._record("settings.refused", {"code": refused.code})
        except GatewayError as error:
            log.error("settings_not_recorded", code=error.code, error=error.message)  # noqa: TRY400 - it says it all

    async def _record(self, action: str, detail: Mapping[str, Any]) -> None:
        async with self._database.write() as connection:
            await append_record(connection, Entry("system", action, "settings", dict(detail)), self._clock())


def _report(names: list[str]) -> str:
    taken = [name for name in names if name in RELOADABLE]
    waiting = [name for name in names if name not in RELOADABLE]
    log.info("settings_reloaded", changed=taken)
    if waiting:
        log.warning("settings_need_a_restart", settings=waiting)
        return f"settings read anew; needs a restart: {', '.join(waiting)}"
    return "settings read anew"


def changed(running: Settings, wanted: Settings) -> list[str]:
    """Return the settings that differ, by their dotted names."""
    names: list[str] = []
    for name in Settings.model_fields:
        old, new = getattr(running, name), getattr(wanted, name)
        if isinstance(old, Section) and isinstance(new, Section):
            keys = type(old).model_fields
            names.extend(f"{name}.{key}" for key in keys if getattr(old, key) != getattr(new, key))
        elif old != new:
            names.append(name)
    return names


def _take(settings: Settings, wanted: Settings, name: str) -> Settings:
    """Return *settings* with the setting of this dotted name as in *wanted*."""
    section, _, key = name.partition(".")
    value = getattr(wanted, section)
    if key:
        value = getattr(settings, section).model_copy(update={key: getattr(value, key)})
    return settings.model_copy(update={section: value}).with_origin(name, wanted)
