"""What is known of a candidate incident, by its kind: one tagged union for store, alert and audit record. Pure.

In JSON the field `kind` says which it is. Instants are RFC 3339 text, UTC.
"""

from typing import Final, Literal, get_args

import msgspec


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
    """The threshold that was passed, or will be."""

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


class BreachFacts(msgspec.Struct, frozen=True, tag_field="kind", tag="threshold"):
    """A level was passed; known from the first second of the episode."""

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


class ForecastFacts(msgspec.Struct, frozen=True, tag_field="kind", tag="forecast"):
    """A quarantine level will be passed soon, if requests go on arriving as they did of late."""

    level: str
    limit: int
    """The quarantine level that will be in force then."""
    count: int
    """At *raised_at*."""
    raised_at: str
    expected_at: str
    earliest_at: str
    """Nine of ten breaches come between this instant and *latest_at*."""
    latest_at: str
    threshold: ThresholdFacts
    outcome: Literal["", "reached", "receded", "withdrawn"] = ""
    """Why it was withdrawn; empty while it stands."""
    ended_at: str | None = None
    reached: int | None = None
    """The incident of the level that was passed."""


class ConditionFacts(msgspec.Struct, frozen=True, tag_field="kind"):
    """Something other than a count is wrong, once or again and again."""

    level: str
    subject: str
    """What it is about: a source, a User ID, a token."""
    since: str
    """When it began, the last time where it came back."""
    until: str | None
    """When it ended, the last time; None while it lasts."""
    occurrences: int
    """How often it began."""
    detail: str
    """A plain sentence."""
    figures: dict[str, int | str]
    """A few named numbers and texts."""


class SourceSilent(ConditionFacts, frozen=True, tag="source_silent"):
    """A source has brought no communication for longer than it may."""


class QueueFull(ConditionFacts, frozen=True, tag="queue_full"):
    """Communications were refused because too many waited already."""


class ClockWrong(ConditionFacts, frozen=True, tag="clock"):
    """The system's clock jumped, or was found ahead of or behind what is on record."""


class NoThresholds(ConditionFacts, frozen=True, tag="no_thresholds"):
    """Communications of a User ID are counted against nothing."""


class NotCountable(ConditionFacts, frozen=True, tag="not_countable"):
    """Requests went out to the adaptor and could not be counted."""


class TokenFails(ConditionFacts, frozen=True, tag="token"):
    """The token did not sign an approved file."""


class DccQuarantine(ConditionFacts, frozen=True, tag="dcc_quarantine"):
    """The DCC holds requests of ours."""


class UnknownRequest(ConditionFacts, frozen=True, tag="unknown_request"):
    """The DCC holds requests that we did not see leave."""


class DccNotKept(ConditionFacts, frozen=True, tag="dcc_not_kept"):
    """Alerts in the DCC's name that are not believed were not kept, because too many of their sort are."""


Condition = (
    SourceSilent
    | QueueFull
    | ClockWrong
    | NoThresholds
    | NotCountable
    | TokenFails
    | DccQuarantine
    | UnknownRequest
    | DccNotKept
)
"""What is wrong other than a count."""

Facts = BreachFacts | ForecastFacts | Condition
"""What is known of a candidate incident of any kind."""

decode_facts = msgspec.json.Decoder(Facts).decode


def known_facts(detail: bytes | msgspec.Raw) -> Facts | None:
    """Return what is known of an incident; None where this version cannot read it."""
    try:
        facts: Facts = decode_facts(detail)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return facts


def kind_of(facts: Facts | type[Facts]) -> str:
    """Return the kind as JSON, store and metrics name it."""
    return str(facts.__struct_config__.tag)


KINDS: Final = tuple(kind_of(each) for each in get_args(Facts))
"""Every kind of candidate incident."""
