"""The channels an alert can take. `send` returns when the other side has it, or raises."""

import asyncio
import errno
import fcntl
import os
from pathlib import Path
from typing import Final, Protocol

from gateway.alerts.message import decode
from gateway.durable import make_folder, sync_folder
from gateway.mqtt import Broker
from gateway.settings import Alerts


class Channel(Protocol):
    """One way to the SOC."""

    @property
    def name(self) -> str:
        """How settings, metrics and the outbox call it."""
        ...

    async def send(self, message: bytes) -> None:
        """Send an encoded `Alert`; it may come twice, with the same `id`."""
        ...


class MqttChannel:
    """Publishes at `adt-gateway/<instance>/incidents/<number>` with QoS 1."""

    name: Final = "mqtt"

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def send(self, message: bytes) -> None:
        """Publish; raises `Unavailable` where the broker does not take it."""
        await self._broker.publish(f"incidents/{decode(message).incident}", message)


class FileChannel:
    """Appends one line of JSON to a file and has it on disk before it returns."""

    name: Final = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, message: bytes) -> None:
        """Append; raises `OSError` where it cannot be written."""
        await asyncio.to_thread(self._append, message)

    def _append(self, message: bytes) -> None:
        if not self._path.parent.exists():
            make_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            # An attempt that was given up may still be writing: one at a time, or its line would be cut here.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            # What a power cut left of a line gets its end, or this one would be lost with it.
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            line = b"\n" * torn + message + b"\n"
            # One write of one line, so that readers never see half of it; where the disk is full the part
            # that fitted is taken back, or the next line would be glued to it.
            if os.write(descriptor, line) != len(line):
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(descriptor)
            if size == 0:  # it may be new
                sync_folder(self._path.parent)
        finally:
            os.close(descriptor)


def open_channels(settings: Alerts, broker: Broker | None) -> list[Channel]:
    """Return the channels that are set."""
    channels: list[Channel] = []
    if settings.file:
        channels.append(FileChannel(settings.file))
    if broker and settings.mqtt:
        channels.append(MqttChannel(broker))
    return channels
