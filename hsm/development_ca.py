"""A certification authority for development and tests. Nobody trusts it, and nobody should.

Its keys live in the memory of one process and are gone with it.
"""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from hsm.path import key_usage

_YEARS_10 = dt.timedelta(days=3652)
_HOUR = dt.timedelta(hours=1)


class DevelopmentCa:
    """A development root and the issuing authority below it, both EC P-256, valid ten years before and after *now*."""

    def __init__(self, now: dt.datetime) -> None:
        root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = now
        root = _name("ADT Gateway Development Root")
        authority = _name("ADT Gateway Development Issuing Authority")
        self._root = self._authority(root, root_key.public_key(), root, root_key, 1)
        self._issuing = self._authority(authority, self._key.public_key(), root, root_key, 0)

    @property
    def trust_pem(self) -> bytes:
        """The root in PEM form: what a trust file holds."""
        return self._root.public_bytes(Encoding.PEM)

    def issue(
        self,
        csr_pem: bytes | str,
        *,
        not_before: dt.datetime | None = None,
        not_after: dt.datetime | None = None,
    ) -> bytes:
        """Issue a file-signing certificate for a request; returns PEM, the leaf and the issuing authority.

        Valid from an hour ago for a year unless said otherwise. `ValueError` if the request is not signed by
        its own key.
        """
        request = x509.load_pem_x509_csr(csr_pem.encode() if isinstance(csr_pem, str) else csr_pem)
        if not request.is_signature_valid:
            message = "the certificate request is not signed by its own key"
            raise ValueError(message)
        start = not_before or self._now - _HOUR
        end = not_after or start + dt.timedelta(days=365)
        builder = _builder(request.subject, request.public_key(), self._issuing.subject, start, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(key_usage(authority=False), critical=True)
        leaf = self._sign(builder, request.public_key(), self._key)
        return leaf.public_bytes(Encoding.PEM) + self._issuing.public_bytes(Encoding.PEM)

    def _authority(
        self,
        subject: x509.Name,
        public_key: ec.EllipticCurvePublicKey,
        issuer: x509.Name,
        issuer_key: ec.EllipticCurvePrivateKey,
        path_length: int,
    ) -> x509.Certificate:
        builder = _builder(subject, public_key, issuer, self._now - _YEARS_10, self._now + _YEARS_10)
        constraints = x509.BasicConstraints(ca=True, path_length=path_length)
        builder = builder.add_extension(constraints, critical=True)
        builder = builder.add_extension(key_usage(authority=True), critical=True)
        return self._sign(builder, public_key, issuer_key)

    def _sign(
        self, builder: x509.CertificateBuilder, public_key: object, issuer_key: ec.EllipticCurvePrivateKey
    ) -> x509.Certificate:
        own = x509.SubjectKeyIdentifier.from_public_key(public_key)  # type: ignore[arg-type]  # any public key
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(own, critical=False).add_extension(above, critical=False)
        return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    public_key: object,
    issuer: x509.Name,
    start: dt.datetime,
    end: dt.datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(public_key)  # type: ignore[arg-type]  # any public key
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(start).not_valid_after(end)
