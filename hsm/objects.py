"""Keys and certificates on the token. Runs in the token's process."""

from typing import Any

import pkcs11
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, CertificateType, KeyType, ObjectClass
from pkcs11.util.ec import encode_ec_public_key
from pkcs11.util.rsa import encode_rsa_public_key

from hsm.config import TokenConfig
from hsm.errors import token_error
from hsm.model import KeyAttributes
from hsm.path import load_certificate


def find_private_key(session: pkcs11.Session, config: TokenConfig) -> Any:
    """Return the one private key with the configured label; `key_missing` or `key_ambiguous` otherwise."""
    keys = private_keys(session, config)
    where = f"the label {config.key_label!r} on the token {config.token_label!r}"
    if not keys:
        raise token_error("key_missing", f"There is no private key with {where}.")
    if len(keys) > 1:
        raise token_error("key_ambiguous", f"There are {len(keys)} private keys with {where}.")
    return keys[0]


def private_keys(session: pkcs11.Session, config: TokenConfig) -> list[Any]:
    """Return every private key with the configured label."""
    return list(
        session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: config.key_label})
    )


def read_attributes(key: pkcs11.PrivateKey) -> KeyAttributes:
    """Read what the token says of *key*; what it does not say is taken as the worse answer."""
    return KeyAttributes(
        sensitive=_flag(key, Attribute.SENSITIVE, otherwise=False),
        always_sensitive=_flag(key, Attribute.ALWAYS_SENSITIVE, otherwise=False),
        extractable=_flag(key, Attribute.EXTRACTABLE, otherwise=True),
        never_extractable=_flag(key, Attribute.NEVER_EXTRACTABLE, otherwise=False),
        local=_flag(key, Attribute.LOCAL, otherwise=False),
    )


def _flag(key: pkcs11.PrivateKey, attribute: Attribute, *, otherwise: bool) -> bool:
    try:
        return bool(key[attribute])
    except pkcs11.AttributeTypeInvalid:
        return otherwise


def read_public_key(
    session: pkcs11.Session, key: pkcs11.PrivateKey, certificates: list[x509.Certificate]
) -> Any:
    """Return the public half of *key*: the public key object with its id, or else that of its certificate."""
    found = list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.ID: key.id}))
    if found:
        return _decode_public_key(found[0])
    if certificates:
        return certificates[0].public_key()
    message = (
        f"The private key {key.label!r} has neither a public key nor a certificate with its id beside it."
    )
    raise token_error("key_missing", message)


def _decode_public_key(key: Any) -> Any:
    encoders = {KeyType.EC: encode_ec_public_key, KeyType.RSA: encode_rsa_public_key}
    if key.key_type not in encoders:
        raise token_error("key_unsupported", f"The key {key.label!r} is a {key.key_type} key.")
    try:
        return load_der_public_key(encoders[key.key_type](key))
    except (ValueError, UnsupportedAlgorithm) as error:
        message = f"The public key {key.label!r} cannot be read: {error}."
        raise token_error("key_unsupported", message) from error


def read_certificates(session: pkcs11.Session, key_id: bytes | None = None) -> list[x509.Certificate]:
    """Return the X.509 certificates on the token, or those with *key_id*; unreadable ones are left out."""
    loaded = [_load(found) for found in certificate_objects(session, key_id)]
    return [certificate for certificate in loaded if certificate is not None]


def certificate_objects(session: pkcs11.Session, key_id: bytes | None = None) -> list[Any]:
    """Return the certificate objects on the token, or those with *key_id*."""
    wanted: dict[Attribute, Any] = {
        Attribute.CLASS: ObjectClass.CERTIFICATE,
        Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
    }
    return list(session.get_objects(wanted if key_id is None else {**wanted, Attribute.ID: key_id}))


def _load(found: Any) -> x509.Certificate | None:
    try:
        return load_certificate(found[Attribute.VALUE])
    except (ValueError, pkcs11.PKCS11Error):
        return None
