"""TLS: the server's certificate, taken anew when its files change, and the certificates of machines."""

import asyncio
import contextlib
import functools
import hashlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog
from aiohttp import web
from cryptography import x509

from gateway.errors import SettingsError
from gateway.metrics import TLS_EXPIRY
from gateway.section import Http

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 5.0
"""How often the files are looked at: renewal tools write them and tell nobody."""

REMEMBERED: Final = 1000
"""Certificates of machines that are read once and not at each request."""

CERTIFICATE: Final = "http.tls_certificate_file"
KEY: Final = "http.tls_key_file"
CLIENT: Final = "http.client_ca_file"

APART: Final = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"})
"""What OpenSSL calls a key and a certificate that do not belong together."""
WEAK: Final = ("EE_", "CA_")
"""How OpenSSL begins what it has against a certificate, whatever the key."""

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption alone. TLS 1.3 has nothing else."""


def _no_passphrase() -> str:
    """Keep OpenSSL from asking on the terminal: a key with a passphrase is refused."""
    return ""


class _Pair(msgspec.Struct, frozen=True):
    """What was read of the two files, each once: what is checked is what is taken."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "_Pair()"


class _Paths(msgspec.Struct, frozen=True):
    certificate: Path
    key: Path
    client_ca: Path | None

    def read(self) -> _Pair:
        """Read certificate and key; raise `SettingsError`."""
        return _Pair(_read(CERTIFICATE, self.certificate), _read(KEY, self.key))

    def context(self, pair: _Pair, client_ca: bytes | None) -> tuple[ssl.SSLContext, x509.Certificate]:
        """Return what connections are accepted with and the certificate that it shows; raise `SettingsError`."""
        try:
            leaf = x509.load_pem_x509_certificate(pair.certificate)
        except ValueError as error:
            raise _unusable(CERTIFICATE, self.certificate, "it holds no certificate in PEM") from error
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        try:
            with _as_file(pair.certificate) as certificate, _as_file(pair.key) as key:
                context.load_cert_chain(certificate, key, _no_passphrase)
        except (OSError, ssl.SSLError) as error:
            raise self._refused(error) from error
        if client_ca is not None:
            try:
                with _as_file(client_ca) as authorities:
                    context.load_verify_locations(authorities)
            except (OSError, ssl.SSLError) as error:
                raise _unusable(CLIENT, str(self.client_ca), _why(error)) from error
            context.verify_mode = ssl.CERT_OPTIONAL  # a browser needs none
        return context, leaf

    def _refused(self, error: OSError) -> SettingsError:
        """Return which of the pair OpenSSL refused."""
        why = _why(error)
        if why in APART:
            both = f"{self.certificate}, {KEY}: {self.key}"
            return _unusable(CERTIFICATE, both, "the key is not that of the certificate")
        if why.startswith(WEAK):
            return _unusable(CERTIFICATE, self.certificate, why)
        return _unusable(KEY, self.key, f"it is no private key in PEM without a passphrase ({why})")


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(setting, path, _why(error)) from error


@contextlib.contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """Yield the name of a file in memory that holds *data*: OpenSSL takes no bytes, and a key is put on no disk."""
    with os.fdopen(os.memfd_create("tls"), "wb", buffering=0) as file:
        file.write(data)
        yield f"/proc/self/fd/{file.fileno()}"


def _why(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or type(error).__name__


def _unusable(setting: str, path: Path | str, why: str) -> SettingsError:
    msg = f"{setting}: {path} cannot be used: {why}"
    remedy = "Give PEM files that belong together, without a passphrase, that the daemon's account may read."
    return SettingsError("tls_unusable", msg, remedy)


class ServerCertificate:
    """The certificate that the daemon shows. A new one is for new connections; those under way go on."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        self._paths = _Paths(certificate, key, client_ca)
        self._taken = self._tried = self._state()
        self._client_ca = None if client_ca is None else _read(CLIENT, client_ca)
        self.context, leaf = self._paths.context(self._paths.read(), self._client_ca)
        self._present = self.context
        # A context that took a second pair would go on showing the first to whoever wants its kind of key.
        self.context.sni_callback = self._lead
        TLS_EXPIRY.set(leaf.not_valid_after_utc.timestamp())

    def _lead(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Have a new connection shown the present certificate; called for each, with the name that it asks for."""
        connection.context = self._present

    def _state(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when a file does: which it is, its time and its size."""
        found = []
        for path in (self._paths.certificate, self._paths.key):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def take(self) -> None:
        """Take certificate and key as they are now, both or neither; the authorities of machines stay as at the start.

        What is written while this reads makes another state of the files: they are looked at again.
        """
        self._tried = self._state()
        try:
            present, leaf = self._paths.context(self._paths.read(), self._client_ca)
        except SettingsError as error:
            log.error("tls_certificate_refused", error=error.message, remedy=error.remedy)  # noqa: TRY400 - the text says it all
            return
        self._present = present
        TLS_EXPIRY.set(leaf.not_valid_after_utc.timestamp())
        self._taken = self._tried
        log.info("tls_certificate_taken", file=str(self._paths.certificate), serial=f"{leaf.serial_number:x}")

    async def watch(self) -> None:
        """Look at the files for ever, and take them when they have changed."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            state = await asyncio.to_thread(self._state)
            if state not in (self._taken, self._tried):
                await asyncio.to_thread(self.take)


def server_certificate(http: Http) -> ServerCertificate | None:
    """Return the certificate that *http* names; raise `SettingsError` where it is no good."""
    if http.tls_certificate_file is None or http.tls_key_file is None:
        return None
    return ServerCertificate(http.tls_certificate_file, http.tls_key_file, http.client_ca_file)


class ShownCertificate(msgspec.Struct, frozen=True):
    """A client certificate that OpenSSL verified when the connection was made."""

    digest: str
    """Its SHA-256 in hexadecimal."""
    ends_at: float
    """When it expires."""


def client_certificate(request: web.Request) -> ShownCertificate | None:
    """Return the certificate that the other side showed, where it showed one."""
    connection = request.get_extra_info("ssl_object")
    shown = connection.getpeercert(binary_form=True) if connection is not None else None
    return _read_shown(shown) if shown else None


@functools.lru_cache(maxsize=REMEMBERED)
def _read_shown(certificate: bytes) -> ShownCertificate:
    ends_at = x509.load_der_x509_certificate(certificate).not_valid_after_utc.timestamp()
    return ShownCertificate(hashlib.sha256(certificate).hexdigest(), ends_at)
