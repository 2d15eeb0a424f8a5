"""Signed files go to an SFTP server: `FOLDER/NUMBER/NAME.csv`, its signature and its receipt.

The server has to have one of the host keys of the settings; no other is ever learnt. Each file is written under
another name, from where an earlier attempt was cut, read back and compared, and only then given its name, by a
rename that fails where something has that name (SFTP version 3, draft-ietf-secsh-filexfer-02, 6.5). asyncssh is
imported in this folder alone.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final

import asyncssh
import msgspec

from gateway.delivery.sftp_errors import told
from gateway.delivery.way import Handed
from gateway.delivery_settings import Sftp
from gateway.errors import Conflict, Unavailable

BLOCK: Final = 32_768
"""Bytes of one write or read: what every server takes (draft-ietf-secsh-filexfer-02, 3)."""


class Looked(msgspec.Struct, frozen=True):
    """What was seen of a server."""

    server: str
    """What it is, as it said and proved."""
    has_folder: bool


class SftpWay:
    """Opens a connection for each delivery and closes it after."""

    name = "sftp"
    is_quick = False

    def __init__(self, settings: Sftp) -> None:
        self._settings = settings

    async def deliver(self, number: int, parts: Mapping[str, bytes]) -> Handed:
        """Upload *parts*; raise `Unavailable` or, where another file has a name, `Conflict`."""
        settings = self._settings
        folder = PurePosixPath(settings.folder) / str(number)
        said = []
        with told(settings.host):
            async with self._opened() as (connection, sftp):
                upload = _Upload(sftp, settings)
                async with asyncio.timeout(settings.timeout_seconds):
                    await sftp.makedirs(str(folder), exist_ok=True)
                for name, data in parts.items():
                    said.append(await upload.put(folder, name, data))
                server = _server(connection)
        place = f"sftp://{settings.host}:{settings.port}/{folder}"
        return Handed(place, "; ".join([server, *said]))

    async def look(self) -> Looked:
        """Sign in and look for the folder, and write nothing; raise `Unavailable`."""
        settings = self._settings
        with told(settings.host):
            async with self._opened() as (connection, sftp), asyncio.timeout(settings.timeout_seconds):
                return Looked(_server(connection), await sftp.isdir(settings.folder))

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]]:
        settings, seconds = self._settings, self._settings.timeout_seconds
        secrets = await asyncio.to_thread(_secrets, settings)
        async with asyncio.timeout(2 * seconds):
            connection = await asyncssh.connect(
                settings.host,
                settings.port,
                username=settings.username,
                known_hosts=([asyncssh.import_public_key(key) for key in settings.host_keys], [], []),
                config=None,  # nothing of the account that the daemon runs under
                agent_path=None,
                x509_trusted_certs=None,
                connect_timeout=seconds,
                login_timeout=seconds,
                keepalive_interval=seconds,
                **secrets,
            )
        try:
            async with asyncio.timeout(seconds):
                sftp = await connection.start_sftp_client()
            yield connection, sftp
        finally:
            connection.close()
            try:
                async with asyncio.timeout(seconds):
                    await connection.wait_closed()
            except TimeoutError:
                connection.abort()


class _Upload:
    """Puts one file after the other, each step within its time."""

    def __init__(self, sftp: asyncssh.SFTPClient, settings: Sftp) -> None:
        self._sftp = sftp
        self._seconds = settings.timeout_seconds
        self._reads_back = settings.read_back

    async def put(self, folder: PurePosixPath, name: str, data: bytes) -> str:
        """Bring *data* under its name; return what the server says that it has."""
        sha256 = hashlib.sha256(data).hexdigest()
        final, part = str(folder / name), str(folder / f".{name}.{sha256[:16]}.part")
        size = await self._size(final)
        if size is None:
            resumed = await self._write(part, data)
            await self._verify(part, data)
            await self._name(part, final)
            how = f" (resumed at {resumed})" if resumed else ""
        else:
            how = " (there already)"
        if not await self._is_same(final, data):
            msg = f"the server has another file called {final}: nothing there was changed"
            remedy = "Find out whose file it is and have it moved away; it is tried again."
            raise Conflict("delivery_different_file", msg, remedy)
        kept = f"SHA-256 {sha256} read back" if self._reads_back else "size compared"
        return f"{name}: {len(data)} bytes, {kept}{how}"

    async def _size(self, path: str) -> int | None:
        async with asyncio.timeout(self._seconds):
            try:
                return (await self._sftp.stat(path)).size
            except asyncssh.SFTPNoSuchFile:
                return None

    async def _write(self, part: str, data: bytes) -> int:
        """Write what is missing; return after how many bytes an earlier attempt goes on."""
        start = await self._size(part) or 0
        if start > len(data) or (
            start and self._reads_back and await self._read(part, start) != data[:start]
        ):
            start = 0
        async with asyncio.timeout(self._seconds):
            file = await self._sftp.open(part, "r+b" if start else "wb", encoding=None)
        try:
            for offset in range(start, len(data), BLOCK):
                async with asyncio.timeout(self._seconds):
                    await file.write(data[offset : offset + BLOCK], offset)
            async with asyncio.timeout(self._seconds):
                with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                    await file.fsync()
        finally:
            async with asyncio.timeout(self._seconds):
                await file.close()
        return start

    async def _verify(self, part: str, data: bytes) -> None:
        """Compare what the server has with what was sent; what differs is taken away."""
        if await self._is_same(part, data):
            return
        async with asyncio.timeout(self._seconds):
            await self._sftp.remove(part)
        msg = f"what the server has in {part} is not what was sent"
        raise Unavailable("sftp_wrong_copy", msg, "It is sent anew; look at the server where that goes on.")

    async def _name(self, part: str, final: str) -> None:
        async with asyncio.timeout(self._seconds):
            try:
                await self._sftp.rename(part, final)
            except asyncssh.SFTPError:
                if await self._size(final) is None:
                    raise  # else somebody was faster: it is compared next

    async def _is_same(self, path: str, data: bytes) -> bool:
        if await self._size(path) != len(data):
            return False
        return not self._reads_back or await self._read(path, len(data)) == data

    async def _read(self, path: str, size: int) -> bytes:
        async with asyncio.timeout(self._seconds):
            file = await self._sftp.open(path, "rb", encoding=None)
        try:
            blocks: list[bytes] = []
            for offset in range(0, size, BLOCK):
                async with asyncio.timeout(self._seconds):
                    blocks.append(_octets(await file.read(min(BLOCK, size - offset), offset)))
        finally:
            async with asyncio.timeout(self._seconds):
                await file.close()
        return b"".join(blocks)


def _secrets(settings: Sftp) -> dict[str, Any]:
    """Read the key, or the password, as it is now."""
    secret = _line(settings.password_file) if settings.password_file else None
    if settings.key_file is None:
        return {"password": secret, "client_keys": None}
    try:
        key = asyncssh.read_private_key(settings.key_file, secret)
    except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        msg = f"the key {settings.key_file} cannot be used: {error}"
        raise Unavailable(
            "sftp_key_file", msg, "Correct delivery.sftp.key_file, or its passphrase."
        ) from error
    return {"client_keys": [key], "password": None}


def _line(path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the file {path} cannot be read"
        raise Unavailable("sftp_password_file", msg, "Correct delivery.sftp.password_file.") from error


def _octets(block: bytes | str) -> bytes:
    """Return what was read; without an encoding the library gives octets, and its types say either."""
    return block if isinstance(block, bytes) else block.encode()


def _server(connection: asyncssh.SSHClientConnection) -> str:
    """Return what the server is, as it said and proved."""
    key = connection.get_server_host_key()
    version = str(connection.get_extra_info("server_version"))
    return f"{version}, host key {key.get_fingerprint()}" if key else version
