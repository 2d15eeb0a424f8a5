"""Processes that outlive the demonstration, and their end."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0


class Running:
    """A process started by `start`, in a session of its own."""

    def __init__(self, process: subprocess.Popen[bytes], record: Path) -> None:
        self._process = process
        self._record = record
        self.pid = process.pid

    def wait_for(self, ready: Callable[[], bool]) -> bool:
        """Wait until *ready*; tell whether that came before the process ended or time ran out."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            if ready():
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def stop(self) -> None:
        """End the process in order, by force where it does not listen."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._record.unlink(missing_ok=True)


def start(folder: Path, name: str, command: list[str]) -> Running:
    """Start *command* with its output in `NAME.log`, and leave its number in `NAME.pid`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ADT_GATEWAY_")}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    record = folder / f"{name}.pid"
    record.write_text(f"{process.pid} {_started(process.pid)}\n", encoding="ascii")
    return Running(process, record)


def stop_recorded(folder: Path) -> list[str]:
    """Stop what an earlier run left running; return the names of what was stopped."""
    stopped = []
    for record in sorted(folder.glob("*.pid"), reverse=True):
        number, _, started = record.read_text(encoding="ascii").strip().partition(" ")
        pid = int(number)
        # The number may belong to somebody else by now: only a process that began then is ours.
        if started and _started(pid) == started:
            _end(pid)
            stopped.append(record.stem)
        record.unlink()
    return stopped


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    started = _started(pid)
    while _started(pid) == started and started:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def _started(pid: int) -> str:
    """Return when a process began, in clock ticks since the machine did (proc(5)); empty for one that ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def is_open(port: int) -> bool:
    """Tell whether somebody listens on *port*."""
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0
