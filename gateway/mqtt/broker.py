"""The broker: connects anew each time, takes messages, and is what everybody else publishes through."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway import tasks
from gateway.errors import Unavailable
from gateway.mqtt.connection import NONE, Connection, properties_of
from gateway.mqtt.errors import EXPECTED, unavailable
from gateway.mqtt.identity import password, tls_context
from gateway.mqtt.inflow import Inflow
from gateway.settings import Mqtt

log = structlog.get_logger(__name__)

RECEIVE_MAXIMUM: Final = 2000
"""Messages that may be unacknowledged at once (MQTT 5, 3.1.2.11.3): the bound of every queue in here."""
MAXIMUM_PACKET_BYTES: Final = 16 * 1024 * 1024 + 128 * 1024
"""Largest packet that is taken (MQTT 5, 3.1.2.11.4): the largest DUIS document, its topic (65 535 bytes at
the most) and as much for its properties. The broker throws a larger message away and tells nobody."""
SESSION_SECONDS: Final = 7 * 86_400
"""How long the broker keeps what arrives while the gateway is away."""
KEEPALIVE_SECONDS: Final = 20
GOODBYE_SECONDS: Final = 2.0
NOT_CONNECTED: Final = "the MQTT broker is not connected; it is tried again"
ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
TEXT: Final = "text/plain"
OURS: Final = MappingProxyType({"schema": "adt-gateway-status-1", "version": version("adt-gateway")})
"""User properties of the status."""
SHOWN_REFUSALS: Final = 3
"""Refused topics that `trouble` names."""

Handler = Callable[[bytes], Coroutine[Any, Any, None]]
"""Takes the payload of a message; when it returns, the message is acknowledged."""


class Broker:
    """The connection to the broker; `run` is to be supervised, and connects anew each time."""

    def __init__(
        self,
        settings: Mqtt,
        instance: str,
        handlers: Mapping[str, Handler],
        on_connected: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._root = f"adt-gateway/{instance}"
        self._handlers = handlers
        self._on_connected = on_connected
        self._connection: Connection | None = None
        self._down = NOT_CONNECTED
        self._refused: dict[str, str] = {}

    @property
    def reachable(self) -> bool:
        """Whether the broker is connected, whatever it refuses."""
        return self._connection is not None

    @property
    def connected(self) -> bool:
        """Whether the broker can be reached now, and refuses nothing."""
        return not self.trouble

    @property
    def trouble(self) -> str:
        """Why the broker cannot be used or what it refuses; empty where all is well."""
        if self._connection is None:
            return self._down
        shown = list(self._refused.values())[:SHOWN_REFUSALS]
        more = len(self._refused) - len(shown)
        return "; ".join([*shown, *([f"{more} more topics"] if more else [])])

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        content_type: str = "application/json",
        expiry: int | None = None,
        properties: Mapping[str, str] = NONE,
    ) -> None:
        """Publish below the instance's root with QoS 1; return when the broker has it.

        After *expiry* seconds the broker gives it to nobody any more; *properties* are user properties. Raises `Unavailable` (`broker_unavailable`, `broker_refused`) where it does not take it.
        """
        if self._connection is None:
            raise Unavailable("broker_unavailable", self._down, "Look at the broker; it is tried again.")
        try:
            await self._connection.publish(
                f"{self._root}/{topic}",
                payload,
                retain=retain,
                content_type=content_type,
                expiry=expiry,
                properties=properties,
            )
        except Unavailable as error:
            if error.code == "broker_refused":
                self._refused[topic] = error.message
            raise
        self._refused.pop(topic, None)

    async def run(self) -> None:
        """Connect, say that we are here, and take messages until the connection ends (`Unavailable`)."""
        try:
            await self._run()
        except EXPECTED as error:
            raise self._note(error) from None
        except ExceptionGroup as group:
            if group.split(EXPECTED)[1] is not None:
                raise
            raise self._note(group.exceptions[0]) from None

    def _note(self, error: Exception) -> Unavailable:
        trouble = error if isinstance(error, Unavailable) else unavailable(error)
        self._down = trouble.message
        return trouble

    async def _run(self) -> None:
        client = self._open()
        connection, inflow = Connection(client), Inflow(client)
        async with connection.opened():
            try:
                self._refused.clear()
                await self._subscribe(connection)
                self._connection = connection
                await self._say_online()
                self._on_connected()
                log.info("broker_connected", host=self._settings.host, port=self._settings.port)
                await self._take_messages(client, inflow)
            finally:
                self._connection = None
                await self._say_goodbye(connection)

    async def _subscribe(self, connection: Connection) -> None:
        """Subscribe to every topic; requests are counted though the broker refuses the others."""
        for topic in self._handlers:
            try:
                await connection.subscribe(topic)
            except Unavailable as error:
                if error.code != "broker_refused" or topic == self._settings.requests_topic:
                    raise
                self._refused[topic] = error.message
                log.warning("topic_refused", topic=topic, error=error.message)

    async def _say_online(self) -> None:
        """Set the status; where that is refused, requests are counted all the same."""
        try:
            await self.publish("status", ONLINE, retain=True, content_type=TEXT, properties=OURS)
        except Unavailable as error:
            if error.code != "broker_refused":
                raise
            log.warning("status_refused", error=error.message)

    async def _say_goodbye(self, connection: Connection) -> None:
        """Set the status as the last will would: that speaks for us where this fails."""
        with contextlib.suppress(Unavailable):
            await connection.publish(
                f"{self._root}/status",
                OFFLINE,
                retain=True,
                content_type=TEXT,
                properties=OURS,
                seconds=GOODBYE_SECONDS,
            )

    def _will(self) -> aiomqtt.Will:
        """Return what the broker says for us where we vanish, unless we are back in time (MQTT 5, 3.1.3.2.2)."""
        properties = properties_of(PacketTypes.WILLMESSAGE, TEXT, OURS)
        properties.WillDelayInterval = self._settings.will_delay_seconds
        return aiomqtt.Will(f"{self._root}/status", OFFLINE, qos=1, retain=True, properties=properties)

    def _open(self) -> aiomqtt.Client:
        settings = self._settings
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_SECONDS
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.username,
            password=password(settings),
            identifier=self._root,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            keepalive=KEEPALIVE_SECONDS,
            properties=properties,
            tls_context=tls_context(settings),
            will=self._will(),
        )
        client._client.manual_ack_set(True)  # noqa: SLF001 - the library offers no way of its own yet
        return client

    async def _take_messages(self, client: aiomqtt.Client, inflow: Inflow) -> None:
        """Handle messages side by side, so that they share commits; acknowledge them in order (MQTT 5, 4.6)."""
        handled: asyncio.Queue[tuple[aiomqtt.Message, int, asyncio.Task[None]]] = asyncio.Queue(
            RECEIVE_MAXIMUM
        )

        async def acknowledge() -> None:
            while True:
                message, size, task = await handled.get()
                await task
                inflow.acknowledge(message, size)

        async with asyncio.TaskGroup() as group:
            tasks.start(group, "mqtt-acknowledge", acknowledge())
            async for message in client.messages:
                task = tasks.start(group, "mqtt-message", self._handle(message))
                await handled.put((message, len(message.payload), task))

    async def _handle(self, message: aiomqtt.Message) -> None:
        for topic, handler in self._handlers.items():
            if message.topic.matches(topic):
                await handler(message.payload)
                return
        # Of a subscription of before the settings changed, which the broker still remembers.
        log.warning("message_of_no_topic", topic=str(message.topic)[:200])
