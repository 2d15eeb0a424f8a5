"""The count: one monitor, fed from the journal, whose changes are recorded before anything else happens."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import stamina
import structlog

from gateway.clock import Clock
from gateway.errors import StoreRefused, Unavailable
from gateway.health import Health
from gateway.ingest.aside import Aside
from gateway.ingest.rebuild import Rebuild, forget_future
from gateway.ingest.recorder import ExcessRequest, Recorder
from gateway.ingest.senders import Senders
from gateway.metrics import BREACHES, MISPLACED, OPEN_EPISODES, THRESHOLDS_IN_FORCE
from gateway.store.database import Database
from gateway.store.episodes import read_open_episodes
from gateway.store.forecasts import read_forecasts
from gateway.store.journal import (
    Counted,
    JournalRow,
    Observation,
    latest_arrival,
    newest_group,
    read_counted,
)
from gateway.store.thresholds import thresholds_in_force
from thresholds.breach import Breach, Change, OpenEpisode, Placement, Rate, Standing
from thresholds.forecast import Forecast
from thresholds.model import Level, Threshold, ThresholdKey
from thresholds.monitor import Monitor
from thresholds.outlook import ForecastChange, OpenForecast
from thresholds.window import LATENESS

log = structlog.get_logger(__name__)

OUTLOOK_SECONDS: Final = 10
"""How often it is looked which counts will pass their quarantine level soon."""


class Counting:
    """Owns the monitor. One lock orders all that changes it: groups, time, thresholds."""

    def __init__(
        self, database: Database, recorder: Recorder, health: Health, clock: Clock, warn_seconds: int = 0
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._health = health
        self._clock = clock
        self._warn_seconds = warn_seconds
        self._lock = asyncio.Lock()
        self._monitor = Monitor((), 0, warn_seconds)
        self._thresholds: tuple[Threshold, ...] = ()
        self._counted = Counted(0, 0)
        self._recorded_open: frozenset[OpenEpisode] = frozenset()
        self._recorded_raised: tuple[OpenForecast, ...] = ()
        self._looked_at = 0
        self._counted_row = 0
        self.reading = 0
        """How many are reading what was counted: nothing of that may be pruned meanwhile."""
        self.attempts = 0
        """How often it was tried once more to put changes on record."""
        self.was_ahead = 0
        """Seconds by which what is on record was ahead of the clock at the start; 0 where it was not."""
        self.on_stuck: Callable[[str], None] = lambda _: None
        """Is told, in words, each time changes could not be put on record: nothing more is counted until they are."""
        self.senders = Senders()
        """The User IDs whose communications were counted since somebody last asked."""

    async def recover(self, seen: Callable[[JournalRow], None] = lambda _: None) -> None:
        """Rebuild the monitor from the store; each journal row that is in no digest yet is *seen*.

        A group is counted and its breaches recorded before the next is journalled, so that only the last
        row may lack its record. Unless something was put on record after it was counted, it is counted once
        more as if it had just arrived, and what it brings about that is on record already changes nothing.
        """
        now = int(self._clock())
        async with self._database.read() as connection:
            self._thresholds = await thresholds_in_force(connection)
            newest = await newest_group(connection)
            latest = await latest_arrival(connection, now + LATENESS)
            self._counted = await read_counted(connection)
            episodes = await read_open_episodes(connection, self._counted.evaluated_at - LATENESS)
            forecasts = [forecast.state for forecast in await read_forecasts(connection)]
        reached = max(now if newest is None else newest.received_at, latest, self._counted.evaluated_at)
        if reached > now + LATENESS:
            self.was_ahead = reached - now
            log.error("clock_was_ahead", seconds=self.was_ahead)
            reached = now
            self._counted = Counted(self._counted.journal_id, now)
        self._monitor = Monitor(self._thresholds, reached, self._warn_seconds)
        again = newest is not None and not (
            self._counted.covers(newest) or newest.received_at > now + LATENESS
        )
        last = (newest.id - again) if newest else 0
        await Rebuild(self._database, self._monitor, reached).load(last, seen)
        if self.was_ahead:
            await forget_future(self._database, now)
        self._recorded_open = frozenset(state for state in episodes if state.ended is None)
        await self._record(self._monitor.restore(episodes, self._counted.evaluated_at), ())
        await self._record_forecasts(self._monitor.restore_forecasts(forecasts))
        self._counted_row = last
        if newest is not None and again:
            seen(newest)
            if newest.observations:
                await self.count(newest.observations, newest.id)
            self._counted_row = newest.id
        await self.tick()
        self._show()
        log.info("recovered", thresholds=len(self._thresholds), episodes=len(episodes))

    async def count(self, observations: Sequence[Observation], row_id: int) -> None:
        """Count what was journalled as row *row_id*; return when its breaches are on record."""
        async with self._lock:
            received_at = max(observation.received_at_ms for observation in observations) // 1000
            self._reach(received_at, row_id)
            changes: list[Change] = []
            excess: list[ExcessRequest] = []
            for observation in observations:
                observed = self._monitor.observe(
                    observation.communication,
                    observation.observed_at_ms // 1000,
                    observation.received_at_ms // 1000,
                )
                if observed.placement is not Placement.ON_TIME:
                    MISPLACED.labels(observed.placement).inc()
                changes.extend(observed.changes)
                excess.extend(ExcessRequest(episode, observation) for episode in observed.excess)
            await self._record(changes, excess)
            self._counted_row = row_id
            self.senders.note(observations)

    async def tick(self) -> None:
        """Let time pass: episodes end, levels change at their second."""
        async with self._lock:
            now = int(self._clock())
            self._reach(now)
            await self._record(self._monitor.advance(now), ())
            if not 0 <= now - self._looked_at < OUTLOOK_SECONDS:
                self._looked_at = now
                await self._record_forecasts(self._monitor.outlook())

    async def replace_thresholds(self) -> None:
        """Take the thresholds that are in force now from the store; counts and episodes that stay, stay.

        Windows of new keys are loaded aside while the count goes on. Everything that can fail comes first: the
        monitor changes when all that it needs is there. Raises `Unavailable`, and then nothing has changed;
        call it again.
        """
        async with self._database.read() as connection:
            thresholds = await thresholds_in_force(connection)
        known = {threshold.key for threshold in self._thresholds}
        added = [threshold for threshold in thresholds if threshold.key not in known]
        aside = Aside(self._database, added, int(self._clock())) if added else None
        self.reading += 1
        try:
            if aside:
                await aside.load(self._counted_row)
                await aside.follow(self._counted_row, int(self._clock()))
            async with self._lock:
                now = int(self._clock())
                if aside:
                    await aside.follow(self._counted_row, now)
                self._reach(now)
                self._thresholds = thresholds
                replaced = self._monitor.replace(thresholds, now, aside.monitor if aside else None)
                await self._record((*replaced.changes, *self._monitor.advance(now)), (), always=True)
                await self._record_forecasts(self._monitor.outlook())
                self._show()
        finally:
            self.reading -= 1

    @property
    def counted_row(self) -> int:
        """The last row of the journal that is counted, its breaches on record."""
        return self._counted_row

    def rates(self) -> Iterator[Rate]:
        """Return every count beside its threshold, as of the last tick."""
        return self._monitor.rates()

    def moved(self) -> tuple[Standing, ...]:
        """Return the counts that may have changed since the last call, as of the last tick; for one asker alone."""
        return self._monitor.moved()

    def forecast(self, key: ThresholdKey) -> Forecast | None:
        """Return when *key* will pass its quarantine level."""
        return self._monitor.forecast(key, Level.QUARANTINE)

    def arrivals(self, key: ThresholdKey, parts: int) -> list[int]:
        """Return what counted in each of at most *parts* equal parts of the period of *key*."""
        return self._monitor.arrivals(key, parts)

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The thresholds in force."""
        return self._thresholds

    def _reach(self, second: int, row_id: int | None = None) -> None:
        """Note how far the count comes with what follows; a clock set back changes nothing."""
        evaluated_at = max(second, self._counted.evaluated_at)
        self._counted = Counted(self._counted.journal_id if row_id is None else row_id, evaluated_at)

    async def _record(
        self, changes: Sequence[Change], excess: Sequence[ExcessRequest], *, always: bool = False
    ) -> None:
        """Put changes on record, however long that takes: until then nothing more is counted."""
        open_episodes = self._monitor.open_episodes()
        is_open = frozenset(open_episodes)
        open_episodes += tuple(self._ended_quietly())
        if not (changes or excess or always) and is_open == self._recorded_open:
            return
        # A refusal is waited out too, for all to see: an end of the daemon would end what it passes on.
        trouble = (Unavailable, StoreRefused)
        async for attempt in stamina.retry_context(trouble, attempts=None, timeout=None, wait_max=5.0):
            with attempt:
                if attempt.num > 1:
                    self._stuck("breaches wait to be recorded")
                await self._recorder.record(changes, excess, open_episodes, self._counted, self._clock())
        self._health.report("recording", works=True)
        self._recorded_open = is_open
        for change in changes:
            if isinstance(change, Breach):
                BREACHES.labels(change.level).inc()
        self._show()

    def _stuck(self, why: str) -> None:
        self.attempts += 1
        self._health.report("recording", works=False, detail=why)
        self.on_stuck(why)

    def _ended_quietly(self) -> Iterator[OpenEpisode]:
        """Yield the quiet episodes that have ended since the last record: no change tells of them."""
        for state in self._recorded_open:
            if state.quiet and (ended := self._monitor.quiet_end(state.episode)) is not None:
                yield msgspec.structs.replace(state, ended=ended)

    async def _record_forecasts(self, changes: Sequence[ForecastChange]) -> None:
        """Put forecasts on record, however long that takes: the monitor tells of each change once.

        One that the store refuses is given up: it would be refused again, and no count waits for a forecast.
        """
        raised = self._monitor.open_forecasts()
        if not changes and raised == self._recorded_raised:
            return
        try:
            await self._write_forecasts(changes, raised)
        except StoreRefused as error:
            log.error("forecasts_not_recorded", code=error.code, error=error.message)  # noqa: TRY400 - it says it all
            self._health.report("recording", works=False, detail="forecasts are refused", needed=False)
            return
        self._health.report("recording", works=True)
        self._recorded_raised = raised

    async def _write_forecasts(
        self, changes: Sequence[ForecastChange], raised: tuple[OpenForecast, ...]
    ) -> None:
        async for attempt in stamina.retry_context(Unavailable, attempts=None, timeout=None, wait_max=5.0):
            with attempt:
                if attempt.num > 1:
                    self._stuck("forecasts wait to be recorded")
                await self._recorder.record_forecasts(changes, raised, self._clock())

    def _show(self) -> None:
        levels = Counter(state.episode.level for state in self._monitor.open_episodes())
        for level in Level:
            OPEN_EPISODES.labels(level).set(levels[level])
        THRESHOLDS_IN_FORCE.set(len(self._thresholds))
