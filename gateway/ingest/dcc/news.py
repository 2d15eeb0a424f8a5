"""What is told of quarantine: pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from gateway.alerts.condition import News
from gateway.alerts.facts import DccNotKept, DccQuarantine, UnknownRequest
from gateway.clock import to_text
from thresholds.model import Level

NAMED: Final = 5
"""RequestIDs that an incident names; the page of held requests has them all."""

BREACH_WORDS: Final = {
    "user_threshold": "above our own threshold",
    "dcc_threshold": "above a threshold of the DCC",
    "attribute_limits": "for a value outside limits",
}


OTHERS: Final = "others"
"""Stands for the quarantine events that are too many for incidents of their own."""


def event_subject(user: str, event: str) -> str:
    """Return what the incident of a quarantine event is about."""
    return f"{user}/{event}"


def quarantine_news(user: str, event: str, counts: Mapping[str, int], breach: str, at: float) -> News:
    """Return the news of one quarantine event: how many more requests are held, by what our count says of them."""
    total = sum(counts.values())
    figures: dict[str, int | str] = {"event_ref": event, "breach": breach}
    return News(
        DccQuarantine,
        event_subject(user, event),
        f"the DCC holds requests of {user} {BREACH_WORDS[breach]} (quarantine event {event})",
        at,
        figures=figures,
        more={"requests": total} | dict(counts),
        user_id=user,
        level=Level.QUARANTINE,
    )


class Late(NamedTuple):
    """Requests that wait for longer than *limit* seconds."""

    requests: int
    since: str
    """Since when the first of them is held; empty where there is none."""
    limit: int


def overdue_news(facts: DccQuarantine, user: str, late: Late, now: float, *, begins: bool) -> News:
    """Return the news of how many requests of an incident with these *facts* wait too long.

    *begins*: it was closed meanwhile, so that this is another one.
    """
    what = _what(facts)
    detail = f"{what}; {late.requests} wait for longer than {late.limit // 60} min" if late.requests else what
    return News(
        DccQuarantine,
        facts.subject,
        detail,
        now,
        begins=int(begins),
        figures=(facts.figures if begins else {}) | {"overdue": late.requests, "waits_since": late.since},
        user_id=user,
        level=Level.QUARANTINE,
    )


def ended_news(facts: DccQuarantine, now: float) -> News:
    """Return the news that each request of an incident was seen to have ended."""
    return News(
        DccQuarantine,
        facts.subject,
        f"{_what(facts)}; each has ended",
        now,
        begins=0,
        until=now,
        figures={"overdue": 0, "waits_since": ""} if facts.figures.get("overdue") else {},
        level=Level.QUARANTINE,
    )


def _what(facts: DccQuarantine) -> str:
    return facts.detail.partition("; ")[0]


def unknown_news(
    user: str, named: Sequence[str], count: int, since: int, now: float, *, foreign: bool
) -> News:
    """Return the news of *count* requests that are held and that we did not see leave since second *since*.

    *named* begins with those that were named before: the first of all are.
    """
    who = "a User ID that is none of ours" if foreign else "we did not see them leave"
    figures: dict[str, int | str] = {
        "request_ids": ", ".join(list(dict.fromkeys(named))[:NAMED]),
        "known_since": to_text(since),
    }
    return News(
        UnknownRequest,
        user,
        f"the DCC holds requests of {user}: {who}",
        now,
        until=now,
        figures=figures,
        more={"requests": count},
        user_id=user,
        level=Level.QUARANTINE,
    )


TRUST_WORDS: Final = {
    "unsigned": "without a signature",
    "wrong": "with a wrong signature",
    "unknown_signer": "signed by nobody who is configured",
    "unchecked": "whose signature could not be checked",
}


def not_kept_news(trust: str, count: int, limit: int, now: float) -> News:
    """Return the news of alerts of one sort of disbelief that were not kept: *limit* of it are."""
    return News(
        DccNotKept,
        trust,
        f"alerts in the DCC's name {TRUST_WORDS[trust]} are not kept any more: {limit} are",
        now,
        until=now,
        figures={"limit": limit},
        more={"not_kept": count},
    )
