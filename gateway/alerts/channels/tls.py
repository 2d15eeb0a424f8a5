"""What connections of channels are made with, and their secrets: read from files at the moment of use."""

import asyncio
import ssl
from pathlib import Path
from typing import Final

from gateway.channel_section import TlsSettings
from gateway.errors import Unavailable

LONGEST_SECRET: Final = 4096
"""Bytes of a file with a password, a token or two secrets."""

REMEDY: Final = "Correct the file or its rights; it is tried again by itself."


class Trust:
    """Makes contexts for TLS from 1.2 on; a file that has changed counts from the next connection."""

    def __init__(self, settings: TlsSettings) -> None:
        files = settings.ca_file, settings.certificate_file, settings.key_file
        self._files = [file for file in files if file]
        self._settings = settings
        self._made: tuple[list[tuple[int, int, int]], ssl.SSLContext] | None = None

    async def context(self) -> ssl.SSLContext:
        """Return what to connect with; raise `Unavailable` where a file cannot be used."""
        return await asyncio.to_thread(self._context)

    def _context(self) -> ssl.SSLContext:
        try:
            state = [
                (found.st_ino, found.st_mtime_ns, found.st_size) for found in map(Path.stat, self._files)
            ]
            if self._made is None or self._made[0] != state:
                self._made = state, self._make()
        except (OSError, ssl.SSLError) as error:
            why = getattr(error, "reason", None) or error.strerror or type(error).__name__
            names = ", ".join(map(str, self._files))
            msg = f"the files for TLS cannot be used ({names}): {why}"
            remedy = "Give PEM files that belong together, without a passphrase, that the daemon may read."
            raise Unavailable("channel_files", msg, remedy) from error
        return self._made[1]

    def _make(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.certificate_file:
            # Without a password of our own OpenSSL would ask for one on the terminal.
            context.load_cert_chain(settings.certificate_file, settings.key_file, lambda: "")
        return context


async def read_secret(path: Path) -> str:
    """Return what stands in a file, without white space around it; raise `Unavailable` where that is nothing."""
    return await asyncio.to_thread(_read, path)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = file.read(LONGEST_SECRET + 1)
        text = found.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise Unavailable("channel_files", f"{path} cannot be read: {why}", REMEDY) from None
    if not text or len(found) > LONGEST_SECRET:
        what = f"has more than {LONGEST_SECRET} bytes" if text else "is empty"
        raise Unavailable("channel_files", f"{path} {what}", REMEDY)
    return text
