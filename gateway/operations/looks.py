"""What people look at in the console, put together: each shows what other parts do and changes nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.alerts.conditions import Conditions
from gateway.clock import Clock
from gateway.health import Health
from gateway.ingest.counting import Counting
from gateway.ingest.receive import Receiver
from gateway.operations.audit_search import AuditSearch
from gateway.operations.overview import Overview
from gateway.operations.shown_settings import SettingsView
from gateway.operations.sources import Sources
from gateway.operations.token_state import TokenState
from gateway.operations.verification import Verification
from gateway.settings import Settings
from gateway.store.database import Database
from hsm.token import Token


@dataclass(frozen=True)
class Looks:
    """One for each page that shows something."""

    audit: AuditSearch
    verification: Verification
    overview: Overview
    sources: Sources
    token: TokenState
    settings: SettingsView


def make_looks(
    settings: Settings,
    database: Database,
    token: Token | None,
    counting: Counting,
    health: Health,
    conditions: Conditions,
    receivers: Mapping[str, Receiver],
    clock: Clock,
) -> Looks:
    """Return them for a running daemon."""
    heard = {source: receiver.heard for source, receiver in receivers.items()}
    sources = Sources(heard, settings, conditions, clock)
    return Looks(
        audit=AuditSearch(database, clock),
        verification=Verification(database, clock),
        overview=Overview(database, counting, health, sources, clock),
        sources=sources,
        token=TokenState(token, database, clock),
        settings=SettingsView(settings),
    )
