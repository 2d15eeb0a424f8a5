"""What an incident is in the words of the licence and, apart from them, of the SEC; and a first suggestion. Pure.

The licence (Gas 40.6, Electricity 46.6) speaks of a Security Incident, of which several letters may hold. The SEC
speaks of Compromise and of a Major Security Incident. Neither follows from the other.
"""

from types import MappingProxyType
from typing import Final

import msgspec

from gateway.alerts.facts import BreachFacts, Facts, ForecastFacts
from thresholds.catalogue import Catalogue
from thresholds.model import ANY_SERVICE

LICENCE: Final = MappingProxyType(
    {
        "a": "loss, theft or corruption of data",
        "b": "other unauthorised access to data",
        "c": "loss or interruption of supply, or other interference with the service to a customer",
    }
)
"""Letters of the licence's Security Incident (46.6/40.6)."""

SEC: Final = MappingProxyType(
    {
        "none": "no Compromise",
        "compromise": "Compromise",
        "major": "Major Security Incident",
    }
)
"""Words of the SEC."""

MARKINGS: Final = MappingProxyType(
    {
        "": "none",
        "confidential": "confidential",
        "classified": "classified: for named nominees only",
    }
)
"""Markings of what is shared, the weakest first."""

_SUPPLY: Final = ("7.", "2.")
"""Beginnings of service requests about supply and load, reads among them, and of those of prepayment."""
_LOAD_LIMIT: Final = "6.4.1"
"""Update of the load limitation: it interrupts supply."""


class Suggestion(msgspec.Struct, frozen=True):
    """What the service alone lets one think of first. It decides nothing and is kept nowhere."""

    letter: str
    """Of the licence's Security Incident."""
    why: str


def suggested(facts: Facts | None, catalogue: Catalogue) -> Suggestion | None:
    """Return a first suggestion for a breach or a forecast, by its service; None for any other."""
    if not isinstance(facts, BreachFacts | ForecastFacts):
        return None
    service = facts.threshold.service
    variants = catalogue.covered_by(service) if service != ANY_SERVICE else ()
    if any(each.variant == _LOAD_LIMIT or each.variant.startswith(_SUPPLY) for each in variants):
        return Suggestion("c", f"{service} belongs to the services of supply, load and prepayment")
    if any(each.encrypted_response for each in variants):
        return Suggestion("b", f"responses to {service} seem to hold encrypted data (derived, not published)")
    return None
