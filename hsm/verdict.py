"""What a verification found, as values."""

import datetime as dt
import enum
from typing import Final

import msgspec

from hsm.errors import SignatureInvalid
from hsm.model import CertificateSummary, Container

STEP_NAMES: Final = {
    1: "sizes and trust",
    2: "container and algorithms",
    3: "content",
    4: "signed attributes",
    5: "signature",
    6: "certification path",
}


class Outcome(enum.StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not reached"


class Step(msgspec.Struct, frozen=True):
    """One step of a verification."""

    number: int
    name: str
    outcome: Outcome
    detail: str


class JudgedBy(enum.StrEnum):
    """Where the time comes from at which certificates were judged."""

    CALLER = "the time asked for"
    SIGNING_TIME = "the signing time that the signer claims"
    CLOCK = "the clock of this machine"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found."""

    valid: bool
    """Every step passed."""
    content_matches: bool
    """The data is what was signed: the content inside is the same, and so is its digest."""
    signature_matches: bool
    """The key in the signer's certificate made the signature."""
    chain_trusted: bool
    """The certificate leads to a trusted root and was valid at `judged_at`."""
    container: Container
    steps: tuple[Step, ...]
    signer: CertificateSummary
    signing_time: dt.datetime | None
    """What the signer claims; None for a bare signature."""
    judged_at: dt.datetime
    judged_by: JudgedBy


def require_valid(verdict: Verdict) -> None:
    """Raise `SignatureInvalid` for a verdict that is not valid."""
    failed = next((step for step in verdict.steps if step.outcome is Outcome.FAILED), None)
    if failed is not None:
        raise SignatureInvalid(
            "signature_invalid",
            f"The signature is wrong. Step {failed.number}, {failed.name}: {failed.detail}",
            "Do not use the data. Ask the sender for the data and its signature again.",
        )
