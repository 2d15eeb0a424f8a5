"""The certificates by which the DCC's signatures are checked, from files."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography import x509

from gateway.errors import SettingsError
from gateway.ingest.dcc.signature import is_usable

SUFFIXES: Final = frozenset({".pem", ".crt", ".cer"})
FILE_BYTES: Final = 256 * 1024
CERTIFICATES: Final = 32
"""At the most: a signature that names none of them is tried with each."""

Certificates = Callable[[], tuple[x509.Certificate, ...]]
"""Returns the certificates to check with now."""


def load_certificates(folder: Path | None) -> tuple[x509.Certificate, ...]:
    """Return every certificate of the PEM files in *folder*, in order of their names; none without a folder.

    Raises `SettingsError` naming the file that cannot be used: one that is left out in silence would make true
    alerts look false.
    """
    if folder is None:
        return ()
    found: list[x509.Certificate] = []
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise _unusable(folder, error.strerror or type(error).__name__) from error
    for path in paths:
        found += _read(path)
    if not found:
        raise _unusable(folder, "there is no certificate in it (.pem, .crt or .cer, PEM)")
    if len(found) > CERTIFICATES:
        raise _unusable(folder, f"there are {len(found)} certificates in it, at most {CERTIFICATES} are used")
    return tuple(found)


def _read(path: Path) -> list[x509.Certificate]:
    try:
        with path.open("rb") as file:
            found = x509.load_pem_x509_certificates(file.read(FILE_BYTES))
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from error
    except ValueError as error:
        raise _unusable(path, "it is no PEM file with certificates") from error
    for certificate in found:
        if not is_usable(certificate):
            raise _unusable(path, "a key in it is not on the curve P-256, as the DCC's are")
    return found


def _unusable(path: Path, why: str) -> SettingsError:
    msg = f"dcc.certificates_folder: {path} cannot be used: {why}"
    return SettingsError("settings_invalid", msg, "Put the DCC's certificates there, in PEM.")
