"""What becomes of the DCC's messages on record: rows, the audit record and the answer. Pure."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from gateway.audit.record import Entry
from gateway.clock import to_text
from gateway.ingest.dcc.checked import Checked
from gateway.ingest.dcc.matching import Match
from gateway.ingest.dcc.response import Held
from gateway.store.dcc_alerts import NewAlert
from gateway.store.quarantined import Answer, NewHeld

SUBJECT: Final = "dcc"
"""What the audit record of a group is about."""


class Recognised(msgspec.Struct, frozen=True):
    """What a message of the DCC was, once it is on record."""

    kind: str
    """quarantine, alert, answer or device_alert."""
    trust: str
    why: str
    """Why it is not believed; empty where it is."""
    alert_code: str = ""
    request_id: str = ""
    event_ref: str = ""
    breach: str = ""
    matched: str = ""
    """What our own count says of the request; empty where that was not asked."""
    repeated: bool = False
    """Whether the same message came before."""
    not_kept: bool = False
    """Whether it is not believed, and too many of its sort are kept: it is counted alone."""


class Fresh(msgspec.Struct, frozen=True):
    """A request that was not known to be held."""

    checked: Checked
    held: Held
    match: Match


def match_key(held: Held) -> str:
    """Return by what a match is found: the same request may be held for two reasons."""
    return f"{held.request_id} {held.breach}"


def first_of_each(alerts: Sequence[Checked]) -> list[Checked]:
    """Return *alerts* without those whose bytes came before among them."""
    first: dict[str, Checked] = {}
    for each in alerts:
        first.setdefault(each.sha256, each)
    return list(first.values())


def new_alert(checked: Checked) -> NewAlert:
    """Return the row of an alert."""
    response, held = checked.response, checked.response.held
    return NewAlert(
        received_at_ms=checked.message.received_at_ms,
        source=checked.message.source,
        trust=str(checked.verdict.trust),
        why=checked.verdict.why,
        signer=checked.verdict.signer,
        response_id=response.response_id,
        responded_at_ms=response.responded_at_ms,
        alert_code=response.alert_code,
        throttled_sequence=response.throttled_sequence,
        throttled_count=response.throttled_count,
        breach=str(held.breach) if held else "",
        request_id=held.request_id if held else "",
        event_ref=held.event_ref if held else "",
        sha256=checked.sha256,
        content=checked.message.data,
    )


def new_held(fresh: Fresh, alert_id: int, alerts: int) -> NewHeld:
    """Return the row of a request that is held, named by that many alerts."""
    held, sighting = fresh.held, fresh.match.sighting
    return NewHeld(
        alert_id=alert_id,
        user_id=held.user_id,
        device=held.device,
        request_id=held.request_id,
        event_ref=held.event_ref,
        breach=str(held.breach),
        alerts=alerts,
        notified_at_ms=fresh.checked.response.responded_at_ms,
        received_at_ms=fresh.checked.message.received_at_ms,
        matched=str(fresh.match.matched),
        sent_at_ms=sighting.from_ms if sighting else None,
        sent_until_ms=sighting.until_ms if sighting else None,
        communication_class=sighting.communication_class if sighting else None,
        service_reference_variant=sighting.service_reference_variant if sighting else None,
        episode_id=fresh.match.episode_id,
    )


def group_entry(new: Sequence[Checked], fresh: Sequence[Fresh], dropped: int) -> Entry:
    """Return the audit record of a group; the hash over the messages' hashes, in order, ties them to it."""
    together = hashlib.sha256("".join(each.sha256 for each in new).encode()).hexdigest()
    detail = {
        "alerts": len(new),
        "held": len(fresh),
        "not_kept": dropped,
        "trust": dict(Counter(str(each.verdict.trust) for each in new)),
        "sha256_of_hashes": together,
    }
    return Entry("system", "dcc.alerts", SUBJECT, detail)


def answers_entry(answers: Mapping[str, Answer]) -> Entry:
    """Return the audit record of answers to requests that are held; the bytes of an answer are not kept, their hash is."""
    told = [
        {
            "request_id": request_id,
            "code": answer.code,
            "responded_at": to_text(answer.responded_at_ms / 1000),
            "sha256": answer.sha256,
        }
        for request_id, answer in answers.items()
    ]
    return Entry("system", "dcc.answers", SUBJECT, {"answers": told})


def recognised(
    group: Sequence[Checked],
    matches: dict[str, Match],
    repeated: Collection[str],
    not_kept: Collection[str] = (),
) -> list[Recognised]:
    """Return what each message of a group was, in order.

    *repeated* are the hashes of those that were kept before, *not_kept* of those that are too many.
    """
    seen = set(repeated)
    found = []
    for each in group:
        held = each.response.held
        matched = matches.get(match_key(held)) if held and each.is_believed else None
        found.append(
            Recognised(
                kind=each.response.kind,
                trust=str(each.verdict.trust),
                why=each.verdict.why,
                alert_code=each.response.alert_code,
                request_id=held.request_id if held else each.response.request_id,
                event_ref=held.event_ref if held else "",
                breach=str(held.breach) if held else "",
                matched=str(matched.matched) if matched else "",
                repeated=held is not None and each.sha256 in seen,
                not_kept=each.sha256 in not_kept,
            )
        )
        seen.add(each.sha256)
    return found
