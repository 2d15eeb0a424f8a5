"""What an alert says: one schema for every channel. Pure."""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "adt-gateway-alert-1"
CONTENT_TYPE: Final = "application/json"


class SetBy(msgspec.Struct, frozen=True):
    """Who put the threshold into force, and by which file and audit record."""

    file_id: int
    file_name: str
    file_sha256: str
    line: int
    submitted_by: str
    approved_by: str
    in_force_at: str
    in_force_record: int


class ThresholdFacts(msgspec.Struct, frozen=True):
    """The threshold that was passed."""

    user_id: str
    communication: str
    service: str
    service_name: str
    period: str
    alignment: str
    warning: int
    quarantine: int
    is_exception: bool
    set_by: SetBy


class RecordFacts(msgspec.Struct, frozen=True):
    """The audit record of this step: an anchor that shows later whether the chain was replaced."""

    number: int
    hash: str


class IncidentFacts(msgspec.Struct, frozen=True):
    """What is known of a candidate incident from its first second."""

    kind: Literal["threshold"]
    level: str
    limit: int
    count: int
    window_from: str
    window_to: str
    opened_at: str
    threshold: ThresholdFacts
    first_request_id: str
    """The request that passed the level; empty where a change of thresholds did."""
    supersedes: int | None
    """The warning incident that this one takes the place of."""


class Alert(msgspec.Struct, frozen=True):
    """One message to the SOC; its `id` is the same at each repetition."""

    id: str
    instance: str
    event: Literal["opened", "closed"]
    incident: int
    title: str
    at: str
    facts: IncidentFacts
    record: RecordFacts
    reason: str = ""
    """Why it was closed."""
    by: str = "system"
    """Who closed it."""
    schema: str = SCHEMA


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Alert).decode
decode_facts = msgspec.json.Decoder(IncidentFacts).decode


def alert_id(instance: str, incident: int, event: str) -> str:
    """Return the alert's identity, by which a receiver drops repeats."""
    return f"{instance}/incident/{incident}/{event}"
