"""The life of a candidate incident: its states, and which step leads from which to which. Pure."""

import enum
from types import MappingProxyType
from typing import Final


class IncidentState(enum.StrEnum):
    """Where a candidate incident is in its life; the order is that of the life."""

    CANDIDATE = "candidate"
    """The gateway opened it; nobody has said that they saw it."""
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false_positive"
    EXPECTED_WORK = "expected_work"
    CLOSED = "closed"


FINDINGS: Final = (IncidentState.CONFIRMED, IncidentState.FALSE_POSITIVE, IncidentState.EXPECTED_WORK)
"""What it was found to be: one of them comes before a person closes it."""

OPEN_STATES: Final = tuple(state for state in IncidentState if state is not IncidentState.CLOSED)
"""What "open" means everywhere: not closed."""

OPEN: Final = "open"
"""The name of all open states together, in lists and filters."""

_ACKNOWLEDGED, _INVESTIGATING = IncidentState.ACKNOWLEDGED, IncidentState.INVESTIGATING

STEPS: Final = MappingProxyType(
    {
        IncidentState.CANDIDATE: (_ACKNOWLEDGED, _INVESTIGATING, *FINDINGS),
        IncidentState.ACKNOWLEDGED: (_INVESTIGATING, *FINDINGS),
        IncidentState.INVESTIGATING: FINDINGS,
        IncidentState.CONFIRMED: (_INVESTIGATING, IncidentState.CLOSED),
        IncidentState.FALSE_POSITIVE: (_INVESTIGATING, IncidentState.CLOSED),
        IncidentState.EXPECTED_WORK: (_INVESTIGATING, IncidentState.CLOSED),
        IncidentState.CLOSED: (),
    }
)
"""The steps that a person may take. The gateway itself closes from every open state: what was superseded or receded.

A closed incident stays closed: reopening opens another with a link to it.
"""


def may_step(before: IncidentState, after: IncidentState) -> bool:
    """Tell whether a person may take an incident from *before* to *after*."""
    return after in STEPS[before]


def states_of(text: str) -> tuple[IncidentState, ...]:
    """Return the states that *text* names: one of them, or all open ones; raise `ValueError` for any other."""
    return OPEN_STATES if text == OPEN else (IncidentState(text),)
