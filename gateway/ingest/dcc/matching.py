"""Matches a request that the DCC holds to our own count. Pure.

What is known of a request: whether we saw it leave and when, whether it was in excess of a quarantine level of
ours, and whether such a level was passed at that time.
"""

import enum
from collections.abc import Sequence

import msgspec

from gateway.ingest.dcc.response import BreachKind, Held
from gateway.ingest.duis import service_reference_of
from thresholds.model import ALL, ANY_SERVICE, DEVICES


class Matched(enum.StrEnum):
    """What our own count says of a request that the DCC holds."""

    IN_EXCESS = "in_excess"
    """It is one of those above a quarantine level of ours: this is what we expected."""
    PREDICTED = "predicted"
    """A quarantine level of ours was passed then, and this request was not above it."""
    NOT_PREDICTED = "not_predicted"
    """We saw it leave, and no quarantine level of ours was passed."""
    SENT = "sent"
    """We saw it leave; it is held for a value in it, of which counts say nothing."""
    UNKNOWN = "unknown"
    """We did not see it leave."""


class Sighting(msgspec.Struct, frozen=True):
    """A time when a request was seen leaving, in milliseconds since the epoch."""

    communication_class: str
    from_ms: int
    until_ms: int
    """The same as *from_ms* where it is known exactly, else about a minute later."""
    service_reference_variant: str | None = None
    episode_id: int | None = None
    """The episode at quarantine level in whose excess it is."""


class PassedLevel(msgspec.Struct, frozen=True):
    """An episode at quarantine level."""

    id: int
    user_id: str
    communication: str
    service: str
    opened_at: int
    ended_at: int | None


class Match(msgspec.Struct, frozen=True):
    """What was found."""

    matched: Matched
    sighting: Sighting | None = None
    episode_id: int | None = None


def match(held: Held, sightings: Sequence[Sighting], passed: Sequence[PassedLevel]) -> Match:
    """Return what our own count says of *held*.

    A critical request is seen twice, as TRANSFORM and as SPC: the one in excess is meant, else the later.
    """
    if not sightings:
        return Match(Matched.UNKNOWN)
    seen = max(sightings, key=lambda found: (found.episode_id is not None, found.from_ms))
    if held.breach is BreachKind.ATTRIBUTE_LIMITS:
        return Match(Matched.SENT, seen)
    if seen.episode_id is not None:
        return Match(Matched.IN_EXCESS, seen, seen.episode_id)
    for episode in passed:
        if episode.user_id == held.user_id and _covers(episode, seen):
            return Match(Matched.PREDICTED, seen, episode.id)
    return Match(Matched.NOT_PREDICTED, seen)


def _covers(episode: PassedLevel, seen: Sighting) -> bool:
    lasted = episode.opened_at * 1000 <= seen.until_ms and (
        episode.ended_at is None or seen.from_ms <= (episode.ended_at + 1) * 1000
    )
    return lasted and _counts(episode, seen)


def _counts(episode: PassedLevel, seen: Sighting) -> bool:
    """Tell whether the threshold of *episode* counts the request; by its class alone where no more is known."""
    if episode.communication not in {ALL, DEVICES, seen.communication_class}:
        return False
    variant = seen.service_reference_variant
    return variant is None or episode.service in {ANY_SERVICE, variant, service_reference_of(variant)}
