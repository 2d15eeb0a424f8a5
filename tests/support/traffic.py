"""Communications for the monitor, and its reports in the form of the oracle."""

from collections.abc import Iterable

from tests.support.oracle import USER, Report
from thresholds.breach import Breach, Change
from thresholds.model import Communication, CommunicationClass, UserId


def communication(
    variant: str = "4.1.1",
    communication_class: CommunicationClass = CommunicationClass.SR,
    user: UserId = USER,
    reference: str | None = None,
    devices: int = 1,
) -> Communication:
    """Return one communication; its reference is the beginning of the *variant* unless given."""
    return Communication(
        request_id=f"{user}:00-DB-12-34-56-78-90-A0:1",
        originator=user,
        target="00-DB-12-34-56-78-90-A0",
        counter=1,
        command_variant=1,
        service_reference=variant.rpartition(".")[0] if reference is None else reference,
        service_reference_variant=variant,
        communication_class=communication_class,
        devices=devices,
    )


def report(change: Change) -> Report:
    """Return *change* as the oracle would report it."""
    episode = change.episode
    if isinstance(change, Breach):
        supersedes = change.supersedes.opened if change.supersedes else None
        return "opened", episode.level, episode.opened, change.count, change.limit, supersedes
    return "ended", episode.level, episode.opened, change.ended


def reports(changes: Iterable[Change]) -> list[Report]:
    """Return *changes* in an order that does not depend on when they were noticed."""
    return ordered(report(change) for change in changes)


def ordered(found: Iterable[Report]) -> list[Report]:
    """Sort reports of either kind."""
    return sorted(found, key=str)
