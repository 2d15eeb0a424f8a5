"""An open token: one login, the key and its certificates, looked up once. Runs in the token's process."""

import datetime as dt
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11._pkcs11 import lib

from hsm.chain import TrustFile, check_validity, choose_leaf, trusted_path
from hsm.config import TokenConfig
from hsm.connection import find_token, log_in, serial_of
from hsm.errors import token_error
from hsm.keys import TokenEcKey, TokenRsaKey, key_on_token
from hsm.model import CertificateSummary, KeyAttributes
from hsm.objects import find_private_key, read_attributes, read_certificates, read_public_key
from hsm.path import summarise, without_root


class Chain(msgspec.Struct, frozen=True):
    """A chain that was found to be trusted, ready for use."""

    path: list[x509.Certificate]
    """From the leaf to the root."""
    certificates: tuple[x509.Certificate, ...]
    """The leaf and the intermediates."""
    pem: str
    summary: CertificateSummary
    valid_from: dt.datetime
    """From then on every certificate of the path is valid."""
    valid_until: dt.datetime
    trust: tuple[int, ...]
    """The stamp of the trust file it was checked against."""


class Key(msgspec.Struct, frozen=True):
    """The private key and what belongs to it."""

    handle: Any
    public_key: Any
    attributes: KeyAttributes
    certificates: list[x509.Certificate]
    """Every certificate on the token."""
    with_key_id: list[x509.Certificate]
    """Those that carry the key's id."""


class OpenToken:
    """A token with the user logged in."""

    def __init__(self, library: lib, config: TokenConfig) -> None:
        self.config = config
        self.token = find_token(library, config)
        self.serial = serial_of(self.token)
        self.session = log_in(self.token, config)
        self.trust = TrustFile(config)
        self._key: Key | None = None
        self._signing_key: TokenEcKey | TokenRsaKey | None = None
        self._chain: Chain | None = None

    def key(self) -> Key:
        """Return the key, looked up once; `key_missing` or `key_ambiguous` otherwise."""
        if self._key is None:
            self._key = self._look_up_key()
        return self._key

    def _look_up_key(self) -> Key:
        handle = find_private_key(self.session, self.config)
        with_key_id = read_certificates(self.session, handle.id)
        return Key(
            handle=handle,
            public_key=read_public_key(self.session, handle, with_key_id),
            attributes=read_attributes(handle),
            certificates=read_certificates(self.session),
            with_key_id=with_key_id,
        )

    def signing_key(self) -> TokenEcKey | TokenRsaKey:
        """Return the key to sign with; `key_exportable` if it can leave the token or once could."""
        if self._signing_key is None:
            key = self.key()
            _refuse_exportable(key.attributes, self.config)
            self._signing_key = key_on_token(key.handle, key.public_key)
        return self._signing_key

    def leaf(self) -> x509.Certificate:
        """Return the certificate of the key."""
        key = self.key()
        return choose_leaf(key.certificates, key.public_key, key.with_key_id)

    def chain(self, now: dt.datetime) -> Chain:
        """Return the trusted chain of the key, every certificate of it valid at *now*."""
        if self._chain is None or self._chain.trust != self.trust.stamp():
            self._chain = self._build_chain(now)
        if not self._chain.valid_from <= now <= self._chain.valid_until:
            for certificate in self._chain.path:
                check_validity(certificate, now)
        return self._chain

    def _build_chain(self, now: dt.datetime) -> Chain:
        path = trusted_path(self.leaf(), self.key().certificates, self.trust.anchors(), now)
        certificates = without_root(path)
        pem = "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)
        return Chain(
            path=path,
            certificates=certificates,
            pem=pem,
            summary=summarise(path[0]),
            valid_from=max(each.not_valid_before_utc for each in path),
            valid_until=min(each.not_valid_after_utc for each in path),
            trust=self.trust.stamp(),
        )

    def forget_objects(self) -> None:
        """Look keys and certificates up again at the next use."""
        self._key = self._signing_key = self._chain = None


def _refuse_exportable(attributes: KeyAttributes, config: TokenConfig) -> None:
    if attributes.exportable:
        message = (
            f"The key {config.key_label!r} on the token {config.token_label!r} can leave the token, "
            f"or could at some time: {attributes}."
        )
        raise token_error("key_exportable", message)
