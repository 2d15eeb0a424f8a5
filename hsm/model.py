"""The values of this package, all frozen; none holds a secret."""

import datetime as dt
import enum

import msgspec


class Container(enum.StrEnum):
    """The form in which a signature is kept."""

    CMS_DETACHED = "cms-detached"
    """CMS SignedData without the content, DER (RFC 5652)."""
    CMS_ATTACHED = "cms-attached"
    """CMS SignedData with the content inside, DER."""
    CMS_PEM = "cms-pem"
    """CMS SignedData without the content, PEM."""
    RAW_BASE64 = "raw-base64"
    """Base64 of the bare signature over SHA-256: ECDSA-Sig-Value in DER, or RSASSA-PKCS1-v1_5."""

    @property
    def suffix(self) -> str:
        """What is appended to the name of the signed file."""
        return _SUFFIXES[self]


_SUFFIXES = {
    Container.CMS_DETACHED: ".p7s",
    Container.CMS_ATTACHED: ".p7m",
    Container.CMS_PEM: ".pem",
    Container.RAW_BASE64: ".sig",
}


class KeyType(enum.StrEnum):
    """The kinds of key that can be generated on a token."""

    EC_P256 = "ec-p256"
    RSA_2048 = "rsa-2048"


class KeyAttributes(msgspec.Struct, frozen=True):
    """What the token says of the private key (PKCS#11 2.40, section 4.9)."""

    sensitive: bool
    always_sensitive: bool
    extractable: bool
    never_extractable: bool
    local: bool
    """Generated on this token."""

    @property
    def exportable(self) -> bool:
        """Whether the key can leave the token, or could at some time."""
        kept = self.sensitive and self.always_sensitive and self.never_extractable
        return self.extractable or not kept


class CertificateSummary(msgspec.Struct, frozen=True):
    """The parts of a certificate that people look at."""

    subject: str
    """RFC 4514."""
    issuer: str
    serial: str
    """Upper-case hexadecimal."""
    not_before: dt.datetime
    not_after: dt.datetime


class TokenDescription(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it presents itself; `key_type` and `key` are None without a key, `certificate` without one."""

    module: str
    label: str
    serial: str
    manufacturer: str
    model: str
    firmware: str
    key_label: str
    key_type: str | None
    """Such as `EC secp256r1` or `RSA 2048`."""
    key: KeyAttributes | None
    certificate: CertificateSummary | None
    chain_length: int
    """Certificates on the token from the leaf up to, but without, the root; 0 if no chain is trusted."""
    chain: tuple[CertificateSummary, ...]
    """Those certificates, the leaf first."""
    pin_count_low: bool
    pin_final_try: bool
    pin_locked: bool


class SignedArtefact(msgspec.Struct, frozen=True, kw_only=True):
    """A signature with what a receipt has to say about it."""

    signature: bytes
    container: Container
    suffix: str
    sha256: str
    """Of the data, lower-case hexadecimal."""
    signed_at: dt.datetime
    """Whole seconds; the signing time attribute of a CMS container."""
    certificate: CertificateSummary
    chain_pem: str
    """The leaf and the intermediates, without the root."""
    token_label: str
    token_serial: str
    key: KeyAttributes
