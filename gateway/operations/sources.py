"""The sources of communications as they are shown: which are set up, and when each last spoke."""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import SourceSilent
from gateway.clock import Clock
from gateway.ingest.receive import Heard
from gateway.settings import Settings


class ShownSource(msgspec.Struct, frozen=True):
    """A source that is set up."""

    name: str
    heard_at: float | None
    """When it last brought a communication since the daemon started."""
    allowed_seconds: int
    """How long it may be silent; 0 for ever."""
    silent: bool
    """Whether it is silent for longer than it may, within its hours."""


class Sources:
    """Looks at what the receivers heard."""

    def __init__(
        self, heard: Mapping[str, Heard], settings: Settings, conditions: Conditions, clock: Clock
    ) -> None:
        self._heard = {source: each for source, each in heard.items() if source in _set_up(settings)}
        self._silence = settings.silence
        self._conditions = conditions
        self.started_at: Final = clock()
        """Since when it is listened."""

    @property
    def is_watched(self) -> bool:
        """Whether the silence of any source would be told of."""
        return any(each.allowed_seconds for each in self.shown())

    def shown(self) -> list[ShownSource]:
        """Return the sources that are set up, in the order of the settings."""
        silent = self._conditions.lasting(SourceSilent)
        return [
            ShownSource(name, heard.at, int(getattr(self._silence, f"{name}_seconds")), name in silent)
            for name, heard in self._heard.items()
        ]


def _set_up(settings: Settings) -> set[str]:
    wanted = {
        "http": True,
        "mqtt": settings.mqtt is not None,
        "forward": settings.forward is not None,
        "drop_folder": settings.ingest.drop_folder is not None,
    }
    return {name for name, is_set in wanted.items() if is_set}
