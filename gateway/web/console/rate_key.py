"""The name of what a threshold counts, as it stands in an address: `USER~CLASS~SERVICE~PERIOD~ALIGNMENT`."""

import re
from typing import Final
from urllib.parse import quote

from gateway.errors import NotFound
from thresholds.errors import InvalidValueError
from thresholds.eui64 import parse_user_id
from thresholds.model import ALL, DEVICES, Alignment, CommunicationClass, ThresholdKey
from thresholds.period import format_period, parse_period

COMMUNICATIONS: Final = frozenset({*CommunicationClass, ALL, DEVICES})
_SERVICE: Final = re.compile(r"[*]|[0-9]{1,3}(?:[.][0-9]{1,3}){1,2}")


def key_text(key: ThresholdKey) -> str:
    """Return the name of *key*."""
    period = format_period(key.period_seconds)
    return f"{key.user_id}~{key.communication}~{key.service}~{period}~{key.alignment}"


def key_path(key: ThresholdKey) -> str:
    """Return where the page of *key* is."""
    return f"/rates/{quote(key_text(key), safe='~*')}"


def parse_key(text: str) -> ThresholdKey:
    """Return the key of that name; raise `NotFound` where it names none."""
    try:
        user, communication, service, period, alignment = text.split("~")
        key = ThresholdKey(
            parse_user_id(user),
            communication,
            service,
            parse_period(period).seconds,
            Alignment(alignment),
        )
    except (ValueError, InvalidValueError):
        raise unknown() from None
    if key.communication not in COMMUNICATIONS or not _SERVICE.fullmatch(service):
        raise unknown()
    return key


def unknown() -> NotFound:
    """Return the error of a name that stands for no threshold."""
    return NotFound("threshold_unknown", "there is no such threshold", "Choose it from the list of rates.")


def live_key(key: ThresholdKey) -> str:
    """Return what a row is found by when its count changes: `live_rates.js` makes the same of an event."""
    return f"{key.user_id}~{key.communication}~{key.service}~{key.period_seconds}~{key.alignment}"
