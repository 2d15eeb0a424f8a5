"""What people do with candidate incidents, put together."""

from typing import NamedTuple

from gateway.alerts.candidate import Candidates
from gateway.clock import Clock
from gateway.operations.incident_desk import IncidentDesk
from gateway.operations.incident_marking import IncidentMarking
from gateway.operations.incident_papers import IncidentPapers
from gateway.operations.incident_work import IncidentWork
from gateway.section import IncidentSettings
from gateway.store.database import Database


class IncidentParts(NamedTuple):
    """The use cases that change incidents."""

    work: IncidentWork
    papers: IncidentPapers
    marking: IncidentMarking


def incident_parts(
    database: Database, candidates: Candidates, settings: IncidentSettings, clock: Clock
) -> IncidentParts:
    """Make them; all change incidents by one way."""
    desk = IncidentDesk(database, candidates, clock)
    return IncidentParts(IncidentWork(desk), IncidentPapers(desk, settings), IncidentMarking(desk))
