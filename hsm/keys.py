"""A key on the token that is a `cryptography` private key.

Only `sign` and what the builders ask of a key are there; the rest of the interface raises, since the
private key never leaves the token.
"""

from typing import Any, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from pkcs11 import Mechanism

from hsm.errors import token_error

type_of_public_key = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class _OnToken:
    """What a key on the token refuses to do."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        message = "a key on a token only signs"
        raise NotImplementedError(message)

    exchange = decrypt = private_numbers = private_bytes = __copy__ = __deepcopy__ = _refuse


class TokenEcKey(_OnToken, ec.EllipticCurvePrivateKey):
    """An EC key whose `sign` goes to the token (CKM_ECDSA over the digest)."""

    def __init__(self, handle: Any, public_key: ec.EllipticCurvePublicKey) -> None:
        self._handle = handle
        self._public_key = public_key
        self._half = (public_key.key_size + 7) // 8

    curve = property(lambda self: self._public_key.curve)
    key_size = property(lambda self: self._public_key.key_size)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public half."""
        return self._public_key

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Sign *data* with ECDSA and return ECDSA-Sig-Value in DER."""
        digest = hashes.Hash(_hash_of(signature_algorithm.algorithm))
        digest.update(data)
        pair = self._handle.sign(digest.finalize(), mechanism=Mechanism.ECDSA)
        r, s = pair[: self._half], pair[self._half :]
        return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


class TokenRsaKey(_OnToken, rsa.RSAPrivateKey):
    """An RSA key whose `sign` goes to the token (CKM_SHA256_RSA_PKCS)."""

    def __init__(self, handle: Any, public_key: rsa.RSAPublicKey) -> None:
        self._handle = handle
        self._public_key = public_key

    key_size = property(lambda self: self._public_key.key_size)

    def public_key(self) -> rsa.RSAPublicKey:
        """Return the public half."""
        return self._public_key

    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        """Sign *data* with RSASSA-PKCS1-v1_5 and SHA-256."""
        _require_pkcs1v15_sha256(padding, algorithm)
        return bytes(self._handle.sign(bytes(data), mechanism=Mechanism.SHA256_RSA_PKCS))


def _require_pkcs1v15_sha256(chosen: Any, algorithm: Any) -> None:
    if not isinstance(chosen, padding.PKCS1v15) or not isinstance(algorithm, hashes.SHA256):
        message = "a key on a token signs with PKCS#1 v1.5 and SHA-256"
        raise NotImplementedError(message)


def _hash_of(algorithm: hashes.HashAlgorithm | Prehashed) -> hashes.HashAlgorithm:
    if isinstance(algorithm, Prehashed):
        message = "a key on a token signs data, not digests"
        raise NotImplementedError(message)
    return algorithm


def key_on_token(handle: Any, public_key: Any) -> TokenEcKey | TokenRsaKey:
    """Join the private key on the token with its public half; `key_unsupported` for other kinds of key."""
    if isinstance(public_key, ec.EllipticCurvePublicKey) and isinstance(public_key.curve, ec.SECP256R1):
        return TokenEcKey(handle, public_key)
    if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size >= 2048:  # noqa: PLR2004 - bits
        return TokenRsaKey(handle, public_key)
    raise token_error("key_unsupported", f"The key on the token is a {describe_key(public_key)} key.")


def describe_key(public_key: Any) -> str:
    """Say the kind and size of a public key, such as `EC secp256r1` or `RSA 2048`."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return f"EC {public_key.curve.name}"
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"RSA {public_key.key_size}"
    return type(public_key).__name__
