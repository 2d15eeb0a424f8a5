"""Certification paths to trusted roots, by the validator of `cryptography` (RFC 5280, section 6).

Its policies are made for TLS; a file-signing certificate has no subject alternative name and no purpose of
TLS, so both extension policies are our own.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store

from hsm.model import CertificateSummary

MAX_CERTIFICATES: Final = 16
"""Most certificates that are taken from a file, a signature or a token."""

PEM_BYTES: Final = 64 * 1024
"""Largest PEM file of certificates."""


def _signs_data(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.digital_signature:
        message = "its key usage lacks digitalSignature"
        raise ValueError(message)


def _issues(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.key_cert_sign:
        message = "its key usage lacks keyCertSign"
        raise ValueError(message)


_AGNOSTIC: Final = Criticality.AGNOSTIC
_SIGNER_POLICY: Final = ExtensionPolicy.permit_all().require_present(x509.KeyUsage, _AGNOSTIC, _signs_data)
_ISSUER_POLICY: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, _AGNOSTIC, None)
    .require_present(x509.KeyUsage, _AGNOSTIC, _issues)
)


def certification_path(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: dt.datetime,
) -> list[x509.Certificate]:
    """Return the path from *leaf* to one of *anchors*, every certificate valid at the time *at*.

    Raises `cryptography.x509.verification.VerificationError` where there is none, and `ValueError` for
    certificates that cannot be read.
    """
    policy = PolicyBuilder().store(Store(list(anchors))).time(at)
    policy = policy.extension_policies(ca_policy=_ISSUER_POLICY, ee_policy=_SIGNER_POLICY)
    return policy.build_client_verifier().verify(leaf, list(intermediates)).chain


def without_root(path: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Return the leaf and the intermediates of *path*."""
    return (path[0], *(each for each in path[1:] if each.issuer != each.subject))


def load_certificates(pem: bytes) -> list[x509.Certificate]:
    """Read 1 to 16 PEM certificates of at most 64 KiB; `ValueError` otherwise."""
    if len(pem) > PEM_BYTES:
        message = f"more than {PEM_BYTES} octets"
        raise ValueError(message)
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except (ValueError, x509.InvalidVersion) as error:
        raise ValueError(_not_certificates(pem)) from error
    if not 1 <= len(certificates) <= MAX_CERTIFICATES:
        message = f"more than {MAX_CERTIFICATES} certificates"
        raise ValueError(message)
    return [readable(certificate) for certificate in certificates]


_INSTEAD: Final = (
    (b"-----BEGIN CERTIFICATE-----", "a certificate in it is damaged or cut off"),
    (
        b"CERTIFICATE REQUEST-----",
        "it holds a signing request; the certificate is what the authority sends back",
    ),
    (b"PRIVATE KEY-----", "it holds a private key, not a certificate"),
    (b"\x30\x82", "it is binary (DER); make it PEM: openssl x509 -inform DER -in FILE -out FILE.pem"),
)
"""What people give instead, by what the file contains."""


def _not_certificates(pem: bytes) -> str:
    found = (text for mark, text in _INSTEAD if mark in pem)
    return next(found, "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")


def load_certificate(der: bytes) -> x509.Certificate:
    """Read one DER certificate; `ValueError` otherwise."""
    try:
        return readable(x509.load_der_x509_certificate(der))
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from error


def readable(certificate: x509.Certificate) -> x509.Certificate:
    """Return *certificate* if its parts can be read; `ValueError` otherwise, since it is parsed lazily."""
    summarise(certificate)
    return certificate


def summarise(certificate: x509.Certificate) -> CertificateSummary:
    """Take from *certificate* what people look at."""
    return CertificateSummary(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:X}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def key_usage(*, authority: bool) -> x509.KeyUsage:
    """Return the key usage of an issuing authority, or that of a file-signing certificate."""
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
