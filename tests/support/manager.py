"""A service manager's end of sd_notify(3): a datagram socket that keeps what it was told."""

import socket
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec


class Told(msgspec.Struct, frozen=True):
    """One datagram, as the variables it sets."""

    variables: dict[str, str]

    def __contains__(self, name: str) -> bool:
        return name in self.variables


class Manager:
    """Listens while it is a context; `address` goes into `NOTIFY_SOCKET`."""

    def __init__(self, address: Path | str) -> None:
        self.address = str(address)

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def told(self, seconds: float = 20.0) -> Told | None:
        """Return the next datagram; None where none comes within *seconds*."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(4096)
        except (TimeoutError, BlockingIOError):
            return None
        return Told(dict(line.split("=", 1) for line in data.decode().split("\n")))

    def wait_for(self, name: str) -> Told:
        """Return the next datagram that sets *name*."""
        while (told := self.told()) is not None:
            if name in told:
                return told
        message = f"the daemon never said {name}"
        raise AssertionError(message)

    def forget(self) -> None:
        """Drop what was told until now."""
        while self.told(0.0) is not None:
            pass
