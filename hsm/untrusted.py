"""Why a certificate does not lead to a trusted root, in words: the validator's own name its search alone."""

import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm


def why_untrusted(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: dt.datetime,
    said: Exception,
) -> str:
    """Return the first thing that is wrong on the way up from *leaf* at the time *at*.

    Where each link holds, *said* (what the validator raised) tells of a use that a certificate does not allow.
    """
    certificate = leaf
    for _ in range(len(others) + len(anchors) + 1):
        if outside := _outside(certificate, at):
            return outside
        if certificate in anchors:
            break
        named = [each for each in (*anchors, *others) if each.subject == certificate.issuer]
        issuers = [each for each in named if _issued(certificate, each) and each != certificate]
        if not issuers:
            return _no_issuer(certificate, named)
        certificate = issuers[0]
    # What our own policy says comes back inside the validator's sentence.
    own = [text for text in ("digitalSignature", "keyCertSign") if text in str(said)]
    if own:
        return f"a certificate on the way to the root may not be used so: its key usage lacks {own[0]}"
    return "a certificate on the way to the root is not allowed to issue the one below it"


def _outside(certificate: x509.Certificate, at: dt.datetime) -> str:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    name = certificate.subject.rfc4514_string()
    if at > end:
        return f"the certificate of {name} expired on {end:%Y-%m-%d %H:%M} UTC"
    return f"the certificate of {name} is valid from {start:%Y-%m-%d %H:%M} UTC" if at < start else ""


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _no_issuer(certificate: x509.Certificate, named: Sequence[x509.Certificate]) -> str:
    issuer = certificate.issuer.rfc4514_string()
    if certificate.issuer == certificate.subject:
        return f"{issuer} issued its certificate itself, and it is not among the trusted roots"
    if named:
        return f"the certificate of {issuer} that is there has another key than the one that signed"
    return f"the certificate of its issuer, {issuer}, is neither among the trusted roots nor sent along"
