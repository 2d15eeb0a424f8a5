"""What the views work with, as typed keys of the application."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.clock import Clock
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.dcc.inbox import DccInbox
from gateway.ingest.receive import Receiver
from gateway.live import Live
from gateway.operations.alert_desk import AlertDesk
from gateway.operations.backtests import Backtests
from gateway.operations.broadcast import Broadcast
from gateway.operations.decisions import Decisions
from gateway.operations.delivery import Delivery
from gateway.operations.entrance import Entrance
from gateway.operations.file_review import Reviews
from gateway.operations.files import Files
from gateway.operations.history import History
from gateway.operations.in_force import InForce
from gateway.operations.incident_parts import IncidentParts
from gateway.operations.incidents import Incidents
from gateway.operations.looks import Looks
from gateway.operations.passkeys import Passkeys
from gateway.operations.quarantine import Quarantine
from gateway.operations.rules import Rulebook
from gateway.operations.signing import Signing
from gateway.operations.silences import Silences
from gateway.store.database import Database
from gateway.web.adaptor import Adaptor


@dataclass(frozen=True)
class Services:
    """The parts of the daemon that the views call."""

    instance: str
    database: Database
    clock: Clock
    rules: Rulebook
    entrance: Entrance
    receiver: Receiver
    files: Files
    passkeys: Passkeys | None
    """Where they are set."""
    reviews: Reviews
    backtests: Backtests
    signing: Signing
    delivery: Delivery
    decisions: Decisions
    in_force: InForce
    counting: Counting
    incidents: Incidents
    silences: Silences
    desk: IncidentParts
    """What changes incidents."""
    history: History
    looks: Looks
    health: Health
    live: Live
    broadcast: Broadcast
    adaptor: Adaptor | None
    """Where requests are passed on to, where that is set."""
    alert_desk: AlertDesk
    channels: tuple[str, ...]
    """Names of the alert channels."""
    dcc_inbox: DccInbox
    quarantine: Quarantine


SERVICES: Final = web.AppKey("services", Services)
