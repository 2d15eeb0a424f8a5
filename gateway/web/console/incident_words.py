"""What the steps of an incident are called on its pages. Pure."""

from types import MappingProxyType
from typing import Final

from gateway.access import Action, Person
from gateway.life import STEPS, IncidentState
from gateway.store.incidents import StoredIncident

STEP_WORDS: Final = MappingProxyType(
    {
        IncidentState.ACKNOWLEDGED: "Acknowledge: somebody has seen it and takes care of it",
        IncidentState.INVESTIGATING: "Investigate: it is being looked into",
        IncidentState.CONFIRMED: "Confirmed: something was wrong",
        IncidentState.FALSE_POSITIVE: "False positive: nothing was wrong",
        IncidentState.EXPECTED_WORK: "Expected work: it was meant",
        IncidentState.CLOSED: "Close: nothing is left to do",
    }
)
"""By the state that a step leads to."""


def steps_for(person: Person, incident: StoredIncident) -> list[tuple[str, str]]:
    """Return the steps that *person* may take now, each with its words."""
    return [(state, STEP_WORDS[state]) for state in STEPS[incident.state] if person.may(_action(state))]


def _action(state: IncidentState) -> Action:
    is_seen = state is IncidentState.ACKNOWLEDGED
    return Action.ACKNOWLEDGE_INCIDENT if is_seen else Action.WORK_ON_INCIDENT
