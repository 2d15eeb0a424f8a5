"""TLS: the server's certificate, taken anew when its files change, and the certificates of machines."""

import asyncio
import contextlib
import hashlib
import ssl
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web
from cryptography import x509

from gateway.errors import SettingsError
from gateway.metrics import TLS_EXPIRY
from gateway.section import Http

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 5.0
"""How often the files are looked at: renewal tools write them and tell nobody."""

OWN: Final = "http.tls_certificate_file, http.tls_key_file"
CLIENT: Final = "http.client_ca_file"

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption alone. TLS 1.3 has nothing else."""


def _no_passphrase() -> str:
    """Keep OpenSSL from asking on the terminal: a key with a passphrase is refused."""
    return ""


def _context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Return what connections are accepted with; raise `SettingsError` where the files are no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    _load(context, certificate, key)
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise _unusable(CLIENT, client_ca, error) from error
        context.verify_mode = ssl.CERT_OPTIONAL  # a browser needs none
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, _no_passphrase)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(OWN, certificate, error) from error


def _unusable(setting: str, path: Path, error: OSError) -> SettingsError:
    why = getattr(error, "reason", None) or error.strerror or type(error).__name__
    msg = f"{setting}: {path} cannot be used: {why}"
    remedy = "Give PEM files that belong together, without a passphrase, that the daemon's account may read."
    return SettingsError("tls_unusable", msg, remedy)


class ServerCertificate:
    """The certificate that the daemon shows. A new one is for new connections; those under way go on."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self.context = _context(certificate, key, client_ca)
        self._taken = self._tried = self._state()
        self._measure()

    def _state(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when a file does: which it is, its time and its size."""
        found = []
        for path in (self._certificate, self._key):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def _measure(self) -> None:
        leaf = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        TLS_EXPIRY.set(leaf.not_valid_after_utc.timestamp())

    def take(self) -> None:
        """Take the files as they are now; where they are no good, the present certificate stays."""
        self._tried = self._state()
        try:
            _context(self._certificate, self._key, None)  # tried apart, so that nothing is half taken
            _load(self.context, self._certificate, self._key)
            self._measure()
        except (SettingsError, OSError, ValueError) as error:
            log.error("tls_certificate_refused", error=str(error))  # noqa: TRY400 - the text says it all
            return
        self._taken = self._tried
        log.info("tls_certificate_taken", file=str(self._certificate))

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


def client_certificate(request: web.Request) -> str | None:
    """Return the SHA-256 of the certificate that the other side showed and OpenSSL verified, in hexadecimal."""
    connection = request.get_extra_info("ssl_object")
    shown = connection.getpeercert(binary_form=True) if connection is not None else None
    return hashlib.sha256(shown).hexdigest() if shown else None
