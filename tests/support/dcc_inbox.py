"""An inbox for the DCC's messages on a store, and what the gateway saw leave before."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from cryptography import x509

from gateway import tasks
from gateway.alerts.facts import ConditionFacts, decode_facts
from gateway.ingest.dcc.inbox import DccInbox
from gateway.ingest.dcc.recheck import Recheck
from gateway.ingest.dcc.recorder import DccRecorder
from gateway.ingest.dcc.records import Recognised
from gateway.ingest.fold import Fold, KindNumbers
from gateway.store.database import Database
from gateway.store.dcc_alerts import AlertFilter, ListedAlert, find_alerts
from gateway.store.digests import add_digest, read_folded, read_kinds
from gateway.store.episodes import add_excess, open_episode
from gateway.store.incidents import StoredIncident, list_incidents
from gateway.store.journal import Observation, read_journal
from gateway.store.journal_writer import DatabaseJournalWriter
from gateway.store.quarantined import HeldFilter, HeldRow, find_held
from tests.support.dcc import TestDcc, quarantine
from tests.support.duis_messages import USER_ID, request_id
from tests.support.rows import open_incident
from tests.support.traffic import communication
from tests.support.watching import START, Machine, make_conditions
from thresholds.breach import EpisodeId
from thresholds.model import Alignment, CommunicationClass, Level, ThresholdKey, UserId

DCC: Final = TestDcc()
SENT_SECONDS: Final = 86_400


class Inbox:
    """Takes messages as the daemon does; the clock stands still until it is moved."""

    def __init__(
        self,
        database: Database,
        *,
        queue_limit: int = 5000,
        kept_unbelieved: int = 100,
        ours: Collection[str] = (USER_ID,),
    ) -> None:
        self.database = database
        self.machine = Machine()
        conditions = make_conditions(database, self.machine)
        bounds = SENT_SECONDS, kept_unbelieved
        recorder = DccRecorder(database, conditions, lambda: ours, *bounds, self.machine)
        self.certificates: tuple[x509.Certificate, ...] = (DCC.certificate,)
        self.inbox = DccInbox(recorder, lambda: self.certificates, queue_limit, self.machine)
        self.recheck = Recheck(database, recorder, lambda: self.certificates, self.machine)

    async def take(self, *messages: bytes) -> list[Recognised]:
        """Hand in messages side by side."""
        return await asyncio.gather(*(self.inbox.take(data, "http") for data in messages))

    async def held(
        self, *numbers: int, event: int = 42, breach: str = "ADUserThresholdBreach"
    ) -> list[Recognised]:
        """Hand in a signed alert for each request of these numbers."""
        return await self.take(*(self.alert(number, event, breach) for number in numbers))

    def alert(self, number: int, event: int = 42, breach: str = "ADUserThresholdBreach") -> bytes:
        """Return a signed alert of now."""
        return DCC.sign(quarantine(request_id(number), event, breach=breach, at=self.machine()))

    async def saw(
        self, *numbers: int, name: CommunicationClass = CommunicationClass.SR, variant: str = "4.1.1"
    ) -> None:
        """Journal requests that leave now."""
        found = [self.observation(n, name, variant) for n in numbers]
        await DatabaseJournalWriter(self.database).append(found, int(self.machine()))

    def observation(
        self, number: int, name: CommunicationClass = CommunicationClass.SR, variant: str = "4.1.1"
    ) -> Observation:
        """Return a request that leaves now."""
        now_ms = int(self.machine() * 1000)
        sent = msgspec.structs.replace(
            communication(variant, name, UserId(USER_ID)),
            counter=number,
            request_id=request_id(number),
        )
        return Observation(sent, now_ms, now_ms)

    async def fold(self) -> None:
        """Put all that is journalled into one digest, as is done after a minute."""
        async with self.database.read() as connection:
            folded, known = await read_folded(connection), await read_kinds(connection)
        fold = Fold(folded.seed, folded.history_until)
        fold.add([row async for row in read_journal(self.database, folded.journal_id)])
        numbers = KindNumbers(known, ())
        async with self.database.write() as connection:
            await add_digest(connection, fold.digest(numbers), numbers.new)

    async def passed(
        self,
        *above: int,
        level: Level = Level.QUARANTINE,
        service: str = "4.1.1",
        at: float | None = None,
    ) -> None:
        """Record that a level of the threshold on *service* was passed now or *at* a time, and requests above it."""
        key = ThresholdKey(UserId(USER_ID), "SR", service, 3600, Alignment.ROLLING)
        at = self.machine() if at is None else at
        episode = EpisodeId(key, level, int(at))
        above_ms = int(at * 1000)
        async with self.database.write() as connection:
            incident = await open_incident(connection, level=str(level), user_id=USER_ID)
            await open_episode(connection, episode, incident)
            found = [self.observation(number) for number in above]
            timed = [msgspec.structs.replace(each, observed_at_ms=above_ms) for each in found]
            await add_excess(connection, [(episode, each) for each in timed])

    async def rows(self) -> list[HeldRow]:
        """Return the requests that are held."""
        async with self.database.read() as connection:
            return await find_held(connection, HeldFilter(), 1000)

    async def alerts(self) -> list[ListedAlert]:
        """Return the alerts that are kept, the newest first."""
        async with self.database.read() as connection:
            return await find_alerts(connection, AlertFilter(), 1000)

    async def incidents(self, kind: str) -> list[tuple[StoredIncident, ConditionFacts]]:
        """Return the incidents of a kind with what is known of them."""
        async with self.database.read() as connection:
            found = await list_incidents(connection, (), 1000, kind)
        return [(each, _condition(each)) for each in found]


def _condition(incident: StoredIncident) -> ConditionFacts:
    facts = decode_facts(incident.detail)
    assert isinstance(facts, ConditionFacts)
    return facts


@asynccontextmanager
async def running(
    database: Database, *, queue_limit: int = 5000, kept_unbelieved: int = 100
) -> AsyncIterator[Inbox]:
    """Run an inbox."""
    inbox = Inbox(database, queue_limit=queue_limit, kept_unbelieved=kept_unbelieved)
    async with asyncio.TaskGroup() as group:
        task = tasks.start(group, "dcc", inbox.inbox.run())
        try:
            yield inbox
        finally:
            task.cancel()


def numbers(rows: Sequence[HeldRow]) -> list[int]:
    """Return the counters of the requests."""
    return sorted(int(row.request_id.rpartition(":")[2]) for row in rows)


__all__ = ["DCC", "START", "Inbox", "numbers", "running"]
