"""What the daemon asks of a token's process, and how it travels: frames of msgpack behind a length.

A frame is four octets of length (big-endian) and the body. The first body is a `TokenConfig`; every other
request is one of `Request`. Each is answered, in order, by one octet (`DONE` or `FAILED`) and the result or
a `Failure`.
"""

from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from hsm.model import Container, KeyType

MAX_DATA: Final = 32 * 1024 * 1024
"""Most octets that are signed at once; ADT files are far smaller."""

MAX_FRAME: Final = 2 * MAX_DATA + 64 * 1024
"""Largest body: an attached signature holds the data once, the rest is room for certificates."""

LENGTH_OCTETS: Final = 4
DONE: Final = b"\x00"
FAILED: Final = b"\x01"

T = TypeVar("T")


class Sign(msgspec.Struct, frozen=True, tag=True):
    """Sign *data*; answered by a `SignedArtefact`."""

    data: bytes
    container: Container


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Answered by a `TokenDescription`."""


class RequestCertificate(msgspec.Struct, frozen=True, tag=True):
    """Make a certificate signing request; answered by its PEM text."""

    common_name: str
    organisation: str | None
    eui64: str | None


class ImportCertificates(msgspec.Struct, frozen=True, tag=True):
    """Put certificates on the token; answered by a `TokenDescription`."""

    pem: bytes


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Ask the token for the key; answered by None."""


class Initialise(msgspec.Struct, frozen=True, tag=True):
    """Make the token and its key pair; answered by a `TokenDescription`."""

    so_pin_file: Path
    key_type: KeyType


class Failure(msgspec.Struct, frozen=True):
    """A `TokenError` on its way."""

    code: str
    message: str
    remedy: str


Request = Sign | Describe | RequestCertificate | ImportCertificates | Ping | Initialise


def encode(value: Any) -> bytes:
    """Turn a value of ours into msgpack."""
    return msgspec.msgpack.encode(value, enc_hook=_from_path)


def decode(body: bytes, kind: type[T]) -> T:
    """Turn msgpack into a value of *kind*; `msgspec.MsgspecError` if it is not one."""
    return msgspec.msgpack.decode(body, type=kind, dec_hook=_to_path)


def frame(body: bytes) -> bytes:
    """Put the length before *body*."""
    return len(body).to_bytes(LENGTH_OCTETS, "big") + body


def _from_path(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value).__name__)


def _to_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind.__name__)
