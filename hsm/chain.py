"""Which certificate belongs to the key, and whether it may be used now. Runs in the token's process."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.verification import VerificationError

from hsm.config import TokenConfig
from hsm.errors import token_error
from hsm.path import certification_path, load_certificates
from hsm.untrusted import why_untrusted


def belongs_to(certificate: x509.Certificate, public_key: Any) -> bool:
    """Whether *certificate* was issued for *public_key*."""
    try:
        return bool(certificate.public_key() == public_key)
    except (ValueError, UnsupportedAlgorithm):
        return False


def choose_leaf(
    certificates: Sequence[x509.Certificate], public_key: Any, with_key_id: Sequence[x509.Certificate]
) -> x509.Certificate:
    """Return the newest certificate of the key; `certificate_missing` or `certificate_wrong_key` otherwise."""
    mine = [certificate for certificate in certificates if belongs_to(certificate, public_key)]
    if mine:
        return max(mine, key=lambda certificate: certificate.not_valid_before_utc)
    if with_key_id:
        subject = with_key_id[0].subject.rfc4514_string()
        raise token_error("certificate_wrong_key", f"The certificate of {subject} is for another key.")
    raise token_error("certificate_missing", "There is no certificate for the key.")


def this_second() -> dt.datetime:
    """Return the time in whole seconds, the unit of certificates and of the signing time attribute."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def check_validity(certificate: x509.Certificate, now: dt.datetime) -> None:
    """Raise `certificate_expired` or `certificate_not_yet_valid` if it is not valid at *now*."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        raise token_error("certificate_expired", f"{_name(certificate)} expired at {end}.")
    if now < start:
        raise token_error("certificate_not_yet_valid", f"{_name(certificate)} is valid from {start}.")


def _name(certificate: x509.Certificate) -> str:
    subject = certificate.subject.rfc4514_string()
    return f"The certificate {certificate.serial_number:X} of {subject}"


def trusted_path(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    now: dt.datetime,
) -> list[x509.Certificate]:
    """Return the path from the leaf to a root of *anchors*; `certificate_chain` if there is none."""
    check_validity(leaf, now)
    try:
        return certification_path(leaf, others, anchors, now)
    except (VerificationError, ValueError) as error:
        name = leaf.subject.rfc4514_string()
        why = why_untrusted(leaf, others, anchors, now, error)
        message = f"The certificate of {name} does not lead to a trusted root: {why}."
        raise token_error("certificate_chain", message) from error


class TrustFile:
    """The trusted roots of a token, read again whenever the file has changed."""

    def __init__(self, config: TokenConfig) -> None:
        self._path = config.trust_file
        self._stamp: tuple[int, ...] = ()
        self._anchors: list[x509.Certificate] = []

    def stamp(self) -> tuple[int, ...]:
        """Return a value that changes with the file; `trust_file` if there is none."""
        try:
            found = _required(self._path).stat()
        except OSError as error:
            message = f"The trust file {self._path} cannot be read: {error.strerror}."
            raise token_error("trust_file", message) from error
        return (found.st_ino, found.st_size, found.st_mtime_ns)

    def anchors(self) -> list[x509.Certificate]:
        """Return the trusted roots, at least one."""
        stamp = self.stamp()
        if stamp != self._stamp:
            self._anchors = _read_anchors(_required(self._path))
            self._stamp = stamp
        return self._anchors


def _required(path: Path | None) -> Path:
    if path is None:
        raise token_error("trust_file", "No trust file is configured, so no certificate is trusted.")
    return path


def _read_anchors(path: Path) -> list[x509.Certificate]:
    try:
        return load_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise token_error("trust_file", f"The trust file {path} cannot be read: {why}.") from error
