"""The PIN file, the token, its key and certificate, and the trust file.

The token is opened once. The PIN is offered to it at most once, and not at all where the token refused it
before: then it says so.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from gateway.doctor.finding import Check, Finding, failed, ok, warning
from gateway.operations.signing import token_config
from gateway.operations.token_setup import MAKE_IT, explained
from gateway.settings import Settings
from hsm.errors import REMEDIES, TokenError
from hsm.model import CertificateSummary, TokenDescription
from hsm.path import PEM_BYTES, load_certificates, summarise
from hsm.pin import read_pin
from hsm.token import Token

PIN_FILE = "pin file"
TOKEN = "token"  # noqa: S105 - the name of a finding
KEY = "key"
CERTIFICATE = "certificate"
TRUST = "trust file"

WARN_WITHIN: Final = timedelta(days=30)


async def _token(settings: Settings, now: float) -> AsyncIterator[Finding]:
    if settings.token is None:
        remedy = "Fill in the section [token] of the settings."
        yield warning(TOKEN, "no token is set: files can be approved but not signed", remedy)
        return
    yield judge_pin_file(settings.token.pin_file)
    yield judge_trust(settings.token.trust_file, now)
    try:
        async with Token(token_config(settings.token, settings.data_directory)) as token:
            described = await token.describe()
    except TokenError as error:
        said = explained(settings.token, error)
        yield failed(TOKEN, f"{said.message} [{said.code}]", said.remedy)
        return
    yield judge_token(described)
    yield judge_key(described)
    if described.key is not None:
        yield judge_certificate(described, now)


def judge_pin_file(path: Path) -> Finding:
    """Tell whether the PIN can be read from *path*, and by its owner alone."""
    try:
        read_pin(path)
    except TokenError as error:
        remedy = error.remedy if path.exists() else MAKE_IT
        return failed(PIN_FILE, error.message, remedy)
    return ok(PIN_FILE, f"{path} can be read, by its owner alone")


def judge_token(found: TokenDescription) -> Finding:
    """Tell how the token stands, and its PIN's tries."""
    name = f"{found.label} ({found.manufacturer} {found.model}, serial number {found.serial})"
    if found.pin_count_low:
        what = f"{name}: a wrong PIN was offered since the last login"
        return warning(TOKEN, what, "Find out who offered it; a token locks after a few.")
    return ok(TOKEN, f"{name} took the PIN")


def judge_key(found: TokenDescription) -> Finding:
    """Tell whether the key is there and can never leave the token."""
    if found.key is None:
        what = f"there is no key {found.key_label!r} on the token [key_missing]"
        return failed(KEY, what, "Make one: adt-gateway token init; or correct token.key_label.")
    if found.key.exportable:
        what = f"the key {found.key_label!r} can leave the token, or once could [key_exportable]"
        return failed(KEY, what, REMEDIES["key_exportable"])
    return ok(KEY, f"{found.key_label!r}, {found.key_type}, not extractable")


def judge_certificate(found: TokenDescription, now: float) -> Finding:
    """Tell whether the certificate is there, trusted and valid for a while yet."""
    certificate = found.certificate
    if certificate is None:
        remedy = "Request one: adt-gateway token csr; then: adt-gateway token import CERTIFICATES"
        return failed(CERTIFICATE, "the key has no certificate on the token [certificate_missing]", remedy)
    finding = judge_validity(CERTIFICATE, certificate, now)
    if not found.chain_length and finding.remedy == "":
        what = f"{certificate.subject} does not lead to a certificate of the trust file [certificate_chain]"
        return failed(CERTIFICATE, what, REMEDIES["certificate_chain"])
    return finding


def judge_validity(name: str, certificate: CertificateSummary, now: float) -> Finding:
    """Tell whether *certificate* is valid at *now*, and for 30 days more."""
    moment = datetime.fromtimestamp(now, UTC)
    end = certificate.not_after
    if moment > end:
        return failed(name, f"{certificate.subject} expired on {end:%Y-%m-%d}", "Have it renewed.")
    if moment < certificate.not_before:
        what = f"{certificate.subject} is not valid before {certificate.not_before:%Y-%m-%d %H:%M}"
        return failed(name, what, REMEDIES["certificate_not_yet_valid"])
    what = f"{certificate.subject} expires on {end:%Y-%m-%d}, in {(end - moment).days} days"
    if end - moment < WARN_WITHIN:
        return warning(name, what, "Have it renewed before then.")
    return ok(name, what)


def judge_trust(path: Path, now: float) -> Finding:
    """Tell whether *path* holds root certificates that are valid."""
    try:
        with path.open("rb") as file:
            anchors = load_certificates(file.read(PEM_BYTES + 1))
    except OSError as error:
        return failed(TRUST, f"{path} cannot be read: {error.strerror}", REMEDIES["trust_file"])
    except ValueError as error:
        return failed(TRUST, f"{path} is no file of PEM certificates: {error}", REMEDIES["trust_file"])
    findings = [judge_validity(TRUST, summarise(anchor), now) for anchor in anchors]
    trouble = [finding for finding in findings if finding.remedy]
    return trouble[0] if trouble else ok(TRUST, f"{path} holds {len(anchors)} certificates")


CHECKS = (Check((PIN_FILE, TRUST, TOKEN, KEY, CERTIFICATE), _token),)
