"""What somebody should know at a glance: what is wrong, what is in force, what waits for them."""

from collections.abc import Iterable
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.audit.signed_file import FileKind
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.health import Health, PartHealth
from gateway.ingest.counting import Counting
from gateway.life import OPEN_STATES
from gateway.operations.classified import masked
from gateway.operations.sources import ShownSource, Sources
from gateway.store.adt_files import FileState, count_files, count_files_of_others
from gateway.store.database import Database
from gateway.store.decision_rows import HELD
from gateway.store.decisions import count_to_approve, held_by_state
from gateway.store.incident_list import IncidentFilter, ListedIncident, count_open_by_level, find_incidents
from gateway.store.outbox import count_waiting
from thresholds.model import Threshold, UserId

NEWEST: Final = 8
"""Open incidents that are shown."""


class UserThresholds(msgspec.Struct, frozen=True):
    """What is in force for one User ID."""

    user_id: UserId
    standing: int
    exceptions: int
    """Those that hold now."""
    to_come: int
    """Rows in force whose time has not begun."""


class Waiting(msgspec.Struct, frozen=True):
    """Something that waits for the person who looks."""

    what: str
    count: int
    path: str


class Glance(msgspec.Struct, frozen=True):
    """An overview at one instant."""

    at: float
    ready: bool
    parts: list[PartHealth]
    sources: list[ShownSource]
    listening_since: float
    open_by_level: dict[tuple[str, str], int]
    newest: list[ListedIncident]
    thresholds: list[UserThresholds]
    waiting: list[Waiting]
    alerts_waiting: dict[str, int]


class Overview:
    """Looks at everything at once: a few queries, however much there is."""

    def __init__(
        self, database: Database, counting: Counting, health: Health, sources: Sources, clock: Clock
    ) -> None:
        self._database = database
        self._counting = counting
        self._health = health
        self._sources = sources
        self._clock = clock

    async def look(self, person: Person) -> Glance:
        """Return what *person* should know."""
        person.require(Action.READ_MONITORING)
        try:
            async with self._database.read() as connection:
                by_level = await count_open_by_level(connection)
                newest = await find_incidents(connection, IncidentFilter(OPEN_STATES), NEWEST)
                files = await count_files(connection)
                exits = await count_files(connection, FileKind.EXIT_QUARANTINE)
                to_approve = await count_files_of_others(connection, FileState.SUBMITTED, person.name)
                alerts = await count_waiting(connection)
                decisions = await count_to_approve(connection, person.name)
                held, _ = (await held_by_state(connection)).get(HELD, (0, 0))
        except GatewayError as error:
            self._health.report("store", works=False, detail=error.message)
            raise
        self._health.report("store", works=True)
        now = self._clock()
        return Glance(
            at=now,
            ready=self._health.ready,
            parts=self._health.parts,
            sources=self._sources.shown(),
            listening_since=self._sources.started_at,
            open_by_level=by_level,
            newest=[masked(incident) for incident in newest],
            thresholds=by_user(self._counting.thresholds, now),
            waiting=what_waits(person, files, exits, to_approve, sum(by_level.values()), held, decisions),
            alerts_waiting=alerts,
        )


def by_user(thresholds: Iterable[Threshold], now: float) -> list[UserThresholds]:
    """Return how many of *thresholds* hold at *now*, by User ID; what has ended is left out."""
    counts: dict[UserId, list[int]] = {}
    for threshold in thresholds:
        if threshold.effective_to is not None and threshold.effective_to <= now:
            continue
        row = counts.setdefault(threshold.user_id, [0, 0, 0])
        row[2 if threshold.effective_from > now else 1 if threshold.is_exception else 0] += 1
    return [UserThresholds(user, *row) for user, row in sorted(counts.items())]


def what_waits(
    person: Person,
    files: dict[str, int],
    exits: dict[str, int],
    to_approve: int,
    incidents: int,
    held: int,
    decisions: int,
) -> list[Waiting]:
    """Return what waits for *person*, by what they may do; what does not wait is left out."""
    rows = [
        (Action.APPROVE_FILE, "ADT files to approve or reject", to_approve, "/approve"),
        (
            Action.APPROVE_FILE,
            "Decisions on quarantine to approve or reject",
            decisions,
            "/approve",
        ),
        (Action.DECIDE_QUARANTINE, "Requests that the DCC holds, to decide on", held, "/quarantine"),
        (Action.WORK_ON_INCIDENT, "Open incidents to look at", incidents, "/incidents"),
        (
            Action.DELIVER_FILE,
            "ADT files to deliver",
            files.get(FileState.SIGNED, 0),
            "/files?state=signed",
        ),
        (
            Action.DELIVER_FILE,
            "Signed decisions on quarantine to deliver",
            exits.get(FileState.SIGNED, 0),
            "/quarantine/decisions",
        ),
        (
            Action.ACKNOWLEDGE_FILE,
            "ADT files to have acknowledged",
            files.get(FileState.DELIVERED, 0),
            "/files?state=delivered",
        ),
        (
            Action.ACKNOWLEDGE_FILE,
            "Delivered decisions on quarantine to have acknowledged",
            exits.get(FileState.DELIVERED, 0),
            "/quarantine/decisions",
        ),
    ]
    return [Waiting(what, count, path) for action, what, count, path in rows if count and person.may(action)]
