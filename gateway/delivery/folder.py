"""Signed files go into a folder: `FOLDER/NUMBER/NAME.csv`, its signature and its receipt."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from gateway.delivery.way import Handed
from gateway.durable import make_folder, sync_folder
from gateway.errors import Unavailable


class FolderWay:
    """Writes each file under another name first, and brings all to the disk."""

    name = "folder"
    is_quick = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deliver(self, number: int, parts: Mapping[str, bytes]) -> Handed:
        """Write *parts*; raise `Unavailable` where the folder cannot be written."""
        folder = self._folder / str(number)
        try:
            await asyncio.to_thread(_write_all, folder, parts)
        except OSError as error:
            msg = f"the signed file cannot be written to {folder}: {error.strerror}"
            remedy = "Make the folder writable; it is tried again."
            raise Unavailable("delivery_failed", msg, remedy) from error
        return Handed(str(folder), "")


def _write_all(folder: Path, parts: Mapping[str, bytes]) -> None:
    """Write each file under another name first: nobody ever sees half of one. The receipt comes last."""
    make_folder(folder)
    for name, data in parts.items():
        unfinished = folder / f".{name}.unfinished"
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / name)
    sync_folder(folder)
