"""An authenticator in software, which signs what it is told to: also what none in a browser would."""

import hashlib
import json
from typing import Final

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

from gateway.audit.approval import Assertion, Claim, Evidence

ORIGIN: Final = "https://gateway.example"
DOMAIN: Final = "gateway.example"
PRESENT, VERIFIED = 0x01, 0x04


class SoftKey:
    """A passkey with its private half."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        numbers = self._key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        self.public_key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        self.credential_id = bytes_to_base64url(hashlib.sha256(x).digest())

    def assertion(
        self,
        challenge: bytes,
        *,
        origin: str = ORIGIN,
        domain: str = DOMAIN,
        flags: int = PRESENT | VERIFIED,
        count: int = 1,
        kind: str = "webauthn.get",
    ) -> Assertion:
        """Sign for *challenge*, as if asked by *origin*."""
        client = {"type": kind, "challenge": bytes_to_base64url(challenge), "origin": origin}
        client_data = json.dumps(client).encode()
        data = hashlib.sha256(domain.encode()).digest() + bytes([flags]) + count.to_bytes(4, "big")
        signature = self._key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        parts = (data, client_data, signature)
        return Assertion(self.credential_id, *map(bytes_to_base64url, parts))

    def evidence(self, claim: Claim, assertion: Assertion | None = None) -> Evidence:
        """Return the evidence that this key signed for *claim*."""
        given = assertion or self.assertion(claim.challenge())
        return Evidence(claim, given, bytes_to_base64url(self.public_key), ORIGIN, DOMAIN)
