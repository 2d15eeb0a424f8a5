"""What is known of a condition, in the words that people use: sources, causes, figures. Pure."""

from types import MappingProxyType
from typing import Final

from gateway.alerts.facts import ConditionFacts, NotCountable, SourceSilent
from gateway.alerts.kinds import SOURCE_NAMES
from gateway.web.console.quarantine_words import BREACHES, MATCHES
from gateway.web.console.render import grouped, plain_instant

CAUSES: Final = MappingProxyType(
    {
        "queue_full": "too many waited already",
        "journal_failed": "the journal did not take them",
        "store_unavailable": "the store could not be used",
        "stopped": "the daemon was stopped",
        "internal_error": "the gateway failed",
    }
)
"""Why a request was not counted, by the code that says so."""

FIGURES: Final = MappingProxyType(
    {
        "allowed_seconds": "May be silent for",
        "last_communication": "Last communication",
        "deliveries": "Deliveries refused",
        "communications": "Communications refused",
        "seconds": "Wrong by",
        "user_ids": "Further User IDs",
        "requests": "Requests",
        "request_id": "The first of them",
        "request_ids": "Some of them",
        "known_since": "Requests that leave are known since",
        "code": "Code of the token",
        "last_file": "File that was tried last",
        "failures": "Attempts that failed",
        "event_ref": "Quarantine event",
        "breach": "Held because of",
        "overdue": "Wait for too long",
        "waits_since": "The first of those waits since",
    }
    | {name: f"Of them {text[0]}" for name, text in MATCHES.items()}
)
"""What a figure of a condition is called, by its name."""

_SECONDS: Final = frozenset({"allowed_seconds", "seconds"})
_INSTANTS: Final = frozenset({"last_communication", "known_since", "waits_since"})
_BECAUSE: Final = "code "


def about(facts: ConditionFacts) -> str:
    """Return what a condition is about."""
    of_source = isinstance(facts, SourceSilent | NotCountable)
    return SOURCE_NAMES.get(facts.subject, facts.subject) if of_source else facts.subject


def figures(facts: ConditionFacts) -> list[tuple[str, str]]:
    """Return what is known in numbers and names: what each is called, and its value."""
    return [(figure_name(name), _value(name, value)) for name, value in sorted(facts.figures.items())]


def figure_name(name: str) -> str:
    """Return what a figure is called; one that a later version recorded keeps its name, without underscores."""
    if name.startswith(_BECAUSE):
        code = name.removeprefix(_BECAUSE)
        return f"Because {CAUSES[code]}" if code in CAUSES else f"Because of {code.replace('_', ' ')}"
    plain = name.replace("_", " ")
    return FIGURES.get(name) or f"{plain[:1].upper()}{plain[1:]}"


def _value(name: str, value: int | str) -> str:
    if isinstance(value, int):
        return str(value) if name == "last_file" else f"{grouped(value)}{' s' if name in _SECONDS else ''}"
    if name in _INSTANTS:
        return plain_instant(value) or "none"
    return BREACHES.get(value, value) if name == "breach" else value or "none"
