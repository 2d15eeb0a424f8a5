"""A disk that is really full: a small file system in memory (root alone can mount one)."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Mount a file system of so many kilobytes on *folder*; skips where that is not allowed."""
    folder.mkdir(parents=True)
    size = f"size={kilobytes}k,mode=700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here: this needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Write a file until only *leave* bytes of the disk are free; delete it to make room again."""
    filler = folder / "filler"
    state = os.statvfs(folder)
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, state.f_bavail * state.f_frsize - leave)
    os.close(descriptor)
    return filler
