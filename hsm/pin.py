"""The PIN, read at the moment of use, and the memory of PINs that a token refused.

Tokens lock after a few wrong PINs, so one that was refused is not offered again by itself, not even after
a restart. It is remembered as a salted scrypt fingerprint (RFC 7914).
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final

import msgspec

from hsm.errors import TokenError, token_error

PIN_BYTES: Final = 256
"""Longest PIN; PKCS#11 names no limit, tokens take up to 255 octets."""

_FINGERPRINTS: Final = 16
"""Refused PINs that are remembered; the oldest goes first."""


class Pin:
    """A PIN that prints nowhere; `reveal` gives the text for the one call that needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Pin(hidden)"

    def __reduce__(self) -> str:
        message = "a PIN is not copied, stored or sent"
        raise TypeError(message)

    def reveal(self) -> str:
        """Return the PIN itself."""
        return self._text


def read_pin(path: Path) -> Pin:
    """Read the PIN from *path* without one trailing newline; `TokenError` `pin_file` if it cannot be used."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(PIN_BYTES + 2)
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from None
    if mode & _others(path):
        raise _unusable(path, f"others than its owner may use it (mode {stat.S_IMODE(mode):04o})")
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if not content or len(content) > PIN_BYTES:
        raise _unusable(path, f"it must hold 1 to {PIN_BYTES} octets")
    try:
        return Pin(content.decode())
    except UnicodeDecodeError:
        raise _unusable(path, "it is not UTF-8 text") from None


def _others(path: Path) -> int:
    """Return the bits of the mode that nobody but the owner may have.

    systemd 254 and later let a service read its credentials by an access control list, which shows as the
    group's bit; the folder around them belongs to the service alone (systemd.exec(5), LoadCredential=).
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    group = stat.S_IWGRP | stat.S_IXGRP if credentials and path.parent == Path(credentials) else stat.S_IRWXG
    return group | stat.S_IRWXO


def _unusable(path: Path, why: str) -> TokenError:
    return token_error("pin_file", f"The PIN file {path} cannot be used: {why}.")


def create_pin_file(path: Path) -> None:
    """Write a random PIN of 16 digits to a new file that only its owner can read; `FileExistsError` otherwise."""
    write_private(path, f"{secrets.randbelow(10**16):016d}\n".encode())


def write_private(path: Path, content: bytes) -> None:
    """Write *content* to a new file with mode 0600 and bring it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - opens a descriptor, not a path
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring the names in *folder* to the disk: a file is lost with its name (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Fingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str
    salt: bytes
    fingerprint: bytes


class Refusals:
    """The PINs that tokens refused, in a small file of mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check_writable(self) -> None:
        """Raise `refusal_file` where a refusal could not be recorded: then no PIN is offered."""
        if not os.access(self._path.parent, os.W_OK | os.X_OK):
            message = f"The directory {self._path.parent} of the refusal file cannot be written."
            raise token_error("refusal_file", message)

    def holds(self, token: str, pin: Pin) -> bool:
        """Whether *token* (its label and serial number) refused *pin* before."""
        known = [known for known in self._read() if known.token == token]
        return any(hmac.compare_digest(_fingerprint(pin, each.salt), each.fingerprint) for each in known)

    def add(self, token: str, pin: Pin) -> None:
        """Remember that *token* refused *pin*; on disk when this returns."""
        salt = secrets.token_bytes(16)
        known = [*self._read(), _Fingerprint(token, salt, _fingerprint(pin, salt))]
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        write_private(fresh, msgspec.json.encode(known[-_FINGERPRINTS:]))
        fresh.replace(self._path)
        _sync_folder(self._path.parent)

    def _read(self) -> list[_Fingerprint]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[_Fingerprint])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            message = f"The refusal file {self._path} cannot be read: {type(error).__name__}."
            raise token_error("refusal_file", message) from None


def _fingerprint(pin: Pin, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.reveal().encode(), salt=salt, n=2**14, r=8, p=1)


def forget_refusal(path: Path) -> None:
    """Forget every refused PIN of the refusal file *path*, so that it may be offered once more."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
