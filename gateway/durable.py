"""Folders that outlast a power cut: a new name is on disk only once the folder that holds it is (fsync(2))."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Bring the names in *folder* to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make *folder* and what is missing above it; on disk when this returns."""
    made = [each for each in folder.parents if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder, *made):
        sync_folder(each.parent)
