"""Whom breaches are told to, and whether what the DCC tells can be believed."""

from collections.abc import AsyncIterator

from cryptography import x509

from gateway.doctor.finding import Check, Finding, failed, ok, warning
from gateway.errors import SettingsError
from gateway.ingest.dcc.certificates import load_certificates
from gateway.settings import Settings

CHANNELS = "alert channels"
CERTIFICATES = "DCC certificates"


def judge_channels(names: tuple[str, ...]) -> Finding:
    """Tell whether there is a channel at all; whether the other side takes a test is asked of the daemon."""
    if not names:
        remedy = "Set one in the section [alerts]; docs/alerts.md says how for each kind of receiver."
        return warning(CHANNELS, "none is set: nobody is told of candidate incidents", remedy)
    return ok(CHANNELS, f"{', '.join(names)}; adt-gateway alerts test says what the other side answers")


def judge_certificates(found: tuple[x509.Certificate, ...], now: float) -> Finding:
    """Tell whether a signature of the DCC made *now* (seconds since the epoch) could be verified."""
    if not found:
        return ok(CERTIFICATES, "dcc.certificates_folder is not set: no alert of the DCC is believed")
    valid = sum(
        each.not_valid_before_utc.timestamp() <= now <= each.not_valid_after_utc.timestamp() for each in found
    )
    what = f"{valid} of {len(found)} are valid now"
    if not valid:
        return failed(CERTIFICATES, what, "Put the DCC's certificates of today there, in PEM.")
    return ok(CERTIFICATES, what)


async def _soc(settings: Settings, now: float) -> AsyncIterator[Finding]:
    alerts = settings.alerts
    own = [("file", alerts.file is not None), ("mqtt", alerts.mqtt and settings.mqtt is not None)]
    yield judge_channels((*(name for name, on in own if on), *(each.name for each in alerts.several)))
    try:
        yield judge_certificates(load_certificates(settings.dcc.certificates_folder), now)
    except SettingsError as error:
        yield failed(CERTIFICATES, error.message, error.remedy)


CHECKS = (Check((CHANNELS, CERTIFICATES), _soc),)
