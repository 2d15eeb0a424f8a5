"""The parent's side of a token's process: starting it, frames to and fro, and its end.

All of it is callbacks of the event loop, so there is no task to own. Answers come in the order of the
requests; a request whose caller has gone is answered all the same, and the answer dropped.
"""

import asyncio
import collections
import contextlib
import functools
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

from hsm.errors import TokenError, token_error
from hsm.messages import LENGTH_OCTETS, MAX_FRAME, frame

_STDERR_OCTETS: Final = 2048
"""How much of the end of the module's own output is kept to explain a death."""

_MAX_UNANSWERED: Final = 64
"""Requests in flight; callers that were cancelled count until the process has answered."""

_DRAIN_SECONDS: Final = 5.0
"""How long a process may outlive its socket, or its socket (held by a child of the module) the process."""


class Child(asyncio.SubprocessProtocol):
    """One process of one token, with the requests that it has not answered yet."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._waiting: collections.deque[tuple[asyncio.Future[bytes], float]] = collections.deque()
        self._received = bytearray()
        self._stderr = b""
        self._timer: asyncio.TimerHandle | None = None
        self._cause: TokenError | None = None
        self._ending = False
        self._process: asyncio.SubprocessTransport | None = None
        self._socket: asyncio.Transport | None = None
        self._socket_lost = False
        self.ended = asyncio.Event()

    @classmethod
    async def start(cls, name: str, environment: Mapping[str, str]) -> "Child":
        """Start the process of the token *name*; `token_failed` if the system refuses."""
        child = cls(name)
        try:
            await child._spawn(environment)
        except OSError as error:
            raise token_error("token_failed", f"The process of {name} cannot be started: {error}.") from error
        return child

    async def _spawn(self, environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as undo:
            undo.callback(ours.close)
            undo.callback(self.kill)
            transport, _ = await self._loop.subprocess_exec(
                lambda: self,
                *(sys.executable, "-P", "-m", "hsm.worker", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **environment, "PYTHONPATH": _python_path()},
            )
            self._process = transport
            self._socket, _ = await self._loop.create_unix_connection(lambda: _Stream(self), sock=ours)
            undo.pop_all()

    async def ask(self, body: bytes, seconds: float) -> bytes:
        """Send a request and return the answer's body, within *seconds* after those before it are answered.

        Raises `token_died` or `token_timeout`.
        """
        if self._ending or self._socket is None:
            raise self._cause or self._death()
        if len(self._waiting) >= _MAX_UNANSWERED:
            raise token_error("token_busy", f"{self._name} has {_MAX_UNANSWERED} unanswered requests.")
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting.append((answer, seconds))
        self._socket.write(frame(body))
        if len(self._waiting) == 1:
            self._watch_first()
        return await answer

    @property
    def usable(self) -> bool:
        """Whether requests may be sent."""
        return not self._ending

    @property
    def pid(self) -> int:
        """The number of the process."""
        return cast("asyncio.SubprocessTransport", self._process).get_pid()

    async def close(self, seconds: float) -> None:
        """Let the process answer what it was asked and end; kill it after *seconds* without an end."""
        self._ending = True
        if self._socket is not None and not self._socket.is_closing():
            self._socket.write_eof()
        try:
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        except TimeoutError:
            self.kill()
            await self.ended.wait()

    def kill(self) -> None:
        """End the process at once; what it was asked fails."""
        self._ending = True
        if self._process is not None and self._process.get_returncode() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    # Called by the event loop for the process.

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep the end of what the module writes to its standard error."""
        del fd
        self._stderr = (self._stderr + data)[-_STDERR_OCTETS:]

    def process_exited(self) -> None:
        """Wait for the last answers in the socket, then fail what was not answered."""
        self._ending = True
        if self._process is not None:
            self._process.close()
        if self._socket is None or self._socket_lost:
            self._finish()
        else:
            self._set_timer(_DRAIN_SECONDS, self._socket.abort)

    def _finish(self) -> None:
        self._set_timer(0, None)
        while self._waiting:
            answer, _ = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(self._cause or self._death())
        self.ended.set()

    # Called for the socket.

    def data_received(self, data: bytes) -> None:
        """Hand each whole answer to the caller whose turn it is."""
        self._received += data
        while len(self._received) >= LENGTH_OCTETS:
            end = LENGTH_OCTETS + int.from_bytes(self._received[:LENGTH_OCTETS], "big")
            if end > MAX_FRAME:
                return self.kill()
            if len(self._received) < end:
                return None
            body = bytes(self._received[LENGTH_OCTETS:end])
            del self._received[:end]
            self._answer(body)
        return None

    def socket_lost(self) -> None:
        """Fail what was not answered once the process has ended, which it should do by itself now."""
        self._socket_lost = True
        self._ending = True
        self._set_timer(_DRAIN_SECONDS, self.kill)
        if self._process is not None and self._process.get_returncode() is not None:
            self._finish()

    def _answer(self, body: bytes) -> None:
        if not self._waiting:
            return self.kill()
        answer, _ = self._waiting.popleft()
        if not answer.done():
            answer.set_result(body)
        return self._watch_first()

    def _watch_first(self) -> None:
        """Give the first of those that wait its time."""
        if self._waiting:
            seconds = self._waiting[0][1]
            self._set_timer(seconds, functools.partial(self._time_out, seconds))
        else:
            self._set_timer(0, None)

    def _set_timer(self, seconds: float, action: Callable[[], None] | None) -> None:
        """Let *action* be the one thing that happens if nothing else does for *seconds*."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if action is None else self._loop.call_later(seconds, action)

    def _time_out(self, seconds: float) -> None:
        message = f"{self._name} did not answer within {seconds:g} seconds; its process was ended."
        self._cause = token_error("token_timeout", message)
        self.kill()

    def _death(self) -> TokenError:
        code = None if self._process is None else self._process.get_returncode()
        said = self._stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        detail = f" Its last words: {said}" if said else ""
        return token_error("token_died", f"The process of {self._name} ended with status {code}.{detail}")


class _Stream(asyncio.Protocol):
    """The socket's events; a lost connection ends the process."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def data_received(self, data: bytes) -> None:
        self._child.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._child.socket_lost()


def _python_path() -> str:
    """Let the process find this very package, whatever its working directory holds."""
    own = str(Path(__file__).parents[1])
    return os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
