"""Alerts at the MQTT broker."""

from collections.abc import Sequence
from typing import Final

from gateway.alerts.message import decode
from gateway.mqtt import Broker


class MqttChannel:
    """Publishes at `adt-gateway/<instance>/incidents/<number>` with QoS 1."""

    name: Final = "mqtt"
    batch: Final = 1
    in_flight: Final = 16

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def send(self, messages: Sequence[bytes]) -> str:
        """Publish; raises `Unavailable` where the broker does not take it."""
        for message in messages:
            await self._broker.publish(f"incidents/{decode(message).incident}", message)
        return "acknowledged by the broker"

    async def close(self) -> None:
        """Leave the broker's connection alone: others use it too."""
