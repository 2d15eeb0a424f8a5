"""MQTT 5 behind one small port: the only module that knows aiomqtt.

aiomqtt acknowledges a message on receipt and keeps an unbounded queue. Here a message is acknowledged when
its handler has returned, which is after the commit; the broker holds the rest back (receive maximum), and
sends again what was not acknowledged when the connection comes back.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway import tasks
from gateway.errors import Unavailable
from gateway.settings import Mqtt

log = structlog.get_logger(__name__)

RECEIVE_MAXIMUM: Final = 2000
"""Messages that may be unacknowledged at once (MQTT 5, 3.1.2.11.3): the bound of every queue in here."""
SESSION_SECONDS: Final = 7 * 86_400
"""How long the broker keeps what arrives while the gateway is away."""
KEEPALIVE_SECONDS: Final = 20

Handler = Callable[[bytes], Coroutine[Any, Any, None]]
"""Takes the payload of a message; when it returns, the message is acknowledged."""


class Broker:
    """The connection to the broker; `run` is to be supervised, and connects anew each time."""

    def __init__(
        self, settings: Mqtt, instance: str, on_request: Handler, on_connected: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._root = f"adt-gateway/{instance}"
        self._on_request = on_request
        self._on_connected = on_connected
        self._client: aiomqtt.Client | None = None

    @property
    def connected(self) -> bool:
        """Whether the broker can be reached now."""
        return self._client is not None

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, content_type: str = "application/json"
    ) -> None:
        """Publish below the instance's root with QoS 1; return when the broker has it.

        Raises `Unavailable` (`broker_unavailable`) where it does not take it.
        """
        client = self._client
        if client is None:
            raise Unavailable("broker_unavailable", "the MQTT broker is not connected", "Look at the broker.")
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = content_type
        try:
            await client.publish(
                f"{self._root}/{topic}", payload, qos=1, retain=retain, properties=properties
            )
        except aiomqtt.MqttError as error:
            msg = f"the MQTT broker did not take the message: {error}"
            raise Unavailable("broker_unavailable", msg, "Look at the broker.") from error

    async def run(self) -> None:
        """Connect, say that we are here, and take messages until the connection ends (`aiomqtt.MqttError`)."""
        async with self._open() as client:
            try:
                await client.publish(f"{self._root}/status", b"online", qos=1, retain=True)
                await client.subscribe(self._settings.requests_topic, qos=1)
                self._client = client
                self._on_connected()
                log.info("broker_connected", host=self._settings.host, port=self._settings.port)
                await self._take_messages(client)
            finally:
                self._client = None
                await self._say_goodbye(client)

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        try:
            await client.publish(f"{self._root}/status", b"offline", qos=1, retain=True, timeout=2)
        except aiomqtt.MqttError as error:
            log.warning("broker_lost", error=str(error))

    def _open(self) -> aiomqtt.Client:
        settings = self._settings
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_SECONDS
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        password = (
            settings.password_file.read_text(encoding="utf-8").rstrip("\n")
            if settings.password_file
            else None
        )
        tls = ssl.create_default_context(cafile=str(settings.ca_file)) if settings.ca_file else None
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.username,
            password=password,
            identifier=self._root,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            keepalive=KEEPALIVE_SECONDS,
            properties=properties,
            tls_context=tls,
            will=aiomqtt.Will(f"{self._root}/status", b"offline", qos=1, retain=True),
        )
        client._client.manual_ack_set(True)  # noqa: SLF001 - the library offers no way of its own yet
        return client

    async def _take_messages(self, client: aiomqtt.Client) -> None:
        """Handle messages side by side, so that they share commits; acknowledge them in order (MQTT 5, 4.6)."""
        handled: asyncio.Queue[tuple[aiomqtt.Message, asyncio.Task[None]]] = asyncio.Queue(RECEIVE_MAXIMUM)

        async def acknowledge() -> None:
            while True:
                message, task = await handled.get()
                await task
                client._client.ack(message.mid, message.qos)  # noqa: SLF001 - as above

        async with asyncio.TaskGroup() as group:
            tasks.start(group, "mqtt-acknowledge", acknowledge())
            async for message in client.messages:
                task = tasks.start(group, "mqtt-message", self._on_request(message.payload))
                await handled.put((message, task))
