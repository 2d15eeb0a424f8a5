"""What is brought to the disk: the real `fsync`, watched."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def watched_fsync(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Yield the list of files and folders that are synchronised, as it grows."""
    synced: list[Path] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", watch)
        yield synced
