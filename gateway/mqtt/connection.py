"""Publishing and subscribing: what the broker answers is heeded, what it refuses is an error."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

import aiomqtt
import structlog
from paho.mqtt.client import Client as Paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.mqtt.errors import refused, unavailable

log = structlog.get_logger(__name__)

ANSWER_SECONDS: Final = 10.0
"""How long the broker may take to acknowledge a message of ours."""
FAILURE: Final = 0x80
"""Reason codes from here on are refusals (MQTT 5, 2.4)."""
NO_MATCHING_SUBSCRIBERS: Final = 0x10
"""It was taken, and nobody listens now (MQTT 5, 3.4.2.1)."""

NONE: Final[Mapping[str, str]] = MappingProxyType({})


def properties_of(packet: int, content_type: str, user: Mapping[str, str]) -> Properties:
    """Return the properties of a message of ours, which is UTF-8 where it says what it is (MQTT 5, 3.3.2.3.2)."""
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    if content_type:
        properties.PayloadFormatIndicator = 1
        properties.ContentType = content_type
    if user:
        properties.UserProperty = list(user.items())
    return properties


class Connection:
    """Publishes and subscribes through an aiomqtt client, and heeds what the broker answers."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._paho: Paho = client._client  # noqa: SLF001 - the library offers no way to the answers
        self._answers: dict[int, asyncio.Future[ReasonCode]] = {}
        self._inner = self._paho.on_publish
        self._paho.on_publish = self._on_publish

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connect, and leave no socket behind where the broker does not want us, as aiomqtt alone would."""
        try:
            async with self._client:
                yield
        finally:
            self._paho._sock_close()  # noqa: SLF001 - tells the loop too; the library offers no other way

    async def subscribe(self, topic: str) -> None:
        """Subscribe with QoS 1; raises `Unavailable` `broker_refused` where that is not allowed."""
        for code in await self._client.subscribe(topic, qos=1):
            value = code.value if isinstance(code, ReasonCode) else code
            if value >= FAILURE:
                raise refused("read", topic, code)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        content_type: str = "",
        expiry: int | None = None,
        properties: Mapping[str, str] = NONE,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Publish with QoS 1; return when the broker has it.

        Raises `Unavailable`: `broker_refused` where it does not want it, else `broker_unavailable`.
        """
        said = properties_of(PacketTypes.PUBLISH, content_type, properties)
        if expiry is not None:
            said.MessageExpiryInterval = expiry
        info = self._paho.publish(topic, payload, 1, retain, said)
        if info.rc:
            raise unavailable(aiomqtt.MqttCodeError(info.rc))
        self._answers[info.mid] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                code = await self._answers[info.mid]
        except TimeoutError as error:
            raise unavailable(error) from error
        finally:
            del self._answers[info.mid]
        if code.value >= FAILURE:
            raise refused("write", topic, code)
        if code.value == NO_MATCHING_SUBSCRIBERS:
            log.debug("nobody_listens", topic=topic)

    def _on_publish(self, paho: Paho, data: Any, mid: int, code: ReasonCode, properties: Properties) -> None:
        if mid in self._answers and not self._answers[mid].done():
            self._answers[mid].set_result(code)
        if self._inner is not None:
            self._inner(paho, data, mid, code, properties)  # type: ignore[call-arg] # version 2
