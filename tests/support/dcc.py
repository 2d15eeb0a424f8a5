"""DUIS Responses written for these tests, and a DCC that signs them. Values are invented; none was ever sent."""

import base64
import datetime as dt
import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from gateway.clock import to_text
from gateway.ingest.duis import NAMESPACE
from tests.support.duis_messages import DCC_ID, USER_ID, request_id

DSIG = "http://www.w3.org/2000/09/xmldsig#"
SIGNED_INFO = (
    f'<ds:SignedInfo xmlns:ds="{DSIG}">'
    '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
    '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>'
    f'<ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="{DSIG}enveloped-signature"/></ds:Transforms>'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
    "<ds:DigestValue>DIGEST</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)


def response(body: str, *, header: str = "", code: str = "I0", at: float = 1_796_083_200) -> bytes:
    """Return an unsigned DUIS Response at the DCC's time *at*."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><sr:Response xmlns:sr="{NAMESPACE}" schemaVersion="5.4">'
        f"<sr:Header>{header}<sr:ResponseCode>{code}</sr:ResponseCode>"
        f"<sr:ResponseDateTime>{to_text(at)}</sr:ResponseDateTime></sr:Header>"
        f"<sr:Body>{body}</sr:Body></sr:Response>"
    ).encode()


def alert(content: str, *, code: str = "N46", throttled: str = "", at: float = 1_796_083_200) -> bytes:
    """Return an unsigned alert of the DCC that holds *content*."""
    body = (
        f"<sr:DCCAlertMessage><sr:DCCAlertCode>{code}</sr:DCCAlertCode>{throttled}"
        f"<sr:DCCAlert>{content}</sr:DCCAlert></sr:DCCAlertMessage>"
    )
    target = f"<sr:ResponseID>{DCC_ID}:{USER_ID}:7</sr:ResponseID>"
    return response(body, header=target, at=at)


def quarantine(
    request: str | None = None,
    event: int | str = 42,
    *,
    breach: str = "ADUserThresholdBreach",
    count: int | None = None,
    at: float = 1_796_083_200,
) -> bytes:
    """Return an unsigned alert that says that *request* is held; *count* makes it a throttled one."""
    throttled = (
        ""
        if count is None
        else "<sr:ThrottledAlertSequenceId>3</sr:ThrottledAlertSequenceId>"
        f"<sr:ThrottledAlertCount>{count}</sr:ThrottledAlertCount>"
    )
    inside = (
        f"<sr:QuarantinedRequest><sr:{breach}><sr:RequestID>{request or request_id()}</sr:RequestID>"
        f"<sr:QuarantineEventRef>{event}</sr:QuarantineEventRef></sr:{breach}></sr:QuarantinedRequest>"
    )
    return alert(inside, throttled=throttled, at=at)


def answer(request: str, code: str = "I0", at: float = 1_796_083_200, *, named: bool = True) -> bytes:
    """Return an unsigned answer to *request*; one that is not *named* has no ResponseID, as acknowledgements have none."""
    user, device, counter = request.rsplit(":", 2)
    header = f"<sr:RequestID>{request}</sr:RequestID>"
    if named:
        header += f"<sr:ResponseID>{device}:{user}:{counter}</sr:ResponseID>"
    body = "<sr:ResponseMessage><sr:ServiceReference>4.1</sr:ServiceReference></sr:ResponseMessage>"
    return response(body, header=header, code=code, at=at)


class TestDcc:
    """A key on P-256 with a certificate, which signs as the DCC does."""

    __test__ = False

    def __init__(
        self,
        first: dt.datetime = dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        last: dt.datetime = dt.datetime(2118, 1, 1, tzinfo=dt.UTC),
        curve: ec.EllipticCurve | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> None:
        self.key = key or ec.generate_private_key(curve or ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test DCC")])
        builder = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        )
        builder = builder.serial_number(x509.random_serial_number())
        self.certificate = (
            builder.not_valid_before(first).not_valid_after(last).sign(self.key, hashes.SHA256())
        )

    def write(self, folder: Path) -> Path:
        """Put the certificate into *folder* and return that."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.certificate.serial_number}.pem").write_bytes(
            self.certificate.public_bytes(Encoding.PEM)
        )
        return folder

    def sign(
        self, data: bytes, *, info: str = SIGNED_INFO, serial: int | None = None, more: str = ""
    ) -> bytes:
        """Return *data* with an enveloped signature; *more* goes into its KeyInfo."""
        root = etree.fromstring(data)
        digest = base64.b64encode(hashlib.sha256(etree.tostring(root, method="c14n")).digest()).decode()
        signed_info = etree.fromstring(info.replace("DIGEST", digest))
        r, s = decode_dss_signature(
            self.key.sign(
                etree.tostring(signed_info, method="c14n", exclusive=True), ec.ECDSA(hashes.SHA256())
            )
        )
        size = (self.key.key_size + 7) // 8
        value = base64.b64encode(r.to_bytes(size, "big") + s.to_bytes(size, "big")).decode()
        named = self.certificate.serial_number if serial is None else serial
        signature = (
            f'<ds:Signature xmlns:ds="{DSIG}">{etree.tostring(signed_info).decode()}'
            f"<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial>"
            f"<ds:X509IssuerName>CN=Test DCC</ds:X509IssuerName>"
            f"<ds:X509SerialNumber>{named}</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>{more}"
            "</ds:KeyInfo></ds:Signature>"
        )
        end = data.rindex(b"</sr:Response>")
        return data[:end] + signature.encode() + data[end:]
