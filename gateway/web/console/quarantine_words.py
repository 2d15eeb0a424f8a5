"""What is said of quarantine on pages: pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

BREACHES: Final = MappingProxyType(
    {
        "user_threshold": "our threshold",
        "dcc_threshold": "a threshold of the DCC",
        "attribute_limits": "a value outside limits",
    }
)
"""Why the DCC holds a request."""

MATCHES: Final = MappingProxyType(
    {
        "in_excess": ("in our excess", "good", "Above a quarantine level of ours: we expected this one."),
        "predicted": (
            "expected",
            "good",
            "A quarantine level of ours was passed then; this request was not above it.",
        ),
        "not_predicted": (
            "not expected",
            "warning",
            "We saw it leave, and no quarantine level of ours was passed.",
        ),
        "sent": ("seen leaving", "plain", "Held for a value in it, of which counts say nothing."),
        "unknown": ("not seen leaving", "bad", "It is not among the requests that we saw leave."),
    }
)
"""Of what our own count says: its words, the kind of its tag, and what that means."""

TRUSTS: Final = MappingProxyType(
    {
        "verified": ("verified", "good", "The DCC signed it."),
        "unsigned": ("unsigned", "bad", "Nobody signed it: anybody may have written it."),
        "wrong": ("wrong signature", "bad", "It was checked, and does not hold."),
        "unknown_signer": (
            "unknown signer",
            "warning",
            "It could not be checked: no configured certificate is that of the signer.",
        ),
        "unchecked": (
            "not checked",
            "warning",
            "It could not be checked: no certificate, a way to sign that is not taken, or a time to come by our clock.",
        ),
    }
)
"""Of what a signature is worth: the same three."""

VERDICTS: Final = MappingProxyType(
    {
        "waits": ("not yet", "busy", "The DCC may still tell us."),
        "all_held": ("all held", "good", "The DCC holds each request above our level."),
        "some_held": (
            "some held",
            "warning",
            "The DCC holds fewer: its level is higher than ours, or later.",
        ),
        "none_held": (
            "none held",
            "warning",
            "The DCC told us of none: its level is higher than ours, or its alerts do not reach us.",
        ),
    }
)
"""Of what the DCC held of a level that was passed: the same three."""

STATES: Final = MappingProxyType(
    {
        "held": ("held", "busy"),
        "decided": ("decided", "busy"),
        "released": ("released", "plain"),
        "deleted": ("deleted", "plain"),
        "ended": ("ended", "plain"),
    }
)

WITHIN: Final = MappingProxyType(
    {
        "yes": ("yes", "good"),
        "no": ("no", "bad"),
        "uncertain": ("uncertain", "warning"),
        "clock_difference": ("clock difference", "warning"),
    }
)
"""Whether the DCC told us of a request within 30 minutes."""

CHOSEN: Final = MappingProxyType(
    {
        "event_ref": "quarantine event",
        "user_id": "User ID",
        "service": "service reference variant",
        "incident": "incident",
        "breach": "held for",
        "numbers": "requests numbered",
    }
)
"""What requests were chosen by for a decision, by the name that its record has for it."""

_STEPS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


def chosen_by(conditions: Mapping[str, Any]) -> str:
    """Return in words by what requests were chosen: every condition that was given."""
    return "; ".join(f"{CHOSEN.get(name, name)} {_chosen(name, value)}" for name, value in conditions.items())


def _chosen(name: str, value: Any) -> str:
    if name == "breach":
        return BREACHES.get(value, str(value))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def spoken(seconds: float) -> str:
    """Return a span in its two largest units: `3 h 12 min`, `45 s`; a negative one is none."""
    left = max(0, int(seconds))
    if left < _STEPS[-1][0]:
        return f"{left} s"
    parts: list[str] = []
    for size, name in _STEPS:
        if left >= size or parts:
            parts.append(f"{left // size} {name}")
            left %= size
    return " ".join(parts[:2])


def signed(seconds: float) -> str:
    """Return a span that may be negative, as a difference of clocks is: minus 45 s."""
    if seconds >= 0:
        return spoken(seconds)
    return "\N{MINUS SIGN}" + (spoken(-seconds) if seconds <= -1 else f"{-seconds:.3f} s")
