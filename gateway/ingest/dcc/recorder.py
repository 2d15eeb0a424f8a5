"""Puts a group of the DCC's messages on record: alerts, the requests that are held, incidents, in one transaction."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import DccQuarantine, kind_of
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.ingest.dcc.answers import RecentAnswers
from gateway.ingest.dcc.checked import Checked
from gateway.ingest.dcc.matching import Match, Matched, match
from gateway.ingest.dcc.news import OTHERS, event_subject, quarantine_news, unknown_news
from gateway.ingest.dcc.response import Held
from gateway.ingest.dcc.sightings import known_since, look_up
from gateway.metrics import DCC_NOT_KEPT, QUARANTINED
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.dcc_alerts import NewAlert, add_alerts, count_unbelieved, known_alerts
from gateway.store.incidents import find_open
from gateway.store.quarantined import (
    Identity,
    NewHeld,
    add_held,
    add_repeats,
    known_held,
    note_answers,
    set_incident,
)

log = structlog.get_logger(__name__)

SUBJECT: Final = "dcc"
"""What the audit record of a group is about."""


EVENTS: Final = 100
"""Quarantine events that get an incident of their own within `EVENTS_SECONDS`; the rest of a User ID share one."""
EVENTS_SECONDS: Final = 3600.0


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


class _Fresh(msgspec.Struct, frozen=True):
    """A request that was not known to be held."""

    checked: Checked
    held: Held
    match: Match


class DccRecorder:
    """Writes what the DCC's messages say; writing it twice is the same as once."""

    def __init__(
        self,
        database: Database,
        conditions: Conditions,
        ours: Callable[[], Collection[str]],
        sent_seconds: int,
        kept_unbelieved: int,
        clock: Clock,
    ) -> None:
        self._database = database
        self._conditions = conditions
        self._ours = ours
        self._sent_seconds = sent_seconds
        self._kept_unbelieved = kept_unbelieved
        self._clock = clock
        self._opened: deque[float] = deque()
        self._answers = RecentAnswers()

    async def record(self, group: Sequence[Checked]) -> list[Recognised]:
        """Record *group* and return what each message was, in order; raise `Unavailable` where nothing was."""
        matches = await self._match([each for each in group if each.response.held and each.is_believed])
        answered = self._answers.add(group)
        async with self._database.write() as connection:
            alerts = [each for each in group if each.response.held]
            repeated = await known_alerts(connection, {each.sha256 for each in alerts})
            new = _first_of_each([each for each in alerts if each.sha256 not in repeated])
            new, dropped = await self._within_bounds(connection, new)
            numbers = await add_alerts(connection, [_alert(each) for each in new])
            fresh = await self._keep_held(connection, new, numbers, matches)
            await self._tell(connection, fresh, numbers)
            answers = self._answers.of(answered | {each.held.request_id for each in fresh})
            await note_answers(connection, answers)
            if new:
                await append_record(connection, _entry(new, fresh, dropped), self._clock())
        self._conditions.ring()
        DCC_NOT_KEPT.inc(dropped)
        for each in fresh:
            QUARANTINED.labels(each.held.breach, each.match.matched).inc(each.checked.response.stands_for)
        return _recognised(group, matches, repeated)

    async def _match(self, alerts: Sequence[Checked]) -> dict[str, Match]:
        """Return what our own count says of the requests that *alerts* name, by RequestID and breach."""
        held = [each.response.held for each in alerts if each.response.held]
        ours = self._ours()
        wanted = {each.request_id for each in held if not ours or each.user_id in ours}
        since = int(self._clock()) - self._sent_seconds
        if not wanted:
            return {_key(each): Match(Matched.UNKNOWN) for each in held}
        looked = await look_up(self._database, wanted, since)
        return {_key(each): match(each, looked.seen.get(each.request_id, []), looked.passed) for each in held}

    async def _within_bounds(
        self, connection: AsyncConnection, alerts: list[Checked]
    ) -> tuple[list[Checked], int]:
        """Return what is kept, and how many alerts that are not believed are too many."""
        unbelieved = [each for each in alerts if not each.is_believed]
        if not unbelieved:
            return alerts, 0
        room = max(0, self._kept_unbelieved - await count_unbelieved(connection))
        beyond = {each.sha256 for each in unbelieved[room:]}
        if beyond:
            log.warning("dcc_alerts_not_kept", alerts=len(beyond), limit=self._kept_unbelieved)
        return [each for each in alerts if each.sha256 not in beyond], len(beyond)

    async def _keep_held(
        self,
        connection: AsyncConnection,
        new: Sequence[Checked],
        numbers: dict[str, int],
        matches: dict[str, Match],
    ) -> list[_Fresh]:
        """Keep the requests that believed alerts name; return those that were not known to be held."""
        named = [(each, each.response.held) for each in new if each.response.held and each.is_believed]
        known = await known_held(connection, {held.request_id for _, held in named})
        fresh: dict[Identity, _Fresh] = {}
        more: Counter[Identity] = Counter()
        for checked, held in named:
            identity = (held.request_id, held.event_ref)
            more[identity] += checked.response.stands_for
            if identity not in known and identity not in fresh:
                fresh[identity] = _Fresh(checked, held, matches[_key(held)])
        rows = [_row(each, numbers[each.checked.sha256], more[name]) for name, each in fresh.items()]
        await add_held(connection, rows)
        await add_repeats(connection, {known[name]: n for name, n in more.items() if name in known})
        return list(fresh.values())

    async def _tell(
        self, connection: AsyncConnection, fresh: Sequence[_Fresh], numbers: dict[str, int]
    ) -> None:
        """Open or update the incident of each quarantine event, and that of requests which we did not see leave."""
        events: dict[tuple[str, str], list[_Fresh]] = {}
        for each in fresh:
            events.setdefault((each.held.user_id, each.held.event_ref), []).append(each)
        for (user, event), found in (await self._bounded(connection, events)).items():
            counts = Counter(str(each.match.matched) for each in found)
            at = min(each.checked.message.received_at_ms for each in found) / 1000
            news = quarantine_news(user, event, counts, str(found[0].held.breach), at)
            await self._conditions.put(connection, news)
            incident = await find_open(connection, news.key.kind, news.key.subject)
            if incident is not None:
                await set_incident(connection, [numbers[each.checked.sha256] for each in found], incident.id)
        unknown = [each for each in fresh if each.match.matched is Matched.UNKNOWN]
        if not unknown:
            return
        now, ours = self._clock(), self._ours()
        since = await known_since(connection, int(now) - self._sent_seconds)
        for user in sorted({each.held.user_id for each in unknown}):
            ids = [each.held.request_id for each in unknown if each.held.user_id == user]
            foreign = bool(ours) and user not in ours
            await self._conditions.put(connection, unknown_news(user, ids, since, now, foreign=foreign))

    async def _bounded(
        self, connection: AsyncConnection, events: dict[tuple[str, str], list[_Fresh]]
    ) -> dict[tuple[str, str], list[_Fresh]]:
        """Return *events*, those of a User ID that are too many for incidents of their own as one."""
        now = self._clock()
        while self._opened and not 0 <= now - self._opened[0] < EVENTS_SECONDS:
            self._opened.popleft()
        bounded: dict[tuple[str, str], list[_Fresh]] = {}
        for (user, event), found in events.items():
            name = event
            if await find_open(connection, kind_of(DccQuarantine), event_subject(user, event)) is None:
                if len(self._opened) >= EVENTS:
                    name = OTHERS
                else:
                    self._opened.append(now)
            bounded.setdefault((user, name), []).extend(found)
        return bounded


def _key(held: Held) -> str:
    return f"{held.request_id} {held.breach}"


def _first_of_each(alerts: Sequence[Checked]) -> list[Checked]:
    first: dict[str, Checked] = {}
    for each in alerts:
        first.setdefault(each.sha256, each)
    return list(first.values())


def _alert(checked: Checked) -> NewAlert:
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


def _row(fresh: _Fresh, alert_id: int, alerts: int) -> NewHeld:
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


def _entry(new: Sequence[Checked], fresh: Sequence[_Fresh], dropped: int) -> Entry:
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


def _recognised(
    group: Sequence[Checked], matches: dict[str, Match], repeated: Collection[str]
) -> list[Recognised]:
    seen = set(repeated)
    found = []
    for each in group:
        held = each.response.held
        matched = matches.get(_key(held)) if held and each.is_believed else None
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
            )
        )
        seen.add(each.sha256)
    return found
