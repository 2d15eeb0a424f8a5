"""Signatures made without a token, right ones and odd ones, and OpenSSL as a second opinion."""

import datetime as dt
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID

from hsm.development_ca import DevelopmentCa

SoftKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

DETACHED = [PKCS7Options.Binary, PKCS7Options.NoCapabilities, PKCS7Options.DetachedSignature]
ATTACHED = [PKCS7Options.Binary, PKCS7Options.NoCapabilities]


class Signer:
    """A key in memory with a certificate of a development authority."""

    def __init__(
        self, ca: DevelopmentCa, key: SoftKey | None = None, not_after: dt.datetime | None = None
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.chain_pem = ca.issue(request_for(self.key), not_after=not_after)
        self.certificate, self.issuing = x509.load_pem_x509_certificates(self.chain_pem)

    def cms(
        self,
        data: bytes,
        options: list[PKCS7Options] = DETACHED,
        encoding: Encoding = Encoding.DER,
        digest: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None = None,
    ) -> bytes:
        """Make SignedData over *data*."""
        builder = PKCS7SignatureBuilder(data)
        builder = builder.add_signer(self.certificate, self.key, digest or hashes.SHA256())
        return builder.add_certificate(self.issuing).sign(encoding, options)

    def write_key(self, path: Path) -> Path:
        """Write the private key for OpenSSL."""
        path.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return path


def request_for(key: SoftKey, common_name: str = "Development File Signing") -> bytes:
    """Make a certificate request for a key in memory."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM)


def public_pem(certificate: x509.Certificate) -> bytes:
    """Return the public key of a certificate."""
    return certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run OpenSSL; its exit status says whether it agrees."""
    return subprocess.run(["openssl", *arguments], capture_output=True, check=False)


def openssl_accepts_cms(
    directory: Path, data: bytes, signature: bytes, trust_file: Path, *, pem: bool = False
) -> bool:
    """Ask `openssl cms -verify`, with the data beside the signature, and compare what it gives back."""
    (directory / "data").write_bytes(data)
    (directory / "signature").write_bytes(signature)
    done = openssl(
        *("cms", "-verify", "-binary", "-purpose", "any", "-inform", "PEM" if pem else "DER"),
        *("-in", directory / "signature", "-content", directory / "data"),
        *("-CAfile", trust_file, "-out", directory / "out"),
    )
    return done.returncode == 0 and (directory / "out").read_bytes() == data
