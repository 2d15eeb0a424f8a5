"""Alerts at the MQTT broker."""

from collections.abc import Sequence
from typing import Final

from gateway.alerts.message import CONTENT_TYPE, Alert, decode
from gateway.mqtt import Broker


class MqttChannel:
    """Publishes at `adt-gateway/<instance>/incidents/<number>` with QoS 1, a test and a heartbeat at `…/test` and `…/heartbeat`."""

    name: Final = "mqtt"
    batch: Final = 1
    in_flight: Final = 16

    def __init__(self, broker: Broker, expiry_seconds: int) -> None:
        self._broker = broker
        self._expiry = expiry_seconds or None

    async def send(self, messages: Sequence[bytes]) -> str:
        """Publish in order; return when the broker has all. Raises `Unavailable` where it does not take one."""
        for message in messages:
            await self._publish(message)
        return "acknowledged by the broker"

    async def close(self) -> None:
        """Leave the broker's connection alone: others use it too."""

    async def _publish(self, message: bytes) -> None:
        alert = decode(message)
        await self._broker.publish(
            f"incidents/{alert.incident or alert.event}",
            message,
            content_type=CONTENT_TYPE,
            expiry=self._expiry,
            properties=properties(alert),
        )


def properties(alert: Alert) -> dict[str, str]:
    """Return what a receiver can route and drop repeats by without reading the payload."""
    found = {
        "schema": alert.schema,
        "alert": alert.id,
        "instance": alert.instance,
        "incident": str(alert.incident or ""),
        "event": alert.event,
        "state": alert.state if alert.incident else "",
        "marking": alert.marking,
    }
    return {name: value for name, value in found.items() if value}
