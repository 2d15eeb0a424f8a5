"""The daemon's process, forked off one that has imported everything: a start takes a third of the time.

It runs what the command runs. The command itself is started where a test gives it an environment (the loader reads
that before Python does), where coverage is measured and where it is no test that starts it, but a benchmark.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.cli import main

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["gateway.daemon", "gateway.cli.serve", __name__])


class ForkedProcess:
    """What the tests use of `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._process = _CONTEXT.Process(target=_run, args=(arguments, dict(environment), str(log)))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, of a signal its number with a minus; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once there is one."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("adt-gateway", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self.send_signal(signal.SIGKILL)


def start(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path, *, fork: bool
) -> ForkedProcess | subprocess.Popen[bytes]:
    """Start *command*; what it says goes to *log*. With *fork* its first part, which file to run, is not looked at."""
    arguments = [str(part) for part in command]
    if fork and "PYTEST_VERSION" in os.environ and "COVERAGE_PROCESS_CONFIG" not in os.environ:
        return ForkedProcess(arguments, environment, log)
    with log.open("ab") as file:
        return subprocess.Popen(arguments, stderr=file, stdout=file, env=environment)


def _run(arguments: Sequence[str], environment: dict[str, str], log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [*arguments]
    main()
