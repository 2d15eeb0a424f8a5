"""Messages in: acknowledged by hand, bounded in bytes by not reading on."""

import asyncio
import ssl
from typing import Any, Final

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage

IN_FLIGHT_BYTES: Final = 64 * 1024 * 1024
"""From so many unacknowledged bytes on the socket is not read. Where that lasts, the keepalive ends the
connection after 40 seconds; nothing is lost by it, the broker sends again."""


class Inflow:
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
