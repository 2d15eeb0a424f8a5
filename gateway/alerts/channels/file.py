"""Alerts as JSON lines in a file."""

import asyncio
import errno
import fcntl
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from gateway.durable import make_folder, sync_folder


class FileChannel:
    """Appends one line of JSON for each alert to a file and has it on disk before it returns."""

    name: Final = "file"
    batch: Final = 100

    def __init__(self, path: Path) -> None:
        self._path = path
        # A disk that hangs keeps this one thread and none of those that others need.
        self._thread = ThreadPoolExecutor(1, "alerts-file")

    async def send(self, messages: Sequence[bytes]) -> str:
        """Append; raises `OSError` where it cannot be written."""
        lines = b"\n".join(messages)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._append, lines)
        return f"written to {self._path}"

    async def close(self) -> None:
        """Give the thread back; nothing else is held open."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _append(self, lines: bytes) -> None:
        if not self._path.parent.exists():
            make_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            # An attempt that was given up may still be writing: one at a time, or its line would be cut here.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            # What a power cut left of a line gets its end, or this one would be lost with it.
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            text = b"\n" * torn + lines + b"\n"
            # One write of whole lines, so that readers never see half of one; where the disk is full the part
            # that fitted is taken back, or the next line would be glued to it.
            if os.write(descriptor, text) != len(text):
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(descriptor)
            if size == 0:  # it may be new
                sync_folder(self._path.parent)
        finally:
            os.close(descriptor)
