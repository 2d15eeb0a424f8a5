"""Certificate signing requests, and the import of what comes back. Runs in the token's process."""

from collections.abc import Sequence

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from pkcs11 import Attribute, CertificateType, ObjectClass

from hsm.chain import belongs_to, this_second, trusted_path
from hsm.errors import token_error
from hsm.objects import certificate_objects
from hsm.path import key_usage, load_certificates, without_root
from hsm.session import Key, OpenToken


def certificate_request(
    opened: OpenToken, common_name: str, organisation: str | None, eui64: str | None
) -> str:
    """Return a PEM certificate signing request (RFC 2986) for the key, signed by it."""
    key = opened.signing_key()
    subject = _subject(common_name, organisation, eui64)
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = builder.add_extension(key_usage(authority=False), critical=True).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def _subject(common_name: str, organisation: str | None, eui64: str | None) -> x509.Name:
    """Build the subject; the EUI-64 stands in x500UniqueIdentifier, as in SMKI organisation certificates."""
    try:
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organisation:
            parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        if eui64:
            octets = _eui64_octets(eui64)
            parts.append(x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, octets, _ASN1Type.BitString))  # type: ignore[arg-type]  # octets are for this type
    except ValueError as error:
        raise token_error("name_unusable", f"The subject cannot be made: {error}.") from error
    return x509.Name(parts)


def _eui64_octets(eui64: str) -> bytes:
    octets = bytes.fromhex(eui64.replace("-", "").replace(":", ""))
    if len(octets) != 8:  # noqa: PLR2004 - an EUI-64 has 64 bits
        message = f"{eui64!r} is not an EUI-64"
        raise ValueError(message)
    return b"\x00" + octets  # a BIT STRING begins with its number of unused bits


def import_certificates(opened: OpenToken, pem: bytes) -> None:
    """Put the certificate of the key and its intermediates on the token; a renewed one replaces the old.

    Key and chain are checked before anything is written. The new leaf is written before the old one goes:
    if the token is pulled out in between, the newer of the two is used.
    """
    key = opened.key()
    given = _load(pem)
    leaf = _leaf_among(given, key)
    known = [*given, *key.certificates]
    chain = without_root(trusted_path(leaf, known, opened.trust.anchors(), this_second()))
    with opened.token.open(rw=True) as session:
        for certificate in chain:
            if certificate not in key.certificates:
                _store(session, certificate, key.handle.id if certificate is leaf else b"")
        _remove_old_leaves(session, key, leaf)
    opened.forget_objects()


def _load(pem: bytes) -> list[x509.Certificate]:
    try:
        return load_certificates(pem)
    except ValueError as error:
        raise token_error("certificate_file", f"The certificates cannot be read: {error}.") from error


def _leaf_among(given: Sequence[x509.Certificate], key: Key) -> x509.Certificate:
    mine = [certificate for certificate in given if belongs_to(certificate, key.public_key)]
    if not mine:
        subjects = "; ".join(certificate.subject.rfc4514_string() for certificate in given)
        message = f"None of the given certificates is for the key on the token: {subjects}."
        raise token_error("certificate_wrong_key", message)
    return max(mine, key=lambda certificate: certificate.not_valid_before_utc)


def _store(session: pkcs11.Session, certificate: x509.Certificate, key_id: bytes) -> None:
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.CERTIFICATE,
            Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: False,
            Attribute.LABEL: certificate.subject.rfc4514_string(),
            Attribute.ID: key_id,
            Attribute.SUBJECT: certificate.subject.public_bytes(),
            Attribute.ISSUER: certificate.issuer.public_bytes(),
            Attribute.VALUE: certificate.public_bytes(Encoding.DER),
        }
    )


def _remove_old_leaves(session: pkcs11.Session, key: Key, leaf: x509.Certificate) -> None:
    der = leaf.public_bytes(Encoding.DER)
    for found in certificate_objects(session, key.handle.id):
        if found[Attribute.VALUE] != der:
            found.destroy()
