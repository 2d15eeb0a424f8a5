"""The folders that the daemon writes to."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from gateway.doctor.finding import Check, Finding, failed, ok, warning
from gateway.settings import Settings

DATA = "data directory"
SPACE = "disk space"
DELIVERY = "delivery folder"

MIB: Final = 1024 * 1024
WARN_BELOW: Final = 1024 * MIB
FAIL_BELOW: Final = 100 * MIB


def nearest_existing(path: Path) -> Path:
    """Return *path*, or the nearest folder above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


def judge_folder(name: str, path: Path) -> Finding:
    """Tell whether *path* can be written, or made where it is not there."""
    found = nearest_existing(path)
    if not found.is_dir():
        return failed(name, f"{found} is no folder", "Move it away, or set another folder.")
    if not os.access(found, os.W_OK | os.X_OK):
        remedy = f"Give the account that runs the daemon the right to write {found}."
        return failed(name, f"{found} cannot be written by this account", remedy)
    if found != path:
        return ok(name, f"{path} is not there yet; the daemon makes it")
    return ok(name, f"{path} can be written")


def judge_space(path: Path, free: int) -> Finding:
    """Tell whether *free* bytes are enough for the journal and the audit chain at *path*."""
    what = f"{free // MIB} MiB are free at {path}"
    remedy = "Make room: when the disk is full, requests are refused and nothing is counted."
    if free < FAIL_BELOW:
        return failed(SPACE, what, remedy)
    return warning(SPACE, what, remedy) if free < WARN_BELOW else ok(SPACE, what)


async def _folders(settings: Settings, now: float) -> AsyncIterator[Finding]:
    del now
    yield judge_folder(DATA, settings.data_directory)
    found = nearest_existing(settings.data_directory)
    yield judge_space(found, shutil.disk_usage(found).free)
    if settings.delivery.channel == "folder":
        yield judge_folder(DELIVERY, settings.delivery_folder)
    else:
        yield ok(DELIVERY, f"not used: delivery.channel is {settings.delivery.channel}")


CHECKS = (Check((DATA, SPACE, DELIVERY), _folders),)
