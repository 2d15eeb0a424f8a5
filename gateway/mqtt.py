"""MQTT 5 behind one small port: the only module that knows aiomqtt.

aiomqtt acknowledges a message on receipt, keeps an unbounded queue and drops what the broker answers to a publish.
Here a message is acknowledged when its handler has returned, after the commit; the broker holds the rest back and
sends what was not acknowledged again. What the broker refuses is an error.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final

import aiomqtt
import structlog
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway import tasks
from gateway.errors import Unavailable
from gateway.settings import Mqtt

log = structlog.get_logger(__name__)

RECEIVE_MAXIMUM: Final = 2000
"""Messages that may be unacknowledged at once (MQTT 5, 3.1.2.11.3): the bound of every queue in here."""
MAXIMUM_PACKET_BYTES: Final = 16 * 1024 * 1024 + 128 * 1024
"""Largest packet that is taken (MQTT 5, 3.1.2.11.4): the largest DUIS document, its topic (65 535 bytes at
the most) and as much for its properties. The broker throws a larger message away and tells nobody."""
IN_FLIGHT_BYTES: Final = 64 * 1024 * 1024
"""From so many unacknowledged bytes on the socket is not read. Where that lasts, the keepalive ends the
connection after 40 seconds; nothing is lost by it, the broker sends again."""
SESSION_SECONDS: Final = 7 * 86_400
"""How long the broker keeps what arrives while the gateway is away."""
KEEPALIVE_SECONDS: Final = 20
ANSWER_SECONDS: Final = 10.0
"""How long the broker may take to acknowledge a message of ours."""
GOODBYE_SECONDS: Final = 2.0
FAILURE: Final = 0x80
"""Reason codes from here on are refusals (MQTT 5, 2.4)."""
NO_MATCHING_SUBSCRIBERS: Final = 0x10
"""It was taken, and nobody listens now (MQTT 5, 3.4.2.1)."""
EXPECTED: Final = (Unavailable, aiomqtt.MqttError, OSError)
"""Troubles of a broker or of the way to it."""
NOT_CONNECTED: Final = "the MQTT broker is not connected; it is tried again"

Handler = Callable[[bytes], Coroutine[Any, Any, None]]
"""Takes the payload of a message; when it returns, the message is acknowledged."""


class Connection:
    """Publishes and subscribes through an aiomqtt client, and heeds what the broker answers."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._paho: Paho = client._client  # noqa: SLF001 - the library offers no way to the answers
        self._answers: dict[int, asyncio.Future[ReasonCode]] = {}
        self._inner = self._paho.on_publish
        self._paho.on_publish = self._on_publish

    async def subscribe(self, topic: str) -> None:
        """Subscribe with QoS 1; raises `Unavailable` `broker_refused` where that is not allowed."""
        for code in await self._client.subscribe(topic, qos=1):
            value = code.value if isinstance(code, ReasonCode) else code
            if value >= FAILURE:
                raise _refused("read", topic, code)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        content_type: str = "",
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Publish with QoS 1; return when the broker has it.

        Raises `Unavailable`: `broker_refused` where it does not want it, else `broker_unavailable`.
        """
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if content_type:
            properties.ContentType = content_type
        info = self._paho.publish(topic, payload, 1, retain, properties)
        if info.rc:
            raise _unavailable(aiomqtt.MqttCodeError(info.rc))
        self._answers[info.mid] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                code = await self._answers[info.mid]
        except TimeoutError as error:
            raise _unavailable(error) from error
        finally:
            del self._answers[info.mid]
        if code.value >= FAILURE:
            raise _refused("write", topic, code)
        if code.value == NO_MATCHING_SUBSCRIBERS:
            log.debug("nobody_listens", topic=topic)

    def _on_publish(self, paho: Paho, data: Any, mid: int, code: ReasonCode, properties: Properties) -> None:
        if mid in self._answers and not self._answers[mid].done():
            self._answers[mid].set_result(code)
        if self._inner is not None:
            self._inner(paho, data, mid, code, properties)  # type: ignore[call-arg] # version 2


class _Inflow:
    """Counts the bytes that came and are not acknowledged; above `IN_FLIGHT_BYTES` the socket is not read.

    They are counted as they come: aiomqtt puts them into its queue whether anybody takes them or not.
    """

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._paho: Paho = client._client  # noqa: SLF001 - the library offers no way to hold back
        self._loop = asyncio.get_running_loop()
        self._bytes = 0
        self._held = False
        self._inner = self._paho.on_message
        self._paho.on_message = self._on_message

    def _on_message(self, paho: Paho, data: Any, message: MQTTMessage) -> None:
        self._bytes += len(message.payload)
        if self._inner is not None:
            self._inner(paho, data, message)
        socket = paho.socket()
        if self._bytes >= IN_FLIGHT_BYTES and socket is not None and not self._held:
            self._held = True
            self._loop.remove_reader(socket.fileno())

    def acknowledge(self, message: aiomqtt.Message, size: int) -> None:
        """Acknowledge a message of *size* bytes; read on where that makes room."""
        self._paho.ack(message.mid, message.qos)
        self._bytes -= size
        socket = self._paho.socket()
        if self._held and self._bytes < IN_FLIGHT_BYTES and socket is not None:
            self._held = False
            self._loop.add_reader(socket.fileno(), self._read)
            self._read()  # TLS may hold decoded bytes that the loop knows nothing of

    def _read(self) -> None:
        """Read as aiomqtt does, whose reader was taken out."""
        try:
            while not self._held:
                self._paho.loop_read()
                socket = self._paho.socket()
                if not (isinstance(socket, ssl.SSLSocket) and socket.pending()):
                    return
        except Exception as error:  # noqa: BLE001 - whatever breaks here ends the connection, and is told there
            ended = self._client._disconnected  # noqa: SLF001 - as above
            if not ended.done():
                ended.set_exception(error)


class Broker:
    """The connection to the broker; `run` is to be supervised, and connects anew each time."""

    def __init__(
        self, settings: Mqtt, instance: str, on_request: Handler, on_connected: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._root = f"adt-gateway/{instance}"
        self._on_request = on_request
        self._on_connected = on_connected
        self._connection: Connection | None = None
        self._down = NOT_CONNECTED
        self._refused: dict[str, str] = {}

    @property
    def connected(self) -> bool:
        """Whether the broker can be reached now, and refuses nothing."""
        return not self.trouble

    @property
    def trouble(self) -> str:
        """Why the broker cannot be used or what it refuses; empty where all is well."""
        return self._down if self._connection is None else "; ".join(self._refused.values())

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, content_type: str = "application/json"
    ) -> None:
        """Publish below the instance's root with QoS 1; return when the broker has it.

        Raises `Unavailable` (`broker_unavailable`, `broker_refused`) where it does not take it.
        """
        if self._connection is None:
            raise Unavailable("broker_unavailable", self._down, "Look at the broker; it is tried again.")
        try:
            await self._connection.publish(
                f"{self._root}/{topic}", payload, retain=retain, content_type=content_type
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
        trouble = error if isinstance(error, Unavailable) else _unavailable(error)
        self._down = trouble.message
        return trouble

    async def _run(self) -> None:
        client = self._open()
        connection, inflow = Connection(client), _Inflow(client)
        async with client:
            try:
                await connection.subscribe(self._settings.requests_topic)
                self._refused.clear()
                self._connection = connection
                await self._say_online()
                self._on_connected()
                log.info("broker_connected", host=self._settings.host, port=self._settings.port)
                await self._take_messages(client, inflow)
            finally:
                self._connection = None
                await self._say_goodbye(connection)

    async def _say_online(self) -> None:
        """Set the status; where that is refused, requests are counted all the same."""
        try:
            await self.publish("status", b"online", retain=True, content_type="")
        except Unavailable as error:
            if error.code != "broker_refused":
                raise
            log.warning("status_refused", error=error.message)

    async def _say_goodbye(self, connection: Connection) -> None:
        """Set the status as the last will would: that speaks for us where this fails."""
        with contextlib.suppress(Unavailable):
            await connection.publish(f"{self._root}/status", b"offline", retain=True, seconds=GOODBYE_SECONDS)

    def _open(self) -> aiomqtt.Client:
        settings = self._settings
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_SECONDS
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
        secret = settings.password_file
        password = secret.read_text("utf-8").rstrip("\n") if secret else None
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

    async def _take_messages(self, client: aiomqtt.Client, inflow: _Inflow) -> None:
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
                task = tasks.start(group, "mqtt-message", self._on_request(message.payload))
                await handled.put((message, len(message.payload), task))


def _unavailable(error: Exception) -> Unavailable:
    """Say why; aiomqtt hides it behind "Disconnected during message iteration"."""
    why = error.__cause__ if isinstance(error, aiomqtt.MqttError) and error.__cause__ else error
    msg = f"the MQTT broker cannot be used: {str(why) or type(why).__name__}"
    return Unavailable("broker_unavailable", msg, "Look at the broker; it is tried again.")


def _refused(verb: str, topic: str, code: object) -> Unavailable:
    msg = f"the MQTT broker refused to let us {verb} {topic}: {code}"
    return Unavailable("broker_refused", msg, "Allow the topic to the gateway's user at the broker.")
