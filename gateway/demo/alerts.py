"""The SOC's and the adaptor's side of the broker, for the demonstration."""

import asyncio
import contextlib
import json
import threading
from types import TracebackType
from typing import Any, Self

import aiomqtt


async def publish(port: int, topic: str, messages: list[bytes]) -> None:
    """Publish *messages* with QoS 1; return when the broker has them all."""
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        for message in messages:
            await client.publish(topic, message, qos=1)


class AlertListener:
    """Subscribes to alerts in a thread of its own and keeps what it receives."""

    def __init__(self, port: int, topic: str) -> None:
        self._port = port
        self._topic = topic
        self._received: list[dict[str, Any]] = []
        self._subscribed = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._subscribed.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    def find(self, event: str, incident: int) -> dict[str, Any] | None:
        """Return the alert of this event, once it has come."""
        for alert in list(self._received):
            if (alert["event"], alert["incident"]) == (event, incident):
                return alert
        return None

    def _run(self) -> None:
        self._task = self._loop.create_task(self._listen())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    async def _listen(self) -> None:
        async with aiomqtt.Client("127.0.0.1", self._port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe(self._topic, qos=1)
            self._subscribed.set()
            async for message in client.messages:
                self._received.append(json.loads(message.payload) | {"topic": str(message.topic)})
