"""Puts a group of the DCC's messages on record: alerts, the requests that are held, incidents, in one transaction."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import DccQuarantine, UnknownRequest, kind_of, known_facts
from gateway.clock import Clock
from gateway.ingest.dcc.answers import RecentAnswers
from gateway.ingest.dcc.checked import Checked
from gateway.ingest.dcc.matching import Match, Matched, match
from gateway.ingest.dcc.news import OTHERS, event_subject, not_kept_news, quarantine_news, unknown_news
from gateway.ingest.dcc.records import (
    Fresh,
    Recognised,
    answers_entry,
    first_of_each,
    group_entry,
    match_key,
    new_alert,
    new_held,
    recognised,
)
from gateway.ingest.dcc.sightings import known_since, look_up
from gateway.ingest.dcc.signature import Trust
from gateway.ingest.dcc.unbelieved import trusts_of, within_bounds
from gateway.metrics import DCC_NOT_KEPT, QUARANTINED
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.dcc_alerts import KnownAlert, add_alerts, believe_alerts, count_by_trust, known_alerts
from gateway.store.incidents import find_open
from gateway.store.quarantined import (
    Identity,
    add_held,
    add_repeats,
    known_held,
    note_answers,
    set_incident,
)

log = structlog.get_logger(__name__)

EVENTS: Final = 100
"""Quarantine events that get an incident of their own within `EVENTS_SECONDS`; the rest of a User ID share one."""
EVENTS_SECONDS: Final = 3600.0


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
        async with self._database.write() as connection:
            alerts = [each for each in group if each.response.held]
            known = await known_alerts(connection, {each.sha256 for each in alerts})
            new = first_of_each([each for each in alerts if each.sha256 not in known])
            kept = await count_by_trust(connection, trusts_of(new))
            new, beyond = within_bounds(new, kept, self._kept_unbelieved)
            numbers = await add_alerts(connection, [new_alert(each) for each in new])
            later = first_of_each([each for each in alerts if each.is_believed and _doubted(known, each)])
            await believe_alerts(connection, [known[each.sha256].id for each in later])
            new += later
            numbers |= {each.sha256: known[each.sha256].id for each in later}
            fresh = await self._keep_held(connection, new, numbers, matches)
            await self._tell(connection, fresh, numbers)
            answered = await self._answers.add(connection, group)
            answers = self._answers.of(answered | {each.held.request_id for each in fresh})
            if noted := await note_answers(connection, answers):
                entry = answers_entry({request_id: answers[request_id] for request_id in sorted(noted)})
                await append_record(connection, entry, self._clock())
            if new:
                entry = group_entry(new, fresh, len(beyond))
                await append_record(connection, entry, self._clock())
            dropped = Counter(str(each.verdict.trust) for each in beyond)
            for trust, count in dropped.items():
                news = not_kept_news(trust, count, self._kept_unbelieved, self._clock())
                await self._conditions.put(connection, news)
        self._conditions.ring()
        for trust, count in dropped.items():
            DCC_NOT_KEPT.labels(trust).inc(count)
            log.warning("dcc_alerts_not_kept", trust=trust, alerts=count, limit=self._kept_unbelieved)
        for each in fresh:
            QUARANTINED.labels(each.held.breach, each.match.matched).inc(each.checked.response.stands_for)
        doubted = {each.sha256 for each in later}
        return recognised(group, matches, known.keys() - doubted, {each.sha256 for each in beyond})

    async def _match(self, alerts: Sequence[Checked]) -> dict[str, Match]:
        """Return what our own count says of the requests that *alerts* name, by RequestID and breach."""
        held = [each.response.held for each in alerts if each.response.held]
        ours = self._ours()
        wanted = {each.request_id for each in held if not ours or each.user_id in ours}
        since = int(self._clock()) - self._sent_seconds
        if not wanted:
            return {match_key(each): Match(Matched.UNKNOWN) for each in held}
        looked = await look_up(self._database, wanted, since)
        return {
            match_key(each): match(each, looked.seen.get(each.request_id, []), looked.passed) for each in held
        }

    async def _keep_held(
        self,
        connection: AsyncConnection,
        new: Sequence[Checked],
        numbers: dict[str, int],
        matches: dict[str, Match],
    ) -> list[Fresh]:
        """Keep the requests that believed alerts name; return those that were not known to be held."""
        named = [(each, each.response.held) for each in new if each.response.held and each.is_believed]
        known = await known_held(connection, {held.request_id for _, held in named})
        fresh: dict[Identity, Fresh] = {}
        more: Counter[Identity] = Counter()
        for checked, held in named:
            identity = (held.request_id, held.event_ref)
            more[identity] += checked.response.stands_for
            if identity not in known and identity not in fresh:
                fresh[identity] = Fresh(checked, held, matches[match_key(held)])
        rows = [new_held(each, numbers[each.checked.sha256], more[name]) for name, each in fresh.items()]
        await add_held(connection, rows)
        await add_repeats(connection, {known[name]: n for name, n in more.items() if name in known})
        return list(fresh.values())

    async def _tell(
        self, connection: AsyncConnection, fresh: Sequence[Fresh], numbers: dict[str, int]
    ) -> None:
        """Open or update the incident of each quarantine event, and that of requests which we did not see leave."""
        events: dict[tuple[str, str], list[Fresh]] = {}
        for each in fresh:
            events.setdefault((each.held.user_id, each.held.event_ref), []).append(each)
        for (user, event), found in (await self._bounded(connection, events)).items():
            counts = Counter(str(each.match.matched) for each in found)
            at = min(each.checked.message.received_at_ms for each in found) / 1000
            news = quarantine_news(user, event, counts, str(found[0].held.breach), at)
            if await _goes_on(connection, news):
                news = msgspec.structs.replace(news, begins=0)
            await self._conditions.put(connection, news)
            incident = await find_open(connection, news.key.kind, news.key.subject)
            if incident is not None:
                await set_incident(connection, [numbers[each.checked.sha256] for each in found], incident.id)
        unknown = [each for each in fresh if each.match.matched is Matched.UNKNOWN]
        if not unknown:
            return
        now, ours = self._clock(), self._ours()
        since = await known_since(connection, int(now) - self._sent_seconds, int(now))
        for user in sorted({each.held.user_id for each in unknown}):
            ids = [each.held.request_id for each in unknown if each.held.user_id == user]
            foreign = bool(ours) and user not in ours
            named = [*await _named(connection, user), *ids]
            news = unknown_news(user, named, len(ids), since, now, foreign=foreign)
            await self._conditions.put(connection, news)

    async def _bounded(
        self, connection: AsyncConnection, events: dict[tuple[str, str], list[Fresh]]
    ) -> dict[tuple[str, str], list[Fresh]]:
        """Return *events*, those of a User ID that are too many for incidents of their own as one."""
        now = self._clock()
        while self._opened and not 0 <= now - self._opened[0] < EVENTS_SECONDS:
            self._opened.popleft()
        bounded: dict[tuple[str, str], list[Fresh]] = {}
        for (user, event), found in events.items():
            name = event
            if await find_open(connection, kind_of(DccQuarantine), event_subject(user, event)) is None:
                if len(self._opened) >= EVENTS:
                    name = OTHERS
                else:
                    self._opened.append(now)
            bounded.setdefault((user, name), []).extend(found)
        return bounded


async def _goes_on(connection: AsyncConnection, news: News) -> bool:
    """Tell whether the incident is open and what it is about has not ended; otherwise it begins anew."""
    found = await find_open(connection, news.key.kind, news.key.subject)
    facts = known_facts(found.detail) if found else None
    return isinstance(facts, DccQuarantine) and facts.until is None


async def _named(connection: AsyncConnection, user: str) -> list[str]:
    """Return the RequestIDs that the open incident of requests which *user* did not send names already."""
    found = await find_open(connection, kind_of(UnknownRequest), user)
    facts = known_facts(found.detail) if found else None
    names = str(facts.figures.get("request_ids", "")) if isinstance(facts, UnknownRequest) else ""
    return names.split(", ") if names else []


def _doubted(known: Mapping[str, KnownAlert], checked: Checked) -> bool:
    """Tell whether a message is kept that was not believed when it came: a certificate may have come since."""
    kept = known.get(checked.sha256)
    return kept is not None and kept.trust != Trust.VERIFIED
