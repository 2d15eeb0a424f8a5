"""Makes the way by which signed files leave, from the settings."""

from pathlib import Path

from gateway.delivery.folder import FolderWay
from gateway.delivery.way import Way
from gateway.delivery_settings import Delivery


def open_way(settings: Delivery, folder: Path) -> Way | None:
    """Return the way that is set; *folder* is where files go without one. None where people hand files over."""
    if settings.channel == "by_hand":
        return None
    if settings.channel == "sftp" and settings.sftp is not None:
        from gateway.delivery.sftp import SftpWay  # its library costs a fifth of a start

        return SftpWay(settings.sftp)
    return FolderWay(folder)
