"""Conditions of a decision, and what they cover. Pure."""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.errors import Conflict, InvalidInput
from gateway.store.decisions import Chosen, HeldRequest

HIGHEST: Final = 2**31 - 1
"""Number of a request or an incident."""


class Covered(msgspec.Struct, frozen=True):
    """The requests that a proposal would decide on."""

    requests: list[HeldRequest]
    more: bool
    """Whether there are more than one file takes; a decision takes those that wait longest."""
    seen: str
    """Stands for exactly these requests: a proposal that names it is refused where others match by then."""
    without_service: int
    """Left out, though they match otherwise: their service is not known."""


def check_chosen(chosen: Chosen, most: int) -> None:
    """Refuse what no database takes, before it is asked."""
    texts = chosen.event_ref, chosen.user_id, chosen.service, chosen.breach
    numbers = (chosen.incident, *chosen.numbers)
    if len(chosen.numbers) > most or any("\0" in text for text in texts):
        msg = f"a decision names at most {most} requests, in plain text"
        raise InvalidInput("query_malformed", msg, "Name fewer, or choose by event.")
    if not all(0 <= number <= HIGHEST for number in numbers):
        raise InvalidInput("query_malformed", "no request or incident has such a number", "Correct it.")


def digest(requests: Sequence[HeldRequest]) -> str:
    """Return what stands for exactly these requests, whatever their order."""
    numbers = ",".join(str(number) for number in sorted(each.id for each in requests))
    return hashlib.sha256(numbers.encode()).hexdigest()


def changed() -> Conflict:
    """Return the error of a proposal on other requests than were seen."""
    msg = "what matches is not what was seen: somebody decided on it meanwhile, or more is held"
    return Conflict("quarantine_changed", msg, "Look at what it covers now, and propose it again.")


def not_held(missing: Sequence[int], known: Sequence[HeldRequest]) -> Conflict:
    """Return the error of a proposal that names requests which are not held; *known* are those that are there."""
    by_number = {each.id: each for each in known}
    first = by_number.get(missing[0])
    if first is not None and first.decision_id is not None:
        msg = f"request {first.id} ({first.request_id}) is in decision {first.decision_id} already"
        return Conflict(
            "request_decided", msg, f"Look at it: adt-gateway quarantine show {first.decision_id}"
        )
    state = first.state if first is not None else "unknown"
    msg = f"request {missing[0]} is {state}, or does not match the other conditions"
    return Conflict("nothing_held", msg, "Look at the list of held requests again.")


def on_record(chosen: Chosen) -> dict[str, object]:
    """Return conditions for the audit record: without the incident's number, for a record cannot be changed.

    The incident may be marked `classified` later, and the decision tells what it is about.
    """
    told: dict[str, object] = msgspec.to_builtins(msgspec.structs.replace(chosen, incident=0))
    return told | ({"by_incident": True} if chosen.incident else {})
