"""The settings of the channels by which the SOC is told: one class for each kind of other side."""

from collections import Counter
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from gateway.section import Section


class ChannelSettings(Section):
    """What every channel has that can be set more than once: `[[alerts.KIND]]`."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,31}$",
        description="Name of the channel: unique, in pages, metrics and the outbox.",
    )
    heartbeat_seconds: int = Field(
        0, ge=0, le=86_400, description='How often it says "nothing is wrong"; 0 for never.'
    )
    classified: bool = Field(
        False,
        description="May carry what is known of incidents marked `classified`; others get a notice without facts.",
    )


class Alerts(Section):
    """Where candidate incidents are sent."""

    file: Path | None = Field(None, description="JSON-lines file that gets one line for each alert.")
    mqtt: bool = Field(True, description="Publish alerts at the broker, where one is set.")
    file_classified: bool = Field(
        False, description="The file may carry what is known of incidents marked `classified`."
    )
    mqtt_classified: bool = Field(
        False, description="The broker may carry what is known of incidents marked `classified`."
    )
    give_up_attempts: int = Field(
        50,
        ge=3,
        le=100_000,
        description="Failed attempts after which an alert is a dead letter, where its channel takes others.",
    )
    give_up_hours: int = Field(
        168, ge=1, le=8760, description="Age at which an alert that is not taken is a dead letter."
    )
    keep_sent_days: int = Field(
        30,
        ge=1,
        le=3660,
        description="How long alerts that were taken are kept; those of an incident that is not closed are kept longer.",
    )

    @property
    def several(self) -> tuple[ChannelSettings, ...]:
        """The channels that are set by tables of their own, of all kinds."""
        fields = (getattr(self, name) for name in type(self).model_fields)
        return tuple(
            each
            for field in fields
            if isinstance(field, tuple)
            for each in field
            if isinstance(each, ChannelSettings)
        )

    @property
    def classified(self) -> frozenset[str]:
        """Names of the channels that may carry what is known of incidents marked `classified`."""
        own = {"file": self.file_classified, "mqtt": self.mqtt_classified}
        return frozenset({name for name, may in own.items() if may}) | {
            each.name for each in self.several if each.classified
        }

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = Counter(["file", "mqtt", *(each.name for each in self.several)])
        twice = sorted(name for name, times in names.items() if times > 1)
        if twice:
            msg = f"more than one channel is called {' and '.join(twice)}; each needs a name of its own"
            raise ValueError(msg)
        return self
