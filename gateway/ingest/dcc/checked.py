"""One message of the DCC, read and its signature checked: pure, for a thread."""

import hashlib
from collections.abc import Sequence

import msgspec
from cryptography import x509

from gateway.ingest.dcc.response import DccResponse, read_response
from gateway.ingest.dcc.signature import Trust, Verdict, check_signature

AHEAD_MS = 300_000
"""How far a message's own time may be ahead of ours: later, a certificate may be one that is not valid yet."""


class Message(msgspec.Struct, frozen=True):
    """Bytes that came, from which source and when (milliseconds since the epoch)."""

    data: bytes
    source: str
    received_at_ms: int


class Checked(msgspec.Struct, frozen=True):
    """What a message says, and whether that is believed."""

    message: Message
    sha256: str
    response: DccResponse
    """Read from what was signed where it is verified."""
    verdict: Verdict

    @property
    def is_believed(self) -> bool:
        """Whether the signature is verified."""
        return self.verdict.trust is Trust.VERIFIED


def read_and_check(
    message: Message, certificates: Sequence[x509.Certificate], now_ms: int | None = None
) -> Checked:
    """Return what *message* says and what its signature is worth, now or else when it came.

    What is from the future could not be checked: our own clock may be behind. Raises IngestError as `read_response` does.
    """
    response = read_response(message.data)
    verdict = check_signature(message.data, certificates, response.responded_at_ms)
    if verdict.trust is Trust.VERIFIED:
        response = read_response(verdict.signed)
        if response.responded_at_ms > (now_ms or message.received_at_ms) + AHEAD_MS:
            why = "the message's time is over five minutes ahead of ours: look at our own clock"
            verdict = Verdict(Trust.UNCHECKED, why, verdict.signer)
    sha256 = hashlib.sha256(message.data).hexdigest()
    return Checked(message, sha256, response, verdict)
