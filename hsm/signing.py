"""Signatures in every container, built by `cryptography` with the key on the token."""

import base64
import datetime as dt
import hashlib
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from hsm.chain import this_second
from hsm.cms import parse_cms
from hsm.keys import TokenEcKey, TokenRsaKey
from hsm.model import Container, SignedArtefact
from hsm.session import Chain, OpenToken

_DETACHED: Final = [PKCS7Options.Binary, PKCS7Options.NoCapabilities, PKCS7Options.DetachedSignature]
_ATTACHED: Final = [PKCS7Options.Binary, PKCS7Options.NoCapabilities]
_FORMS: Final = {
    Container.CMS_DETACHED: (Encoding.DER, _DETACHED),
    Container.CMS_ATTACHED: (Encoding.DER, _ATTACHED),
    Container.CMS_PEM: (Encoding.PEM, _DETACHED),
}


def sign(opened: OpenToken, data: bytes, container: Container) -> SignedArtefact:
    """Sign *data* with SHA-256; refuses an exportable key and a certificate that may not be used now."""
    key = opened.signing_key()
    now = this_second()
    chain = opened.chain(now)
    signature = _signature(key, chain, data, container)
    return SignedArtefact(
        signature=signature,
        container=container,
        suffix=container.suffix,
        sha256=hashlib.sha256(data).hexdigest(),
        signed_at=_signing_time(signature, container, now),
        certificate=chain.summary,
        chain_pem=chain.pem,
        token_label=opened.config.token_label,
        token_serial=opened.serial,
        key=opened.key().attributes,
    )


def _signature(key: TokenEcKey | TokenRsaKey, chain: Chain, data: bytes, container: Container) -> bytes:
    if container is Container.RAW_BASE64:
        return base64.b64encode(_bare_signature(key, data)) + b"\n"
    encoding, options = _FORMS[container]
    leaf, *intermediates = chain.certificates
    builder = PKCS7SignatureBuilder(data, [(leaf, key, hashes.SHA256(), None)], intermediates)
    return builder.sign(encoding, options)


def _bare_signature(key: TokenEcKey | TokenRsaKey, data: bytes) -> bytes:
    if isinstance(key, TokenEcKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def _signing_time(signature: bytes, container: Container, before: dt.datetime) -> dt.datetime:
    """Return the signing time attribute; it is read back only if the second turned while signing."""
    if container is Container.RAW_BASE64 or this_second() == before:
        return before
    return parse_cms(signature).signing_time or before
