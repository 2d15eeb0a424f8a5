"""The settings of the channels by which the SOC is told: one class for each kind of other side."""

from pathlib import Path

from pydantic import Field

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

    @property
    def cleared(self) -> frozenset[str]:
        """Names of the channels that may carry what is known of classified incidents."""
        found = [value for name in type(self).model_fields for value in _listed(getattr(self, name))]
        return frozenset(each.name for each in found if each.classified)


def _listed(value: object) -> list[ChannelSettings]:
    """Return the channels in a setting: one, or a list of them."""
    each = value if isinstance(value, list | tuple) else [value]
    return [one for one in each if isinstance(one, ChannelSettings)]
