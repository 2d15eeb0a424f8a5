"""Rows to begin with: files, incidents, thresholds, episodes, observations."""

from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.adt_files import StoredFile, get_file, insert_file
from gateway.store.database import Database
from gateway.store.incidents import insert_incident
from gateway.store.journal import Observation
from thresholds.breach import EpisodeId
from thresholds.model import (
    Alignment,
    Communication,
    CommunicationClass,
    Level,
    Period,
    Threshold,
    ThresholdKey,
    UserId,
)

ANN: Final = UserId("90-B3-D5-1F-30-01-00-00")
BOB: Final = UserId("90-B3-D5-1F-30-01-00-01")


async def submitted(database: Database, **values: Any) -> StoredFile:
    """Return a file that somebody submitted."""
    async with database.write() as connection:
        return await get_file(connection, await insert_file(connection, **file_values(**values)))


def file_values(**values: Any) -> dict[str, Any]:
    """Return the columns of a submitted file."""
    usual = {
        "name": "adt.csv",
        "profile": "adt-1",
        "sha256": "0" * 64,
        "content": b"UserID\r\n",
        "row_count": 1,
        "effective_from": 100,
        "submitted_by": "ann",
        "submitted_at": 1,
    }
    return usual | values


async def open_incident(connection: AsyncConnection, **values: Any) -> int:
    """Open a candidate incident; return its number."""
    usual = {
        "kind": "threshold",
        "level": "warning",
        "user_id": ANN,
        "title": "Above the warning level",
        "opened_at": 10,
        "record": 1,
        "detail": b"{}",
    }
    return await insert_incident(connection, **(usual | values))


def make_threshold(user: UserId = ANN, **values: Any) -> Threshold:
    """Return a standing threshold."""
    usual: dict[str, Any] = {
        "user_id": user,
        "communication": "SR",
        "service": "4.1.1",
        "period": Period(3600, "PT1H"),
        "warning": 80,
        "quarantine": 100,
        "effective_from": 100,
        "line": 2,
    }
    return Threshold(**(usual | values))


def make_episode(level: Level = Level.WARNING, opened: int = 10) -> EpisodeId:
    """Return the identity of an episode."""
    return EpisodeId(ThresholdKey(ANN, "SR", "4.1.1", 3600, Alignment.ROLLING), level, opened)


def make_observation(counter: int = 1, observed_at_ms: int = 10_000) -> Observation:
    """Return a service request and when it was seen."""
    target = "90-B3-D5-1F-30-00-00-02"
    communication = Communication(
        request_id=f"{ANN}:{target}:{counter}",
        originator=ANN,
        target=target,
        counter=counter,
        command_variant=1,
        service_reference="4.1",
        service_reference_variant="4.1.1",
        communication_class=CommunicationClass.SR,
    )
    return Observation(communication, observed_at_ms, observed_at_ms)
